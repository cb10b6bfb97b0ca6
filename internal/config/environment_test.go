package config

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEnvironmentAlone(t *testing.T) {
	cfg := mustLoad(t, "",
		"SMOKEPOP_PUBLIC_URL=https://pop.firm.example", "SMOKEPOP_LISTEN_AGENTS=:8443", "SMOKEPOP_LISTEN_PBX=:8443",
		"SMOKEPOP_TRUSTED_PROXIES=10.0.0.1, 10.1.0.0/16", "SMOKEPOP_ENCRYPTION_KEY_FILE=/k", "SMOKEPOP_LOG_LEVEL=warn",
		"SMOKEPOP_SIGN_IN_INVITE=true", "SMOKEPOP_LISTEN_OPS=",
		"SMOKEPOP_TENANTS_0_DOMAIN=firm.example.com", "SMOKEPOP_TENANTS_0_STAGING=true",
		"SMOKEPOP_TENANTS_0_SMOKEBALL_CLIENT_ID=0123", "SMOKEPOP_TENANTS_0_SMOKEBALL_CLIENT_SECRET=a,b",
		"SMOKEPOP_TENANTS_0_SMOKEBALL_API_KEY=[k]", "SMOKEPOP_TENANTS_0_SMOKEBALL_REQUESTS_PER_SECOND=2.5",
		"SMOKEPOP_TENANTS_0_SMOKEBALL_BURST=7",
		"SMOKEPOP_TENANTS_0_PBX_WEBHOOK_TOKEN=t", "SMOKEPOP_TENANTS_0_PBX_STAR_PREFIXES=*,#", "SMOKEPOP_TENANTS_0_PBX_AREA_CODE=617",
		"SMOKEPOP_TENANTS_0_SCOPE_EXTENSIONS=101,0102", "SMOKEPOP_TENANTS_0_LOOKUP_TIMEOUT=1500ms",
		"SMOKEPOP_TENANTS_0_AGENTS_0_EXTENSION=0102", "SMOKEPOP_TENANTS_0_AGENTS_0_GROUPS=[intake, 'a,b']",
		"SMOKEPOP_TENANTS_1_DOMAIN=second.example.com", `SMOKEPOP_TENANTS_1_SMOKEBALL_CLIENT_ID=x`,
		"SMOKEPOP_TENANTS_1_SMOKEBALL_CLIENT_SECRET=s", "SMOKEPOP_TENANTS_1_SMOKEBALL_API_KEY=k",
		"SMOKEPOP_TENANTS_1_PBX_WEBHOOK_TOKEN=t", "SMOKEPOP_TENANTS_1_SCOPE={groups: [1, intake]}",
		"SMOKEPOP_TENANTS_1_AGENTS=[{extension: 007, name: James}]",
	)
	if cfg.Listen.Agents != ":8443" || cfg.Listen.Ops != "127.0.0.1:9091" || cfg.Log.Level != slog.LevelWarn || len(cfg.TrustedProxies) != 2 {
		t.Errorf("top: %+v", cfg)
	}
	if len(cfg.Tenants) != 2 {
		t.Fatalf("%d tenants", len(cfg.Tenants))
	}
	first, second := cfg.Tenants[0], cfg.Tenants[1]
	s := first.Smokeball
	if s.ClientID != "0123" || s.ClientSecret.Reveal() != "a,b" || s.APIKey.Reveal() != "[k]" || s.RequestsPerSecond != 2.5 || s.Burst != 7 || !first.Staging {
		t.Errorf("smokeball: %+v", s)
	}
	if p := first.PBX; !slices.Equal(p.StarPrefixes, []string{"*", "#"}) || p.AreaCode != "617" {
		t.Errorf("pbx: %+v", p)
	}
	if first.Scope.All || !slices.Equal(first.Scope.Extensions, []string{"101", "0102"}) || first.Lookup.Timeout != 1500*time.Millisecond {
		t.Errorf("first: %+v", first)
	}
	if a := first.Agents; len(a) != 1 || a[0].Extension != "0102" || !slices.Equal(a[0].Groups, []string{"intake", "a,b"}) {
		t.Errorf("agents: %+v", a)
	}
	if second.Scope.All || !slices.Equal(second.Scope.Groups, []string{"1", "intake"}) || len(second.Agents) != 1 || second.Agents[0].Extension != "007" {
		t.Errorf("second: %+v", second)
	}
}

