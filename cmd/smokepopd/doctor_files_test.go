package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vault"
)

// tried is what a probe finds.
func tried(t *testing.T, name string, try func(context.Context, *chart)) *doctorReport {
	t.Helper()
	c, r := &chart{probe: name}, &doctorReport{}
	try(t.Context(), c)
	if r.add(c); len(r.Probes) == 0 {
		t.Fatal("it has found nothing")
	}
	for _, p := range r.Probes {
		if p.Result != probeOK && p.Do == "" {
			t.Errorf("nothing to do about %q", p.What)
		}
	}
	return r
}

// installed is a state directory and a key as they are when all is well.
func installed(t *testing.T) (*examination, string) {
	dir := t.TempDir()
	state, key := filepath.Join(dir, "state"), filepath.Join(dir, "key")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{filepath.Join(state, vault.FileName): 0o600, filepath.Join(dir, "secret"): 0o400} {
		if err := os.WriteFile(name, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.GenerateKey(key); err != nil {
		t.Fatal(err)
	}
	x := &examination{http: probeClient, cfg: &config.Config{
		StateDir: state, EncryptionKeyFile: key, Tenants: []config.Tenant{{Smokeball: config.Smokeball{APIKeyFile: filepath.Join(dir, "secret")}}},
	}}
	x.daemon = newAdminClient(filepath.Join(dir, "admin.sock"))
	return x, dir
}

// Each case breaks one thing about the files of an installation.
func TestDoctorOnFiles(t *testing.T) {
	chmod := func(name string, mode os.FileMode) func(*testing.T, *examination, string) {
		return func(t *testing.T, _ *examination, dir string) {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	chown := func(name string) func(*testing.T, *examination, string) {
		return func(t *testing.T, _ *examination, dir string) {
			if err := os.Chown(filepath.Join(dir, name), 12345, -1); err != nil {
				t.Skip("only root gives files away:", err)
			}
		}
	}
	remove := func(name string) func(*testing.T, *examination, string) {
		return func(t *testing.T, _ *examination, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	socket := func(mode os.FileMode) func(*testing.T, *examination, string) {
		return func(t *testing.T, _ *examination, dir string) {
			l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, "admin.sock"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			if err := os.Chmod(filepath.Join(dir, "admin.sock"), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		probe string
		spoil func(*testing.T, *examination, string)
		want  verdict
		what  string
	}{
		"key":                 {"key", nil, probeOK, "is a key, and closed to others"},
		"key open to all":     {"key", chmod("key", 0o444), probeFail, "its mode is 0444"},
		"no key":              {"key", remove("key"), probeFail, "there is no such file"},
		"somebody's key":      {"key", chown("key"), probeWarn, "belongs to user 12345"},
		"key beside the lock": {"key", func(_ *testing.T, x *examination, dir string) { x.cfg.StateDir = dir }, probeFail, "state directory"},
		"secrets":             {"secrets", nil, probeOK, "secrets in files of their own: 1"},
		"secret open to all":  {"secrets", chmod("secret", 0o444), probeWarn, "can be read by everybody (mode 0444)"},
		"somebody's secret":   {"secrets", chown("secret"), probeWarn, "belongs to user 12345"},
		"state":               {"state", nil, probeOK, "closed to others"},
		"state open":          {"state", chmod("state", 0o750), probeFail, "is open to others (mode 0750)"},
		"no state":            {"state", remove("state"), probeWarn, "is not there"},
		"no database":         {"state", remove("state/" + vault.FileName), probeWarn, "there is no database in it"},
		"database open":       {"state", chmod("state/"+vault.FileName, 0o640), probeFail, "is open to others (mode 0640)"},
		"somebody's database": {"state", chown("state/" + vault.FileName), probeFail, "belongs to user 12345"},
		"disk":                {"disk", nil, probeOK, "MiB are free"},
		"socket":              {"socket", socket(0o660), probeOK, "mode 0660"},
		"socket open to all":  {"socket", socket(0o666), probeFail, "is open to everybody (mode 0666)"},
		"no socket":           {"socket", nil, probeSkip, "is not there"},
		"no socket's a file": {"socket", func(t *testing.T, _ *examination, dir string) {
			_ = os.WriteFile(filepath.Join(dir, "admin.sock"), nil, 0o600)
		}, probeFail, "is no socket"},
		"no socket of a daemon": {"socket", func(_ *testing.T, x *examination, _ string) { x.agents = []agentRow{} }, probeFail, "admin.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			x, dir := installed(t)
			if c.spoil != nil {
				c.spoil(t, x, dir)
			}
			try := map[string]func(context.Context, *chart){"key": x.key, "secrets": x.secrets, "state": x.state, "disk": x.disk, "socket": x.adminSocket}[c.probe]
			r := tried(t, c.probe, try)
			if r.wants(t, c.want, c.what); len(r.Probes) != 1 {
				t.Errorf("it finds %+v", r.Probes)
			}
		})
	}
}

func TestDoctorOnALittleSpace(t *testing.T) {
	for _, one := range []struct {
		bytes, files uint64
		want         verdict
	}{
		{1 << 40, 1 << 20, probeOK}, {200 << 20, 1000, probeOK}, {200<<20 - 1, 1 << 20, probeWarn}, {1 << 40, 999, probeWarn}, {20<<20 - 1, 1 << 20, probeFail},
	} {
		tried(t, "disk", func(_ context.Context, c *chart) { judgeSpace(c, "/x", one.bytes, one.files) }).wants(t, one.want, "/x")
	}
}

func TestDoctorOnNumbers(t *testing.T) {
	for _, one := range []struct {
		region, country, area, extensions string
		want                              verdict
		what                              string
	}{
		{"us", "US", "", "^[1-8][0-9]{1,3}$", probeOK, "2015550123, a number as it is dialled in US, is read as +12015550123"},
		{"us", "US", "617", "", probeOK, "5550123, a number as it is dialled in US, is read as +16175550123"},
		{"uk", "GB", "", "", probeOK, "01212345678, a number as it is dialled in GB, is read as +441212345678"},
		{"au", "AU", "", "", probeOK, "0212345678, a number as it is dialled in AU, is read as +61212345678"},
		{"us", "AU", "", "", probeWarn, "Smokeball is of region us, and its telephones of AU"},
		{"us", "US", "", "[0-9]+", probeFail, "takes 2015550123, a telephone number of US, for an extension"},
	} {
		plan, err := numbering.NewPlan(one.country, one.area)
		if err != nil {
			t.Fatal(err)
		}
		tenant := config.Tenant{Region: one.region, PBX: config.PBX{Country: one.country, Numbers: plan}}
		if one.extensions != "" {
			tenant.PBX.Internal.Extensions = regexp.MustCompile(one.extensions)
		}
		tried(t, "number-plan", func(ctx context.Context, c *chart) { new(examination).numberPlan(ctx, c, tenant) }).wants(t, one.want, one.what)
	}
}

// What listens, and what could.
func TestDoctorOnListeners(t *testing.T) {
	l := listenLoopback(t, "127.0.0.1:0")
	defer l.Close()
	held := l.Addr().String()
	free := listenLoopback(t, "127.0.0.1:0")
	_ = free.Close()
	nobody := free.Addr().String()
	for name, c := range map[string]struct {
		pbx     string
		running bool
		want    verdict
		what    string
	}{
		"stopped":              {nobody, false, probeOK, "the daemon can listen on"},
		"stopped and held":     {held, false, probeWarn, "listen.pbx " + held + " is held by somebody"},
		"not of this machine":  {"192.0.2.1:8444", false, probeFail, "does not have the address of listen.pbx"},
		"running":              {held, true, probeOK, "somebody listens on"},
		"running with another": {nobody, true, probeFail, "nobody listens on listen.pbx " + nobody},
	} {
		t.Run(name, func(t *testing.T) {
			others := map[bool]string{true: held, false: nobody}[c.running]
			x := &examination{cfg: &config.Config{Listen: config.Listen{Agents: others, PBX: c.pbx, Ops: others}}}
			if c.running {
				x.agents = []agentRow{{Agent: screenpop.Agent{}}}
			}
			tried(t, "listeners", x.listeners).wants(t, c.want, c.what)
		})
	}
}

// By hand the credentials are taken from beside the configuration.
func TestDoctorFindsTheCredentials(t *testing.T) {
	s := startSystem(t, systemOptions{})
	etc := filepath.Dir(s.file)
	b, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(etc, "credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(etc, "api-key"), filepath.Join(etc, "credentials", "api-key")); err != nil {
		t.Fatal(err)
	}
	b = []byte(strings.ReplaceAll(string(b), "api_key_file: api-key", "api_key_file: ${CREDENTIALS_DIRECTORY}/api-key"))
	if err := os.WriteFile(s.file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := s.doctor(); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// The ops listener as it may be found.
func TestDoctorOnReadiness(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   verdict
		what   string
	}{
		"ready":   {`{"status":"ready"}`, probeOK, "says ready"},
		"not":     {`{"status":"not ready","missing":[{"part":"tls","problem":"there is no certificate yet"}]}`, probeFail, "tls: there is no certificate yet"},
		"another": {`<html>`, probeFail, "not as smokepop does"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.answer) }))
			x := &examination{cfg: &config.Config{Listen: config.Listen{Ops: server.Listener.Addr().String()}}}
			tried(t, "ready", x.ready).wants(t, c.want, c.what)
			server.Close()
			tried(t, "ready", x.ready).wants(t, probeFail, "does not answer")
		})
	}
}

func TestDoctorOnTheCollector(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Authorization") != "Bearer x" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.WriteHeader(status)
	}))
	x := &examination{http: probeClient, cfg: &config.Config{Tracing: config.Tracing{Endpoint: server.URL, Headers: "Authorization: Bearer x"}}}
	for _, c := range []struct {
		status int
		want   verdict
		what   string
	}{{200, probeOK, "takes traces"}, {401, probeWarn, "does not take our headers"}, {404, probeWarn, "answers 404"}} {
		status = c.status
		tried(t, "trace-collector", x.collector).wants(t, c.want, c.what)
	}
	server.Close()
	tried(t, "trace-collector", x.collector).wants(t, probeWarn, "does not answer")
}
