package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func printed(t *testing.T, cfg *Config) string {
	t.Helper()
	var b strings.Builder
	if err := Print(&b, cfg); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintIsGolden(t *testing.T) {
	cfg := mustLoad(t, minimal+`    scope: {extensions: [0101], groups: [on]}
    agents: [{extension: 0101, name: "Priya: Shah", email: priya@firm.example, groups: [on]}]
    pbx: {webhook: {username: vodia, password: hunter2, allow: [10.0.0.0/8]}}
admins: [{email: IT@firm.example, tenants: [Firm.example.com.]}]
`)
	cfg.EncryptionKeyFile = "/etc/smokepop/smokepop.key" // loaded, it is in the test's own directory
	got := printed(t, cfg)
	const golden = "testdata/printed.yaml"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("printed:\n%s", got)
	}
}

// TestPrintedLoadsAgain prints a configuration whose secrets all stand in files
// and loads what was printed: nothing is lost, and nothing is read differently.
func TestPrintedLoadsAgain(t *testing.T) {
	dir := t.TempDir()
	putCertificate(t, dir)
	for _, name := range []string{"smokeball-client-secret", "smokeball-api-key", "webhook-password", "smokepop.key"} {
		put(t, dir, name, "hunter2\n")
	}
	env := []string{"CREDENTIALS_DIRECTORY=" + dir, "SMOKEPOP_TENANTS_0_PBX_IGNORE_NUMBERS=+16173998147,0012", "SMOKEPOP_TENANTS_0_POPS_UNKNOWN=card"}
	first, err := Load(exampleFile, env)
	if err != nil {
		t.Fatal(err)
	}
	text := printed(t, first)
	if strings.Contains(text, "hunter2") {
		t.Errorf("a secret is printed:\n%s", text)
	}
	second, err := Load(put(t, t.TempDir(), "printed.yaml", text), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	// Two plans of a country never compare equal: each remembers numbers of its
	// own. Country and area code are compared as settings.
	for _, c := range []*Config{first, second} {
		for i := range c.Tenants {
			c.Tenants[i].PBX.Numbers = nil
		}
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("first\n%+v\nsecond\n%+v", first, second)
	}
	if again := printed(t, second); again != text {
		t.Errorf("printed differently:\n%s\n%s", text, again)
	}
}

func TestWarnings(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "smokepop.key", "k")
	token := put(t, dir, "token", "token \n\n")
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	agents := "extension,email\n"
	for _, e := range strings.Fields("201 202 203 204 205 206 207 208 209 210 211 212") {
		agents += e + ",\n"
	}
	put(t, dir, "agents.csv", agents)
	cfg, problems := loadIn(t, dir, strings.Replace(minimal, "listen: {", "trusted_proxies: [127.0.0.1]\nlisten: {ops: \":9091\", ", 1)+`    lookup: {cache: 6m}
    pops: {inbound: false, outbound: false}
    agents_file: agents.csv
    scope: {extensions: [101, 102]}
    agents:
      - {extension: 101, email: a@firm.example}
      - {extension: 102, email: A@Firm.example}
      - {extension: 103, email: c@firm.example}
    pbx: {star_prefixes: ["9"], api: {url: "https://pbx.firm.example", username: u, password: p}}
  - domain: b.example
    smokeball: {client_id: id, client_secret: " cs", api_key: ak}
    pbx: {webhook: {token_file: token, allow: [0.0.0.0/0]}}
`)
	if problems != nil {
		t.Fatal(problems)
	}
	want := []string{
		"tenants[1].smokeball.client_secret: the secret begins or ends with a blank or a line break, which count as part of it",
		"tenants[1].pbx.webhook.token_file: the secret begins or ends with a blank or a line break, which count as part of it",
		"tenants[1].pbx.webhook.token_file: " + filepath.Join(dir, "token") + " is open to every user of this machine: chmod o= it",
		"listen.ops: metrics and health are open to everybody who reaches :9091",
		"tenants[0].pbx.webhook: checks nothing, and a proxy may bring webhooks from outside: set a password or a token",
		`tenants[0].pbx.star_prefixes[0]: "9": calls with numbers that begin like this show no pop`,
		"tenants[0].lookup.cache: is longer than 5m: a contact that is changed in Smokeball shows its old name for that long",
		"tenants[0].pops: inbound and outbound are off: nobody of this tenant sees a pop before turning one of them on",
		"tenants[0].agents: 201, 202, 203, 204, 205, 206, 207, 208, 209, 210 and 2 more without an e-mail address: nobody can check that the right Smokeball user was paired",
		"tenants[0].agents: 102 with the e-mail address of another agent",
		"tenants[0].agents: 103, 201, 202, 203, 204, 205, 206, 207, 208, 209 and 3 more listed but not in scope: no pops there",
		"tenants[1].pbx.webhook.allow[0]: 0.0.0.0/0 allows every address",
		"tenants[1].agents: is empty, and so are agents_file and pbx.api.url: nobody of this tenant sees a pop",
	}
	if got := cfg.Warnings(); !reflect.DeepEqual(got, want) {
		t.Errorf("warnings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPortThatNobodyListensOnWarns(t *testing.T) {
	dir := t.TempDir()
	putCertificate(t, dir)
	for public, warned := range map[string]bool{"https://pop.firm.example": true, "https://pop.firm.example:8080": false} {
		yaml := strings.Replace(minimal, "http://127.0.0.1:8080", public, 1) + "tls: {cert_file: tls.crt, key_file: tls.key}\n"
		cfg, problems := loadIn(t, dir, yaml)
		if problems != nil {
			t.Fatal(problems)
		}
		if w := strings.Join(cfg.Warnings(), "\n"); strings.Contains(w, "public_url: has port 443 and listen.agents 8080") != warned {
			t.Errorf("%s: warnings: %s", public, w)
		}
	}
}

func TestProxyThatIsNotNamedWarns(t *testing.T) {
	cfg := mustLoad(t, strings.Replace(minimal, "http://127.0.0.1:8080", "https://pop.firm.example", 1))
	if w := strings.Join(cfg.Warnings(), "\n"); !strings.Contains(w, "trusted_proxies: is empty, and public_url is https without tls here") {
		t.Errorf("warnings: %s", w)
	}
}

// Of a firm's admin nobody else's tenant is printed, nor what is everybody's.
func TestPrintTenantsPrintsThemAlone(t *testing.T) {
	cfg := mustLoad(t, minimal+`  - domain: other.example.com
    smokeball: {client_id: theirs, client_secret: hunter2, api_key: hunter2}
    agents: [{extension: 901, name: Olga, email: olga@other.example}]
admins: [{email: it@provider.example}]
`)
	var b strings.Builder
	if err := PrintTenants(&b, cfg, []screenpop.Tenant{cfg.Tenants[0].Domain, "nowhere.example.com"}); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if !strings.HasPrefix(got, "tenants:\n  - domain: ") || !strings.Contains(got, string(cfg.Tenants[0].Domain)) {
		t.Errorf("printed:\n%s", got)
	}
	for _, foreign := range []string{"other.example", "theirs", "901", "Olga", "hunter2", "provider", "state_dir", "sign_in"} {
		if strings.Contains(got, foreign) {
			t.Errorf("%s is printed:\n%s", foreign, got)
		}
	}
	b.Reset()
	if err := PrintTenants(&b, cfg, nil); err != nil || b.String() != "tenants: []\n" {
		t.Errorf("of none: %v\n%s", err, b.String())
	}
}
