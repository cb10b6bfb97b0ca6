package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/simulator"
)

// doctor runs the command on a system.
func (s *system) doctor(args ...string) (code int, out string) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(append([]string{"doctor", "--config", s.file}, args...), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// probes are the verdicts of a JSON report, each with what was probed.
func probes(t *testing.T, out string) (report doctorReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return report
}

func (r doctorReport) wants(t *testing.T, result verdict, what string) {
	t.Helper()
	if !slices.ContainsFunc(r.Probes, func(f finding) bool { return f.Result == result && strings.Contains(f.seen(), what) }) {
		t.Errorf("want %s for %q: %+v", result, what, r.Probes)
	}
}

func contactID(t *testing.T, f *simulator.Firm, name string) string {
	t.Helper()
	for _, c := range f.Contacts {
		if c.Name() == name && !c.Deleted {
			return c.ID
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}

func TestDoctorOnAHealthySystem(t *testing.T) {
	s := startSystem(t, systemOptions{})
	code, out := s.doctor("--json")
	r := probes(t, out)
	for _, what := range []string{"configuration: " + s.file, "encryption-key: ", "secrets in files", "state-directory: ", "disk: ", "admin-socket: ", "listeners: somebody listens on", "ready: http://" + s.ops + "/readyz says ready", "public-url: http://127.0.0.1", "websocket: ", "trusted-proxies: requests come from 127.0.0.1, without a proxy", "webhook-round-trip of ", "client-credentials of ", "redirect of ", "number-plan of firm.example: 5550123, ", "daemon: it answers on " + s.socket + ": agents: 6, paired: 0", "webhook-listener of firm.example: 127.0.0.1", "smokeball: http://127.0.0.1"} {
		r.wants(t, probeOK, what)
	}
	r.wants(t, probeWarn, "account of firm.example: nobody is paired")
	if code != exitOK || r.Search != nil {
		t.Errorf("exit code %d:\n%s", code, out)
	}

	s.paired(s.firm().Agents[1])
	code, out = s.doctor()
	if code != exitOK || strings.Contains(out, "FAILED") || !strings.Contains(out, "ok       account of firm.example: Harlow & Pryce LLP, asked as extension 102\n") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !regexp.MustCompile(`^((ok     |warning|FAILED |skipped)  |         > )\S`).MatchString(line) {
			t.Errorf("the line %q", line)
		}
	}
}

// The plan that is printed, put into the configuration as it is, finds the
// contact, whatever Smokeball's search turns out to be.
func TestDoctorFindsThePlan(t *testing.T) {
	for name, c := range map[string]struct {
		index simulator.PhoneIndex
		first string // step of the plan
	}{
		"likeliest":    {simulator.PhoneIndex{}, "tail:4"},
		"number only":  {simulator.PhoneIndex{Join: simulator.NumberOnly, StripPunctuation: true}, "tail:4"},
		"no wildcards": {simulator.PhoneIndex{NoWildcards: true}, "exact"},
	} {
		t.Run(name, func(t *testing.T) {
			as := func(o *simulator.Options) { o.PhoneIndex = c.index }
			s := startSystem(t, systemOptions{as: as})
			s.paired(s.firm().Agents[0])
			id := contactID(t, s.firm(), "Maria Castellanos")
			code, out := s.doctor("--number", "617-555-0142", "--contact", id)
			if code != exitOK || !strings.Contains(out, "ok       searches of firm.example: the plan below finds the contact") {
				t.Fatalf("exit code %d:\n%s", code, out)
			}
			if strings.Contains(out, "5550142") || strings.Contains(out, "Maria") || strings.Contains(out, id) {
				t.Errorf("tells who it is:\n%s", out)
			}
			_, printed, _ := strings.Cut(out, "Set for the tenant:\n\n")
			printed, _, _ = strings.Cut(printed, "\n\n")
			var set map[string]any
			if err := yaml.Unmarshal([]byte(printed), &set); err != nil {
				t.Fatalf("%v: %q", err, printed)
			}

			planned := startSystem(t, systemOptions{as: as, world: func(_ *demoWorld, settings map[string]any) {
				tenant := settings["tenants"].([]map[string]any)[0]
				tenant["lookup"] = set["lookup"]
			}})
			if steps := set["lookup"].(map[string]any)["search"].([]any); steps[0] != c.first {
				t.Errorf("the plan is %v", steps)
			}
			sc := planned.paired(planned.firm().Agents[0]).open()
			planned.mustAccept(event{"event": "ringing", "call_id": "1", "from": "6175550142", "to": "101"})
			if got := names(dig(sc.next("pop"), "pop")); !slices.Equal(got, []string{"Maria Castellanos"}) {
				t.Errorf("the pop shows %v", got)
			}
		})
	}
}

func TestDoctorOnSearchesThatFindNobody(t *testing.T) {
	s := startSystem(t, systemOptions{as: func(o *simulator.Options) { o.PhoneIndex.Fields = []string{"fax"} }})
	ask := func(want int, args ...string) doctorReport {
		t.Helper()
		code, out := s.doctor(append([]string{"--json"}, args...)...)
		if code != want {
			t.Errorf("exit code %d:\n%s", code, out)
		}
		return probes(t, out)
	}
	maria := contactID(t, s.firm(), "Maria Castellanos")
	ask(exitFailed, "--number", "6175550142").wants(t, probeFail, "nobody is paired")
	s.paired(s.firm().Agents[0])
	if r := ask(exitFailed, "--number", "6175550142", "--contact", maria); len(r.Search.Trials) < 8 || len(r.Search.Plan) != 0 || r.Search.Field != "cell" {
		t.Errorf("%+v", r.Search)
	} else {
		r.wants(t, probeFail, "none finds the contact")
	}
	ask(exitFailed, "--number", "6175550199", "--contact", maria).wants(t, probeFail, "the contact does not have the number")
	ask(exitFailed, "--number", "withheld").wants(t, probeFail, "searches of")
	ask(exitFailed, "--number", "6175550142", "--contact", "../firm").wants(t, probeFail, "searches of")
	ask(exitFailed, "--number", "6175550142", "--contact", "323f9755-045a-4b68-a536-eb566b8428ff").wants(t, probeFail, "searches of")
	ask(exitFailed, "--number", "6175550142", "--extension", "102").wants(t, probeFail, "asked as extension 102")
	ask(exitFailed, "--number", "6175550142", "--extension", "999").wants(t, probeFail, "there is no extension 999")
	ask(exitFailed, "--tenant", "other.example").wants(t, probeFail, "tenant other.example is not in the configuration")
	if code, _ := s.doctor("--contact", maria); code != exitUsage {
		t.Errorf("--contact alone: exit code %d", code)
	}
}

func TestDoctorOnWhatIsBroken(t *testing.T) {
	s := startSystem(t, systemOptions{})
	s.stop()
	s.world.servers[0].Close()
	key := filepath.Join(s.dir, "etc", "smokepop.key")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(s.dir, "etc", "api-key"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out := s.doctor("--json")
	r := probes(t, out)
	holder := listenLoopback(t, strings.TrimPrefix(s.world.public, "http://")) // as systemd does
	asked := s.doctored()
	_ = holder.Close()
	asked.wants(t, probeSkip, "public-url: somebody holds listen.agents")
	asked.wants(t, probeSkip, "webhook-listener of firm.example: somebody holds")
	r.wants(t, probeFail, "encryption-key: ")
	r.wants(t, probeWarn, "api-key can be read by everybody")
	r.wants(t, probeFail, "daemon: no daemon is listening on")
	r.wants(t, probeFail, "webhook-listener of ")
	r.wants(t, probeSkip, "public-url: ")
	r.wants(t, probeFail, "smokeball: http://127.0.0.1")
	r.wants(t, probeSkip, "directory of firm.example: only the running daemon can tell")
	for _, p := range r.Probes {
		if p.Result != probeOK && p.Do == "" {
			t.Errorf("nothing to do about %q", p.What)
		}
	}
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for file, want := range map[string]string{"nowhere.yaml": "nowhere.yaml", filepath.Join(s.dir, "bad.yaml"): "public_url: is missing"} {
		_ = os.WriteFile(filepath.Join(s.dir, "bad.yaml"), []byte("log: {level: info}\n"), 0o600)
		s.file = file
		if code, out := s.doctor(); code != exitUsage || !strings.Contains(out, "FAILED   configuration: ") || !strings.Contains(out, want) {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	}
}

// A clock that is wrong, and one that nobody tells.
func TestDoctorOnTheClock(t *testing.T) {
	for name, c := range map[string]struct {
		off    time.Duration
		silent bool
		want   verdict
		what   string
	}{
		"right": {want: probeOK, what: "the clocks agree"},
		"59 s":  {off: 58 * time.Second, want: probeOK, what: "the clocks agree"},
		"2 min": {off: 150 * time.Second, want: probeWarn, what: "the clocks differ by 2m"},
		"back":  {off: -time.Hour, want: probeWarn, what: "the clocks differ by"},
		"none":  {silent: true, want: probeWarn, what: "without saying the time"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenLoopback(t, "127.0.0.1:0")
			server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(-c.off).UTC().Format(http.TimeFormat))
				if c.silent {
					w.Header()["Date"] = nil
				}
				w.WriteHeader(http.StatusForbidden)
			})}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			t.Cleanup(func() { _ = server.Close(); <-served })
			r, noted := &doctorReport{}, &chart{probe: "smokeball"}
			(&examination{http: probeClient}).knock(t.Context(), noted, "http://"+l.Addr().String())
			if r.add(noted); len(r.Probes) != 1 {
				t.Fatalf("%+v", r)
			}
			r.wants(t, c.want, c.what)
		})
	}
}

