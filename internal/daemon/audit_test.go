package daemon

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/simulator"
)

// auditor walks through everything that the audit log tells of and holds the
// lines against what was done.
type auditor struct {
	t    *testing.T
	f    *office
	file string
	read int                 // lines looked at so far
	seen map[string]bool     // kinds
	ids  map[string][]string // request ids, by method and route
	told map[string]bool     // request ids that are in the log
}

// lines returns the lines that have come since it was last asked.
func (a *auditor) lines() (lines []map[string]any) {
	a.t.Helper()
	b, err := os.ReadFile(a.file)
	if err != nil {
		a.t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for _, line := range all[min(a.read, len(all)):] {
		var one struct {
			Time  time.Time
			Msg   string
			Audit map[string]any
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil || one.Time.IsZero() || one.Msg != one.Audit["event"] {
			a.t.Fatalf("the line %q: %v", line, err)
		}
		a.seen[one.Msg] = true
		if id, ok := one.Audit["request_id"].(string); ok {
			a.told[id] = true
		}
		lines = append(lines, one.Audit)
	}
	a.read = len(all)
	return lines
}

// wants holds the lines since the last time against what they have to be, in
// order; each a field and its value in turn, where "*" is any and "" none. The
// first two are the event and its outcome.
func (a *auditor) wants(lines ...[]any) {
	a.t.Helper()
	time.Sleep(time.Second) // what Smokeball is asked afterwards
	synctest.Wait()
	got := a.lines()
	if len(got) != len(lines) {
		a.t.Errorf("%d lines, want %d: %v", len(got), len(lines), got)
	}
	for i := range min(len(got), len(lines)) {
		want := append([]any{"event", lines[i][0], "outcome", lines[i][1]}, lines[i][2:]...)
		for j := 0; j < len(want); j += 2 {
			field := want[j].(string)
			value, there := got[i][field]
			if want[j+1] == "*" && there || want[j+1] == "" && !there || there && fmt.Sprint(value) == fmt.Sprint(want[j+1]) {
				continue
			}
			a.t.Errorf("%v: %s is %v, want %v: %v", want[1], field, value, want[j+1], got[i])
		}
	}
}

// do sends a request and returns the answer's body and cookie. route is its
// pattern.
func (a *auditor) do(status int, method, base, route, query, cookie, body string) (answer []byte, set string) {
	a.t.Helper()
	path := strings.NewReplacer("{id}", query).Replace(route)
	if !strings.Contains(route, "{") && query != "" {
		path += "?" + query
	}
	r, err := http.NewRequestWithContext(a.t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if method != http.MethodGet {
		r.Header.Set("Origin", ourURL)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0")
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	res, err := a.f.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		a.t.Fatal(err)
	}
	if res.StatusCode != status {
		a.t.Errorf("%s %s: %d, want %d: %s", method, route, res.StatusCode, status, answer)
	}
	a.ids[method+" "+route] = append(a.ids[method+" "+route], res.Header.Get("X-Request-Id"))
	for _, c := range res.Cookies() {
		set = c.Name + "=" + c.Value
	}
	synctest.Wait()
	return answer, set
}

func (a *auditor) page(status int, method, route, query, cookie, body string) ([]byte, string) {
	a.t.Helper()
	return a.do(status, method, ourURL, route, query, cookie, body)
}

func (a *auditor) admin(status int, method, route, query, body string) []byte {
	a.t.Helper()
	answer, _ := a.do(status, method, "http://"+adminAddress, route, query, "", body)
	return answer
}

// harmless are routes whose method says that they change something, and which do
// not; and those whose method says the opposite.
var (
	harmless = map[string]string{"POST /v1/doctor/knock": "the doctor's own nonce, in memory for a minute"}
	tellers  = []string{"GET /pair/callback", "GET /v1/backup", "GET /v1/capture"}
)

// elsewhere are kinds of events that need what is not in an office: where they are
// tested.
var elsewhere = map[audit.Kind]string{
	audit.KindRestore: "cmd/smokepopd: a restore is done while no daemon runs",
}

// Everything that is in the record, through a whole daemon: who, from where, what
// and what came of it. And whatever can change something is in the record.
func TestWhatIsDoneIsInTheRecord(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		firm := simulator.NewFirm()
		file := filepath.Join(dir, "audit.log")
		var log lines
		f := openOffice(t, officeOptions{
			firms: []*simulator.Firm{firm}, dir: dir, events: "webhook", log: &log,
			desks: func(a simulator.Agent) bool { return a.Extension == firm.Agents[0].Extension },
			// Who has signed in is told a moment after that somebody has.
			faults: []simulator.Fault{{Endpoint: simulator.StaffEndpoint, Latency: time.Millisecond}, {Endpoint: simulator.StaffOneEndpoint, Latency: time.Millisecond}},
			config: func(c map[string]any) {
				c["audit"] = map[string]any{"file": file}
				c["trusted_proxies"] = []string{"127.0.0.1"}
				c["embed"] = map[string]any{"allowed_parents": []string{"http://localhost:8080"}}
				c["sign_in"] = map[string]any{"pbx_password": true}
				c["admins"] = []map[string]any{{"email": "it@firm.example"}}
			},
		})
		stopped := false
		defer func() {
			if !stopped {
				f.stop()
			}
		}()
		a := &auditor{t: t, f: f, file: file, seen: map[string]bool{}, ids: map[string][]string{}, told: map[string]bool{}}
		a.walk(firm)
		a.coverRoutes(f.daemon.parts.web.Handler(), f.daemon.parts.web.Admin())

		// The number that was dialled, the contact and the secrets are in neither.
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(firm.Callers[0].Names, firm.Callers[0].National, firm.Agents[0].Name, "the-new-secret", "webhook-password") {
			if secret != "" && strings.Contains(string(whole), secret) {
				t.Errorf("the record has %q", secret)
			}
		}
		if strings.Contains(log.String(), "audit.event") {
			t.Error("lines of the record are in the log, too")
		}

		f.stop()
		stopped = true
		a.wants([]any{"stop", "ok", "by", "signal"})
		for _, k := range audit.Kinds() {
			if !a.seen[string(k)] && elsewhere[k] == "" {
				t.Errorf("no line of %s was looked at", k)
			}
		}
	})
}

func (a *auditor) walk(firm *simulator.Firm) {
	f := a.f
	first, second := firm.Agents[0], firm.Agents[1]
	one, two := first.Extension+"@"+firm.Domain, second.Extension+"@"+firm.Domain
	desk := f.desks[firm.Domain+" "+first.Extension]
	cookie := desk.cookie
	whom := func(extension, more string) string {
		return fmt.Sprintf(`{"tenant":%q,"extension":%q%s}`, firm.Domain, extension, more)
	}
	socket := []any{"by", "admin-socket", "request_id", "*"}
	own := []any{"by", "agent", "who", one, "agent", one, "session", "*", "request_id", "*", "client", "203.0.113.7"}
	with := func(event, outcome string, base []any, more ...any) []any {
		return slices.Concat([]any{event, outcome}, base, more)
	}

	checked := []any{"pair-account", "ok", "by", "smokeball", "agent", one, "email_matches", true}

	// The start, and an agent who comes to work.
	atDesk := []any{"by", "agent", "who", one, "agent", one, "client", "127.0.0.1"}
	a.wants(
		[]any{"start", "ok", "by", "daemon", "version", "test", "config", config.Fingerprint(f.cfg)},
		with("invite", "ok", socket, "agent", one, "expires", "*"),
		with("sign-in", "ok", atDesk, "method", "invite", "session", "*", "device", "*"),
		with("pair-begin", "ok", atDesk),
		with("pair", "ok", atDesk, "expires", "*"),
		checked,
	)

	// Signing in, and not.
	a.page(403, "POST", "/api/session", "", "", `{"invite":"none"}`)
	a.page(403, "POST", "/api/session", "", "", fmt.Sprintf(`{"tenant":%q,"extension":%q,"password":"wrong"}`, firm.Domain, second.Extension))
	nobody := []any{"by", "nobody", "who", "", "client", "203.0.113.7", "device", "Chrome on Windows", "request_id", "*"}
	a.wants(
		with("sign-in", "refused", nobody, "method", "invite", "why", "no-such-invite"),
		with("sign-in", "refused", nobody, "method", "pbx_password", "agent", two, "why", "wrong-password"),
	)
	var made struct{ URL string }
	a.json(a.admin(200, "POST", "/v1/invites", "", whom(first.Extension, "")), &made)
	_, token, _ := strings.Cut(made.URL, "#")
	_, other := a.page(204, "POST", "/api/session", "", "", `{"invite":"`+token+`"}`)
	var mine struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	answer, _ := a.page(200, "GET", "/api/sessions", "", other, "")
	a.json(answer, &mine)
	a.wants(with("invite", "ok", socket, "agent", one), with("sign-in", "ok", own, "method", "invite", "device", "Chrome on Windows"))
	a.page(404, "DELETE", "/api/sessions/{id}", "none", cookie, "")
	for _, s := range mine.Sessions {
		if s.Current {
			a.page(204, "DELETE", "/api/sessions/{id}", s.ID, cookie, "")
		}
	}
	a.wants(with("sign-out", "refused", own, "ended_session", "", "sessions", 0),
		with("sign-out", "ok", own, "cause", "asked", "ended_session", "*", "ended_device", "Chrome on Windows", "sessions", 1))

	// Pairing.
	var begun struct {
		URL string `json:"authorize_url"`
	}
	answer, _ = a.page(200, "POST", "/api/pair", "", cookie, "")
	a.json(answer, &begun)
	back, err := f.firms[0].smokeball.SignIn(begun.URL, first.Email)
	if err != nil {
		a.t.Fatal(err)
	}
	_, query, _ := strings.Cut(back, "?")
	a.page(200, "GET", "/pair/callback", query, cookie, "")
	a.wants(with("pair-begin", "ok", own), with("pair", "ok", own, "expires", "*"), checked)
	a.page(403, "GET", "/pair/callback", query, cookie, "")
	a.wants(with("pair", "refused", own, "expires", "", "why", "stale"))

	// Settings, frames, dialling.
	a.page(200, "PUT", "/api/settings", "", cookie, `{"sound":true,"on":null}`)
	a.wants(with("settings", "ok", own, "changed", "on sound"))
	var ticket struct{ Ticket string }
	answer, _ = a.page(200, "POST", "/api/embed/ticket", "", cookie, "")
	a.json(answer, &ticket)
	a.page(204, "POST", "/api/embed/session", "", "", `{"ticket":"`+ticket.Ticket+`"}`)
	a.page(403, "POST", "/api/embed/session", "", "", `{"ticket":"`+ticket.Ticket+`"}`)
	a.wants(with("frame", "ok", own, "step", "ticket"), with("frame", "ok", own, "step", "connect"), with("frame", "refused", nobody, "step", "connect"))
	number := firm.Callers[0].E164()
	f.call("dialled", first.Extension, number, "ringing")
	a.page(204, "POST", "/api/dial", "", cookie, fmt.Sprintf(`{"number":%q}`, number))
	a.page(403, "POST", "/api/dial", "", cookie, `{"number":"+16175550000"}`)
	f.call("dialled", first.Extension, number, "terminated")
	masked := strings.Repeat("*", len(number)-2) + number[len(number)-2:]
	a.wants(with("dial", "ok", own, "number", masked), with("dial", "refused", own, "number", "**********00"))

	// What admins do by the socket.
	a.admin(200, "POST", "/v1/directory/refresh", "tenant="+firm.Domain, "")
	a.admin(404, "POST", "/v1/directory/refresh", "tenant=none.example", "")
	a.admin(200, "POST", "/v1/doctor/firm", "", whom(first.Extension, ""))
	a.admin(200, "POST", "/v1/doctor/access", "", whom(first.Extension, ""))
	a.admin(200, "POST", "/v1/doctor/search", "", whom(first.Extension, fmt.Sprintf(`,"number":%q`, number)))
	a.admin(200, "POST", "/v1/dry-run", "", fmt.Sprintf(`{"tenant":%q,"content_type":"application/json","body":"{}"}`, firm.Domain))
	a.admin(200, "GET", "/v1/capture", "for=1ms&tenant="+firm.Domain, "")
	a.admin(200, "POST", "/v1/keys/rotate", "", "")
	a.admin(200, "GET", "/v1/backup", "", "")
	a.wants(
		with("directory-refresh", "ok", socket, "tenant", firm.Domain),
		with("directory-refresh", "refused", socket, "tenant", "none.example"),
		with("doctor", "ok", socket, "check", "firm", "agent", one),
		with("doctor", "ok", socket, "check", "access", "agent", one),
		with("doctor", "ok", socket, "check", "search", "agent", one, "number", ""),
		with("dry-run", "ok", socket, "tenant", firm.Domain),
		with("capture", "ok", socket, "tenant", firm.Domain, "for", "1ms"),
		with("key-rotation", "ok", socket, "step", "read", "keys", "*"),
		with("backup", "ok", socket, "records", "*", "left_out", 0),
	)

	// Configuration.
	f.reload(f.changed(func(c *config.Config, t *config.Tenant) {
		t.Smokeball.ClientSecret, t.Pops.Outbound = "the-new-secret", false
	}))
	f.reload(f.changed(func(_ *config.Config, t *config.Tenant) {
		t.Smokeball.ClientSecret = f.cfg.Tenants[0].Smokeball.ClientSecret
	}))
	signal := []any{"by", "signal", "who", "SIGHUP"}
	secret := "tenants[" + firm.Domain + "].smokeball.client_secret"
	a.wants(with("reload", "ok", signal, "config", config.Fingerprint(f.daemon.cfg), "changed", secret+" tenants["+firm.Domain+"].pops.outbound"),
		with("reload", "ok", signal, "changed", secret))
	for _, next := range []*config.Config{nil, f.changed(func(c *config.Config, _ *config.Tenant) { c.Listen.PBX = ":9999" })} {
		f.next = next
		if f.daemon.reload(a.t.Context()) == nil {
			a.t.Error("the configuration was taken")
		}
	}
	a.wants(with("reload", "refused", signal, "why", "not-loaded", "problems", "tenants[0].region", "changed", ""),
		with("reload", "refused", signal, "why", "restart-needed", "problems", "listen.pbx"))

	// The end of an authorisation, by Smokeball's word.
	f.firms[0].smokeball.RevokeUser(first.Email)
	f.call("revoked", first.Extension, number, "ringing")
	f.call("revoked", first.Extension, number, "terminated")
	a.wants([]any{"pairing-end", "ok", "by", "smokeball", "agent", one})

	// What admins force, and the agent's own ends.
	a.page(200, "DELETE", "/api/pair", "", cookie, "")
	a.admin(200, "POST", "/v1/unpair", "", whom(first.Extension, `,"reason":"changes\nthe account"`))
	a.wants(with("unpair", "ok", own, "was_paired", true), with("unpair", "ok", socket, "agent", one, "was_paired", false, "reason", "changes the account"))
	a.page(204, "DELETE", "/api/session", "", cookie, "")
	a.admin(200, "POST", "/v1/sign-out", "", whom(first.Extension, `,"reason":"left the firm"`))
	a.wants(with("sign-out", "ok", own, "cause", "asked", "sessions", 1),
		with("sign-out", "ok", socket, "agent", one, "sessions", 0, "reason", "left the firm"))
	a.walkAdminPage(firm.Domain, whom(first.Extension, `,"reason":"left the firm"`))
}

// walkAdminPage is what admins do on their page.
func (a *auditor) walkAdminPage(tenant, agent string) {
	const admin = "it@firm.example"
	socket := []any{"by", "admin-socket", "request_id", "*", "admin", admin}
	nobody := []any{"by", "nobody", "client", "203.0.113.7", "device", "Chrome on Windows", "why", "no-such-link", "method", "link"}
	own := []any{"by", "admin", "who", admin, "session", "*", "device", "Chrome on Windows", "client", "203.0.113.7", "claimed", "", "request_id", "*"}
	with := func(event, outcome string, base []any, more ...any) []any {
		return slices.Concat([]any{event, outcome}, base, more)
	}
	var made struct{ URL string }
	a.json(a.admin(200, "POST", "/v1/admin/links", "", `{}`), &made)
	_, link, _ := strings.Cut(made.URL, "#")
	_, cookie := a.page(204, "POST", "/admin/api/session", "", "", `{"link":"`+link+`"}`)
	a.page(403, "POST", "/admin/api/session", "", "", `{"link":"`+link+`"}`)
	a.wants(with("admin-link", "ok", socket, "expires", "*"), with("admin-sign-in", "ok", own, "method", "link"), with("admin-sign-in", "refused", nobody))

	a.page(200, "POST", "/admin/api/invites", "", cookie, agent)
	a.page(200, "POST", "/admin/api/sign-out", "", cookie, agent)
	a.page(200, "POST", "/admin/api/unpair", "", cookie, agent)
	a.page(200, "POST", "/admin/api/directory/refresh", "tenant="+tenant, cookie, "")
	a.page(200, "POST", "/admin/api/dry-run", "", cookie, fmt.Sprintf(`{"tenant":%q,"content_type":"application/json","body":"{}"}`, tenant))
	a.page(204, "DELETE", "/admin/api/session", "", cookie, "")
	a.admin(200, "POST", "/v1/admin/sign-out", "", `{}`)
	a.wants(
		with("invite", "ok", own), with("sign-out", "ok", own, "reason", "left the firm"), with("unpair", "ok", own, "reason", "left the firm"),
		with("directory-refresh", "ok", own, "tenant", tenant), with("dry-run", "ok", own, "tenant", tenant),
		with("admin-sign-out", "ok", own, "admin", admin), with("admin-sign-out", "ok", []any{"by", "admin-socket", "admin", ""}),
	)
}

func (a *auditor) json(b []byte, out any) {
	a.t.Helper()
	if err := json.Unmarshal(b, out); err != nil {
		a.t.Fatalf("%v in %s", err, b)
	}
}

// coverRoutes looks whether the walk has been to every route that can change
// something, and left a line there.
func (a *auditor) coverRoutes(all ...http.Handler) {
	a.lines()
	for _, h := range all {
		err := chi.Walk(h.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			name := method + " " + route
			reads := method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
			if reads && !slices.Contains(tellers, name) || harmless[name] != "" {
				return nil
			}
			if !slices.ContainsFunc(a.ids[name], func(id string) bool { return a.told[id] }) {
				a.t.Errorf("%s leaves no line in the audit log: record it, and let this test go there", name)
			}
			return nil
		})
		if err != nil {
			a.t.Fatal(err)
		}
	}
}
