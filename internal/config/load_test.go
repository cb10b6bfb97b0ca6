package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// minimal is the shortest configuration that loads.
const minimal = `
public_url: http://127.0.0.1:8080
listen: {agents: "127.0.0.1:8080", pbx: "127.0.0.1:8080"}
encryption_key_file: smokepop.key
tenants:
  - domain: firm.example.com
    smokeball: {client_id: id, client_secret: the-client-secret, api_key: the-api-key}
`

// put writes a file into dir and returns its path.
func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, content string, env ...string) (*Config, Problems) {
	t.Helper()
	return loadIn(t, t.TempDir(), content, env...)
}

func loadIn(t *testing.T, dir, content string, env ...string) (*Config, Problems) {
	t.Helper()
	cfg, err := Load(put(t, dir, "smokepop.yaml", content), env)
	if err == nil {
		return cfg, nil
	}
	var problems Problems
	if !errors.As(err, &problems) || cfg != nil {
		t.Fatalf("Load = %v, %T: want no configuration and Problems", cfg, err)
	}
	return nil, problems
}

func mustLoad(t *testing.T, content string, env ...string) *Config {
	t.Helper()
	cfg, problems := load(t, content, env...)
	if problems != nil {
		t.Fatalf("refused:\n%v", problems)
	}
	return cfg
}

func TestDefaults(t *testing.T) {
	cfg := mustLoad(t, minimal)
	tenant := cfg.Tenants[0]
	if cfg.StateDir != "/var/lib/smokepop" || cfg.AdminSocket != "/run/smokepop/admin.sock" || cfg.Listen.Ops != "127.0.0.1:9091" {
		t.Errorf("paths and ops: %+v", cfg)
	}
	if cfg.Log.Level != slog.LevelInfo || cfg.Log.Format != "auto" || !cfg.SignIn.Invite || cfg.SignIn.PBXPassword {
		t.Errorf("log and sign-in: %+v %+v", cfg.Log, cfg.SignIn)
	}
	if tenant.Region != "us" || tenant.Staging || !tenant.Scope.All {
		t.Errorf("tenant: %+v", tenant)
	}
	if l := tenant.Lookup; l.Timeout != 3*time.Second || l.Cache != time.Minute || l.MaxContacts != 10 || !l.Matters || len(l.Search) != 0 || l.PerAgent() {
		t.Errorf("lookup: %+v", l)
	}
	if want := (screenpop.PopSettings{On: screenpop.Ringing, Inbound: true, Outbound: true}); tenant.Pops.Settings() != want {
		t.Errorf("pops: %+v", tenant.Pops)
	}
	s := tenant.Smokeball
	if s.RefreshTokenLifetime != 720*time.Hour || s.RequestsPerSecond != 5 || s.Burst != 5 ||
		s.ContactLink != "{app}/#/billing/view-contact/{id}/details" || s.MatterLink != "{app}/#/billing/view-matter/{id}/details" ||
		s.SearchLink != "{app}/#/contacts?search={number}" || s.CreateLink != "{app}/#/contacts?create={number}" {
		t.Errorf("smokeball: %+v", s)
	}
	p := tenant.PBX
	if p.Country != "US" || p.Internal.Extensions.String() != "^[1-8][0-9]{1,3}$" || p.Internal.MailboxPrefix != "8" || !slices.Equal(p.StarPrefixes, []string{"*"}) {
		t.Errorf("pbx: %+v", p)
	}
}

func TestHowItIsSearched(t *testing.T) {
	cfg := mustLoad(t, minimal+"    lookup: {search: [tail:3, exact], share: agent}\n",
		"SMOKEPOP_TENANTS_0_SMOKEBALL_SEARCH_LINK={app}/#/contacts?q={number}", "SMOKEPOP_TENANTS_0_SMOKEBALL_CREATE_LINK=https://app.example/new")
	tenant := cfg.Tenants[0]
	if l := tenant.Lookup; !slices.Equal(l.Search, []string{"tail:3", "exact"}) || !l.PerAgent() {
		t.Errorf("lookup: %+v", l)
	}
	if s := tenant.Smokeball; s.SearchLink != "{app}/#/contacts?q={number}" || s.CreateLink != "https://app.example/new" {
		t.Errorf("smokeball: %+v", s)
	}
	cfg = mustLoad(t, strings.Replace(minimal, "client_id:", `search_link: "", create_link: "", client_id:`, 1))
	if s := cfg.Tenants[0].Smokeball; s.SearchLink != "" || s.CreateLink != "" {
		t.Errorf("no links: %+v", s)
	}
	cfg = mustLoad(t, minimal, "SMOKEPOP_TENANTS_0_LOOKUP_SEARCH=exact,tail:10")
	if l := cfg.Tenants[0].Lookup; !slices.Equal(l.Search, []string{"exact", "tail:10"}) || l.PerAgent() {
		t.Errorf("lookup from the environment: %+v", l)
	}
}