// The daemon that runs was started with another configuration.
func TestDoctorOnATenantTheDaemonDoesNotKnow(t *testing.T) {
	s := startSystem(t, systemOptions{})
	b, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("domain: firm.example"), []byte("domain: renamed.example"))
	if err := os.WriteFile(s.file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, out := s.doctor("--json")
	probes(t, out).wants(t, probeFail, "does not know tenant renamed.example")
}

// docs/admin.md has a row for each probe, and no other.
func TestEveryProbeIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## What doctor tries\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[name[1]] = true
		}
	}
	x := &examination{number: "1", cfg: &config.Config{TLS: config.TLS{CertFile: "x"}, Audit: config.Audit{File: "x"}, Tracing: config.Tracing{Endpoint: "x"}, SignIn: config.SignIn{OIDC: config.OIDC{Issuer: "x"}}}}
	x.tenants = []config.Tenant{{Domain: "firm.example", Region: "us", PBX: config.PBX{Events: "both"}}}
	names := []string{"configuration", "daemon", "certificate", "websocket", "trusted-proxies", apiKeyProbe, scopesProbe}
	for _, p := range x.probes() {
		names = append(names, p.name)
	}
	for _, name := range names {
		if !documented[name] {
			t.Errorf("docs/admin.md does not say what %s tries", name)
		}
	}
	for name := range documented {
		if !slices.Contains(names, name) {
			t.Errorf("docs/admin.md has %s, and there is no such probe", name)
		}
	}
}