func TestEnvironmentWinsOverTheFile(t *testing.T) {
	cfg := mustLoad(t, minimal+"    region: us\n    agents: [{extension: 101, name: A, email: a@firm.example}]\nlog: {level: info, format: text}\n",
		"SMOKEPOP_LOG_LEVEL=error", "SMOKEPOP_TENANTS_0_REGION=uk", "SMOKEPOP_TENANTS_0_AGENTS_0_NAME=B", "SMOKEPOP_TENANTS_0_AGENTS_1_EXTENSION=102")
	tenant := cfg.Tenants[0]
	if cfg.Log != (Log{slog.LevelError, "text"}) || tenant.Region != "uk" || tenant.Smokeball.ClientID != "id" {
		t.Errorf("%+v", cfg)
	}
	if a := tenant.Agents; len(a) != 2 || a[0].Name != "B" || a[0].Email != "a@firm.example" || a[1].Extension != "102" {
		t.Errorf("agents: %+v", a)
	}
}

func TestEnvironmentReplacesWholeLists(t *testing.T) {
	cfg := mustLoad(t, minimal, "SMOKEPOP_TENANTS=[{domain: other.example, smokeball: {client_id: a, client_secret: b, api_key: c}}]",
		"SMOKEPOP_TENANTS_0_REGION=au")
	if len(cfg.Tenants) != 1 || cfg.Tenants[0].Domain != "other.example" || cfg.Tenants[0].Region != "au" {
		t.Errorf("%+v", cfg.Tenants)
	}
}

func TestEnvironmentProblemsNameKeyAndVariable(t *testing.T) {
	_, problems := load(t, minimal, "SMOKEPOP_LOG_LEVEL=loud", "SMOKEPOP_TENANTS_0_STAGING=perhaps", "SMOKEPOP_TENANTS_0_SMOKEBALL_BURST=many",
		"SMOKEPOP_TENANTS_0_LOOKUP_CACHE=60", "SMOKEPOP_TRUSTED_PROXIES=10.0.0.1,mars", "SMOKEPOP_TENANTS_0_SCOPE=some",
		"SMOKEPOP_TENANTS_0_AGENTS={", "SMOKEPOP_TENANTS_0_PBX_WEBHOOK_ALLOW=[1", "SMOKEPOP_TENANTS_0_SMOKEBALL_API_KEY_FILE=k",
		"SMOKEPOP_TENANTS_0_PBX_COUNTRY=")
	want := []string{
		`log.level: SMOKEPOP_LOG_LEVEL: unknown level "loud": use debug, info, warn or error`,
		`tenants[0].staging: SMOKEPOP_TENANTS_0_STAGING: must be true or false`,
		`tenants[0].smokeball.burst: SMOKEPOP_TENANTS_0_SMOKEBALL_BURST: must be a whole number`,
		`tenants[0].lookup.cache: SMOKEPOP_TENANTS_0_LOOKUP_CACHE: must be a duration with its unit, such as 3s or 1m30s, not "60"`,
		`trusted_proxies[1]: SMOKEPOP_TRUSTED_PROXIES: "mars" is no network: write 10.0.0.0/8 or a single address`,
		`tenants[0].scope: SMOKEPOP_TENANTS_0_SCOPE: must be all, or a map of extensions and groups`,
		`tenants[0].agents: SMOKEPOP_TENANTS_0_AGENTS: is no YAML: `,
		`tenants[0].pbx.webhook.allow: SMOKEPOP_TENANTS_0_PBX_WEBHOOK_ALLOW: is no YAML: `,
		`tenants[0].smokeball.api_key: is set, and api_key_file too: keep one`,
	}
	if len(problems) != len(want) {
		t.Errorf("%d problems, want %d:\n%v", len(problems), len(want), problems)
	}
	for _, w := range want {
		if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.HasPrefix(p.String(), w) }) {
			t.Errorf("nobody said %s\n%v", w, problems)
		}
	}
}

func TestScopeTwiceInTheEnvironment(t *testing.T) {
	_, problems := load(t, minimal, "SMOKEPOP_TENANTS_0_SCOPE=all", "SMOKEPOP_TENANTS_0_SCOPE_GROUPS=intake")
	want := "tenants[0].scope: SMOKEPOP_TENANTS_0_SCOPE and one of its lists are both set: keep one"
	if problems.Error() != want {
		t.Errorf("said %v", problems)
	}
}

func TestForeignVariablesWarn(t *testing.T) {
	cfg := mustLoad(t, minimal+"    agents: [{extension: 101, email: a@firm.example}]\n",
		"SMOKEPOP_REGION=au", "SMOKEPOP_TENANTS_2_REGION=au", "smokepop_log_level=x", "PATH=/bin")
	want := []string{
		"encryption_key_file", "SMOKEPOP_REGION: this variable is no key of the configuration",
		"SMOKEPOP_TENANTS_2_REGION: this variable is no key of the configuration",
	}
	if got := cfg.Warnings(); len(got) != 3 || !strings.HasPrefix(got[0], want[0]) || !slices.Equal(got[1:], want[1:]) {
		t.Errorf("warnings: %q", got)
	}
}