const whole = `
public_url: HTTPS://Pop.Firm.Example:443/
state_dir: state
admin_socket: /run/sp.sock
listen: {agents: ":8443", pbx: "[::1]:8444", ops: "127.0.0.1:0"}
trusted_proxies: [10.1.2.3, "2001:db8::/32", "::ffff:10.9.9.9"]
encryption_key_file: keys/smokepop.key
tenants:
  - domain: Firm.Example.COM.
    region: au
    staging: true
    scope: { extensions: [101, 0102], groups: [intake] }
    smokeball:
      client_id: 123456
      client_secret_file: secret
      api_key: key
      refresh_token_lifetime: 1440h
      endpoints: { auth: "https://auth.firm.example/", api: "http://127.0.0.1:9000/api/", app: "" }
      contact_link: "https://app.firm.example/c/{id}"
      matter_link: "{app}#m/{id}?from={app-is-no-placeholder-here}"
      search_link: "{app}/s/{number}"
      create_link: "https://app.firm.example/new?n={number}"
      requests_per_second: 2.5
      burst: 9
    pbx:
      webhook: { username: 77, password: 0012, token: tok, allow: [10.0.0.0/8, 192.168.1.9] }
      events: both
      aliases:
        { event: [a1], call_id: [A2, 77], primary_call_id: [a3], from: [a4], to: [a5], extension: [a6], direction: [a7],
          from_name: [a8], time: [a9], id: [a10], queue: [a11], answered_by: [a12] }
      event_names: { ringing: [incoming], connected: [up], terminated: [down, bye] }
      api: { url: "https://pbx.firm.example/", username: admin, password: pw, user: 0040, refresh: 90s }
      dial: tel
      country: uk
      internal: { extensions: "^[0-9]{4}$", mailbox_prefix: "" }
      star_prefixes: ["*", "#"]
      ignore_numbers: ["+61 2 4224 8120"]
    lookup: { timeout: 1s500ms, cache: 0, max_contacts: 3, matters: false, search: [tail:4, exact], share: agent }
    pops: { on: connected, inbound: false, outbound: true, unknown: card, notification: number, sound: true, lock: [on, sound] }
    agents:
      - { extension: 0102, name: " Priya Shah ", email: priya@firm.example, groups: [intake] }
sign_in:
  invite: false
  pbx_password: true
  oidc: { issuer: "https://Login.Example/Firm/", client_id: 77, client_secret_file: secret, name: Firm, scopes: [openid, email] }
embed: { allowed_parents: ["HTTPS://Portal.Firm.Example:443/", "http://localhost:8080"] }
tracing: { otlp_endpoint: "https://Collector.Example:4318/", sample_ratio: 0.25, headers: "Authorization: Bearer tok" }
cluster: { nats: { urls: ["nats://127.0.0.1:4222"], creds_file: secret }, node: a, name: pops, replicas: 1 }
log: { level: debug, format: json }
`

