package architecture

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/smokepop/smokepop"

// mayImport says which of our packages a package may import, and so which way
// data flows. A package that is not named here has no place in the house yet:
// give it one.
var mayImport = map[string][]string{
	"internal/screenpop": {},
	"internal/numbering": {"internal/screenpop"},
	"internal/smokeball": {"internal/screenpop"},
	"internal/vault":     {"internal/screenpop"},
	"internal/trace":     {"internal/screenpop"},
	"internal/vodia":     {"internal/screenpop"},
	"internal/directory": {"internal/screenpop", "internal/crew"},
	"internal/signon":    {"internal/screenpop"},
	"internal/crew":      {},
	"internal/audit":     {"internal/screenpop"},
	"internal/acme":      {},
	"internal/otlp":      {"internal/screenpop"},
	"internal/cluster":   {},
	"internal/pbxevents": {"internal/screenpop", "internal/numbering"},
	"internal/lookup":    {"internal/screenpop", "internal/numbering", "internal/smokeball", "internal/crew"},
	"internal/tokens":    {"internal/screenpop", "internal/vault", "internal/smokeball"},
	"internal/push":      {"internal/screenpop"},
	"internal/web":       {"internal/screenpop", "internal/audit"},
	"internal/config":    {"internal/screenpop", "internal/numbering", "internal/smokeball"},
	"internal/simulator": {"internal/screenpop"},
	"internal/daemon": {
		"internal/screenpop", "internal/numbering", "internal/smokeball", "internal/vault", "internal/trace",
		"internal/pbxevents", "internal/lookup", "internal/tokens", "internal/push", "internal/web", "internal/config", "internal/vodia", "internal/directory", "internal/signon", "internal/crew", "internal/acme", "internal/audit", "internal/otlp", "internal/cluster",
	},
	"internal/crashtest":    {"internal/screenpop", "internal/smokeball", "internal/vault", "internal/tokens", "internal/simulator"},
	"internal/chaos":        {},
	"internal/process":      {},
	"internal/natsproc":     {"internal/process"},
	"internal/architecture": {},
	"bench/baseline":        {},
	"bench/crm":             {"internal/simulator"},
	"bench/load":            {"internal/natsproc"},
	"cmd/smokepopd":         {"internal/audit", "internal/natsproc", "internal/process", "internal/trace", "internal/daemon", "internal/config", "internal/simulator", "internal/vault", "internal/screenpop", "internal/vodia", "internal/smokeball"},
}

// onlyIn says which rooms a library belongs to, and why.
var onlyIn = []struct {
	library string
	rooms   []string
	why     string
}{
	{"go.etcd.io/bbolt", []string{"internal/vault"}, "nothing is stored that is not sealed"},
	{"github.com/gorilla/websocket", []string{"internal/push", "internal/vodia", "internal/simulator", "bench/baseline", "bench/load"},
		"one place knows how to write to a browser without blocking, one listens to the PBX as a client, and one plays that PBX; the bench is none of ours"},
	{"github.com/spf13/viper", []string{"internal/config"}, "no viper type leaves the configuration"},
	{"github.com/nyaruka/phonenumbers", []string{"internal/numbering"}, "one canonical form of a number"},
	{"golang.org/x/oauth2", []string{"internal/smokeball", "internal/signon"}, "one place talks to Smokeball's authorisation server, one to the firm's identity provider"},
	{"github.com/caddyserver/certmagic", []string{"internal/acme"}, "one place asks for certificates, and keeps their keys where everything is sealed"},
	{"github.com/nats-io", []string{"internal/vault", "internal/cluster", "internal/daemon"}, "one room keeps sealed records there, one is a member; the daemon connects them"},
	{"go.opentelemetry.io", []string{"internal/otlp"}, "one place decides what of a call may leave the machine"},
	{"github.com/coreos/go-oidc", []string{"internal/signon"}, "one place knows what a good ID token is"},
}

// testOnly are libraries that no shipped code may import.
var testOnly = []string{
	"github.com/chromedp", "github.com/zitadel", "github.com/getkin/kin-openapi", "github.com/letsencrypt", "github.com/nats-io/nats-server", "go.uber.org/goleak", "pgregory.net/rapid", "testing",
}

func load(t *testing.T) map[string]*packages.Package {
	t.Helper()
	cfg := &packages.Config{Mode: packages.NeedName | packages.NeedImports | packages.NeedFiles | packages.NeedSyntax, Dir: "../.."}
	pkgs, err := packages.Load(cfg, "./...")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*packages.Package{}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Errorf("%s: %v", p.PkgPath, e)
		}
		byName[strings.TrimPrefix(p.PkgPath, module+"/")] = p
	}
	if len(byName) < 5 {
		t.Fatalf("only %d packages found", len(byName))
	}
	return byName
}

func TestImportDirections(t *testing.T) {
	for name, p := range load(t) {
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s has no row in mayImport: say which of our packages it may import", name)
			continue
		}
		for path := range p.Imports {
			ours, ok := strings.CutPrefix(path, module+"/")
			if ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s: data flows the other way", name, ours)
			}
		}
	}
}

func TestTheTradeImportsTheStandardLibraryOnly(t *testing.T) {
	for path := range load(t)["internal/screenpop"].Imports {
		if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			t.Errorf("screenpop imports %s", path)
		}
	}
}

func TestLibrariesStayInTheirRoom(t *testing.T) {
	for name, p := range load(t) {
		for path := range p.Imports {
			for _, rule := range onlyIn {
				if within(path, rule.library) && !slices.Contains(rule.rooms, name) {
					t.Errorf("%s imports %s, which belongs to %v: %s", name, path, rule.rooms, rule.why)
				}
			}
			for _, library := range testOnly {
				if within(path, library) {
					t.Errorf("%s imports %s, which is for tests", name, path)
				}
			}
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	for name, p := range load(t) {
		comments := 0
		for _, f := range p.Syntax {
			if f.Doc != nil {
				comments++
			}
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments, want one", name, comments)
		}
	}
}

func within(path, library string) bool {
	return path == library || strings.HasPrefix(path, library+"/")
}