func TestEveryKeyIsRead(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "secret", "s3cret\n")
	cfg, problems := loadIn(t, dir, strings.Replace(whole, "?from={app-is-no-placeholder-here}", "", 1))
	if problems != nil {
		t.Fatal(problems)
	}
	tenant := cfg.Tenants[0]
	if n := tenant.PBX.Ignore; len(n) != 1 || n[0].Canonical != "+61242248120" || tenant.PBX.Numbers.Country() != "GB" {
		t.Errorf("numbers: %+v", tenant.PBX)
	}
	tenant.PBX.Internal.Extensions, tenant.PBX.Numbers, tenant.PBX.Ignore = nil, nil, nil // compared above and below
	want := Tenant{
		Domain: "firm.example.com", Region: "au", Staging: true,
		Scope: Scope{Extensions: []string{"101", "0102"}, Groups: []string{"intake"}},
		Smokeball: Smokeball{
			ClientID: "123456", ClientSecret: "s3cret", ClientSecretFile: filepath.Join(dir, "secret"), APIKey: "key",
			RefreshTokenLifetime: 1440 * time.Hour,
			Endpoints:            Endpoints{Auth: "https://auth.firm.example", API: "http://127.0.0.1:9000/api"},
			ContactLink:          "https://app.firm.example/c/{id}", MatterLink: "{app}#m/{id}",
			SearchLink: "{app}/s/{number}", CreateLink: "https://app.firm.example/new?n={number}",
			RequestsPerSecond: 2.5, Burst: 9,
		},
		PBX: PBX{
			Webhook: Webhook{
				Username: "77", Password: "0012", Token: "tok",
				Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.9/32")},
			},
			Events: "both", Dial: "tel",
			Aliases: Aliases{
				Event: []string{"a1"}, CallID: []string{"A2", "77"}, PrimaryCallID: []string{"a3"}, From: []string{"a4"}, To: []string{"a5"},
				Extension: []string{"a6"}, Direction: []string{"a7"}, FromName: []string{"a8"}, Time: []string{"a9"}, ID: []string{"a10"},
				Queue: []string{"a11"}, AnsweredBy: []string{"a12"},
			},
			EventNames: EventNames{Ringing: []string{"incoming"}, Connected: []string{"up"}, Terminated: []string{"down", "bye"}},
			API:        API{URL: "https://pbx.firm.example", Username: "admin", Password: "pw", User: "0040", Refresh: 90 * time.Second},
			Country:    "GB", StarPrefixes: []string{"*", "#"}, IgnoreNumbers: []string{"+61 2 4224 8120"},
		},
		Lookup: Lookup{Timeout: 1500 * time.Millisecond, MaxContacts: 3, Search: []string{"tail:4", "exact"}, Share: "agent"},
		Pops:   Pops{On: screenpop.Connected, Outbound: true, Unknown: "card", Notification: screenpop.NotifyNumber, Sound: true, Lock: []string{"on", "sound"}},
		Agents: []screenpop.Agent{{
			AgentID: screenpop.AgentID{Tenant: "firm.example.com", Extension: "0102"},
			Name:    "Priya Shah", Email: "priya@firm.example", Groups: []string{"intake"},
		}},
	}
	if !reflect.DeepEqual(tenant, want) {
		t.Errorf("tenant\n got %#v\nwant %#v", tenant, want)
	}
	signIn := SignIn{PBXPassword: true, OIDC: OIDC{
		Issuer: "https://Login.Example/Firm/", ClientID: "77", ClientSecret: "s3cret", ClientSecretFile: filepath.Join(dir, "secret"),
		Name: "Firm", Scopes: []string{"openid", "email"},
	}}
	if !reflect.DeepEqual(cfg.SignIn, signIn) {
		t.Errorf("sign-in\n got %#v\nwant %#v", cfg.SignIn, signIn)
	}
	if p := cfg.Embed.AllowedParents; !slices.Equal(p, []string{"https://portal.firm.example", "http://localhost:8080"}) {
		t.Errorf("embed: %q", p)
	}
	if c := cfg.Cluster; !c.On() || len(c.NATS.URLs) != 1 || c.NATS.CredsFile != filepath.Join(dir, "secret") || c.Node != "a" || c.Name != "pops" || c.Replicas != 1 {
		t.Errorf("cluster: %+v", c)
	}
	if tr := cfg.Tracing; tr != (Tracing{Endpoint: "https://collector.example:4318", SampleRatio: 0.25, Headers: "Authorization: Bearer tok"}) {
		t.Errorf("tracing: %+v", tr)
	} else if h, err := tr.Header(); err != nil || h.Get("Authorization") != "Bearer tok" {
		t.Errorf("tracing.headers: %v %v", h, err)
	}
	if re := cfg.Tenants[0].PBX.Internal.Extensions; !re.MatchString("1234") || re.MatchString("123") {
		t.Errorf("extensions: %v", re)
	}
	proxies := []netip.Prefix{
		netip.MustParsePrefix("10.1.2.3/32"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("10.9.9.9/32"),
	}
	if cfg.PublicURL != "https://pop.firm.example" || cfg.StateDir != filepath.Join(dir, "state") || !slices.Equal(cfg.TrustedProxies, proxies) ||
		cfg.EncryptionKeyFile != filepath.Join(dir, "keys/smokepop.key") || cfg.Listen != (Listen{":8443", "[::1]:8444", "127.0.0.1:0"}) ||
		cfg.AdminSocket != "/run/sp.sock" || cfg.Log != (Log{slog.LevelDebug, "json"}) {
		t.Errorf("top: %+v", cfg)
	}
}

func TestCountryFollowsRegion(t *testing.T) {
	for region, want := range map[string]string{"us": "US", "au": "AU", "uk": "GB"} {
		cfg := mustLoad(t, minimal+"    region: "+region+"\n")
		if got := cfg.Tenants[0].PBX.Country; got != want {
			t.Errorf("region %s: country %s, want %s", region, got, want)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir, "/dev/zero"} {
		_, err := Load(path, nil)
		if err == nil || !strings.HasPrefix(err.Error(), path+": cannot be read: ") {
			t.Errorf("Load(%s) = %v", path, err)
		}
	}
}

func TestAdminSocketNeedsNoSecretsAndNoSoundRest(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "c.yaml", "admin_socket: run/a.sock\nbogus: 1\ntenants: [{domain: 5}]\n")
	if got, err := AdminSocket(path, nil); err != nil || got != filepath.Join(dir, "run/a.sock") {
		t.Errorf("AdminSocket = %q, %v", got, err)
	}
	if got, err := AdminSocket(path, []string{"SMOKEPOP_ADMIN_SOCKET=/x.sock"}); err != nil || got != "/x.sock" {
		t.Errorf("AdminSocket = %q, %v", got, err)
	}
	for _, bad := range []string{"admin_socket: [a]\n", "- a\n", "a: b: c\n"} {
		if got, err := AdminSocket(put(t, dir, "bad.yaml", bad), nil); err == nil {
			t.Errorf("AdminSocket of %q = %q", bad, got)
		}
	}
}
