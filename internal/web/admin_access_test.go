package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Another firm's agent, and what of hers nobody else may see.
var (
	olga = screenpop.Agent{AgentID: screenpop.AgentID{Tenant: "other.example.com", Extension: "901"}, Name: "Olga Petrova", Email: "olga@other.example"}
	// The extension as it stands in an answer: the id of a session may have it by chance.
	olgas   = []string{"other.example.com", `"901"`, "901@", "Olga", "olga@", "call-of-the-other", "*77"}
	theFirm = Administration{
		Admins: []Admin{
			{Email: "it@provider.example"},
			{Email: "office@firm.example", Tenants: []screenpop.Tenant{priya.Tenant}},
		},
		Tenants: []screenpop.Tenant{priya.Tenant, olga.Tenant},
	}
)

// shelf is Directories.
type shelf struct{ read []screenpop.Tenant }

type missing struct{}

func (missing) Error() string                   { return "no PBX" }
func (missing) DirectoryProblem() (int, string) { return 404, "There is no PBX to be read." }

func (s *shelf) Reports(t screenpop.Tenant) []any {
	list := []any{}
	for _, each := range theFirm.Tenants {
		if t == "" || t == each {
			list = append(list, map[string]any{"tenant": each})
		}
	}
	return list
}

func (s *shelf) Refresh(_ context.Context, t screenpop.Tenant) error {
	s.read = append(s.read, t)
	if t == "nothing.example.com" {
		return missing{}
	}
	return nil
}

// firmsBoard is Calls: each firm has one.
type firmsBoard struct{}

func (firmsBoard) Live(t screenpop.Tenant) ([]LiveCall, bool) {
	var calls []LiveCall
	for _, a := range []screenpop.Agent{priya, olga} {
		if t == "" || t == a.Tenant {
			calls = append(calls, LiveCall{Tenant: a.Tenant, Agents: []CallAgent{{Extension: a.Extension}}})
		}
	}
	return calls, len(calls) > 0
}

// firmsJudge is DryRuns.
type firmsJudge struct{}

func (firmsJudge) DryRun(t screenpop.Tenant, _ Sample) (Trial, error) { return Trial{Tenant: t}, nil }

// firmsReader is Numbers.
type firmsReader struct{}

func (firmsReader) Numbers(_ context.Context, a screenpop.AgentID, _ func(NumbersProgress) error) (NumbersReport, error) {
	return NumbersReport{AgentID: a}, nil
}

// printed is Configurations.
type printed struct{}

func (printed) Loaded() (LoadedConfiguration, error) { return printed{}.LoadedOf(theFirm.Tenants) }

func (printed) LoadedOf(tenants []screenpop.Tenant) (LoadedConfiguration, error) {
	return LoadedConfiguration{YAML: fmt.Sprint(tenants)}, nil
}

// newAdminRig is a rig of two firms with their admins.
func newAdminRig(t *testing.T, change ...func(*rig, *Config)) *rig {
	t.Helper()
	r := newRig(t, append([]func(*rig, *Config){func(r *rig, c *Config) {
		r.directory.agents = append(r.directory.agents, olga)
		c.Administration, c.Directories = theFirm, &shelf{}
		c.Calls, c.DryRuns, c.Numbers = firmsBoard{}, firmsJudge{}, firmsReader{}
		c.Configurations = printed{}
	}}, change...)...)
	for _, a := range []screenpop.Agent{priya, olga} {
		call, number := screenpop.CallID("call-of-ours"), "****42"
		if a.Tenant == olga.Tenant {
			call, number = "call-of-the-other", "****77"
		}
		r.ledger.past = append(r.ledger.past, screenpop.TraceEntry{Tenant: a.Tenant, Extension: a.Extension, Call: call, Number: number})
	}
	return r
}

// adminLink makes a link as the command does, and returns what it has in it.
func (r *rig) adminLink(email string) string {
	r.t.Helper()
	var made struct {
		URL     string
		Email   string
		Expires time.Time
	}
	if err := json.Unmarshal([]byte(r.adminCall("POST", "/v1/admin/links", `{"email":"`+email+`"}`)), &made); err != nil {
		r.t.Fatal(err)
	}
	address, token, _ := strings.Cut(made.URL, "#")
	if address != home+"/admin" || len(token) != tokenLength || !made.Expires.Equal(r.clock.now().Add(15*time.Minute)) {
		r.t.Errorf("%+v", made)
	}
	return token
}

// enter signs a browser in as an admin and returns its cookie.
func (r *rig) enter(email string, change ...func(*http.Request)) *http.Cookie {
	r.t.Helper()
	res := r.request("POST", "/admin/api/session", `{"link":"`+r.adminLink(email)+`"}`, change...)
	if res.StatusCode != http.StatusNoContent || len(res.Cookies()) != 1 {
		r.t.Fatalf("enter: %d %v %s", res.StatusCode, res.Cookies(), text(r.t, res))
	}
	return res.Cookies()[0]
}

func TestALinkSignsAnAdminIn(t *testing.T) {
	r := newAdminRig(t)
	token := r.adminLink("IT@provider.example")
	res := r.request("POST", "/admin/api/session", `{"link":"`+token+`"}`)
	wants(t, res, 204)
	cookie := res.Cookies()[0]
	if cookie.Name != "__Host-smokepop-admin" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" {
		t.Errorf("the cookie is %+v", cookie)
	}
	if me := wants(t, r.request("GET", "/admin/api/me", "", with(cookie)), 200); !strings.Contains(me, `"email":"it@provider.example","everything":true,"tenants":["firm.example.com","other.example.com"],"method":"link"`) {
		t.Error(me)
	}
	wants(t, r.request("POST", "/admin/api/session", `{"link":"`+token+`"}`), 403)
	for _, path := range append(slices.Collect(pathsOf(r.store, adminSessionPrefix)), slices.Collect(pathsOf(r.store, adminLinkPrefix))...) {
		if strings.Contains(path, token) || strings.Contains(path, cookie.Value) {
			t.Error("the store holds what the browser does")
		}
	}
	for _, secret := range []string{token, cookie.Value} {
		if strings.Contains(r.log.String(), secret) {
			t.Error("the log shows a secret")
		}
	}
}

func pathsOf(m *memory, prefix string) func(func(string) bool) {
	paths, _ := m.List(context.Background(), prefix)
	return slices.Values(paths)
}

// What opens one side opens nothing of the other.
func TestAgentsAndAdminsAreKeptApart(t *testing.T) {
	r := newAdminRig(t)
	agent, admin := r.join(priya), r.enter("it@provider.example")
	wants(t, r.request("GET", "/admin/api/agents", "", with(agent)), 401)
	wants(t, r.request("GET", "/api/me", "", with(admin)), 401)
	for _, swapped := range []*http.Cookie{
		{Name: admin.Name, Value: agent.Value}, {Name: agent.Name, Value: admin.Value},
	} {
		for _, path := range []string{"/admin/api/agents", "/api/me"} {
			wants(t, r.request("GET", path, "", with(swapped)), 401)
		}
	}
	wants(t, r.request("POST", "/api/session", `{"invite":"`+r.adminLink("it@provider.example")+`"}`), 403)
	wants(t, r.request("POST", "/admin/api/session", `{"link":"`+r.invite(priya)+`"}`), 403)
}

func TestAnAdminsLinkIsShortLived(t *testing.T) {
	r := newAdminRig(t)
	late, last := r.adminLink("it@provider.example"), r.adminLink("it@provider.example")
	r.clock.pass(adminLinkLife - time.Second)
	wants(t, r.request("POST", "/admin/api/session", `{"link":"`+last+`"}`), 204)
	r.clock.pass(time.Second)
	if said := wants(t, r.request("POST", "/admin/api/session", `{"link":"`+late+`"}`), 403); !strings.Contains(said, "smokepopd admin link") {
		t.Error(said)
	}
}

func TestLinksThatAreNoneAreLimited(t *testing.T) {
	r := newAdminRig(t)
	for range guessBurst {
		wants(t, r.request("POST", "/admin/api/session", `{"link":"`+newToken()+`"}`), 403)
	}
	wants(t, r.request("POST", "/admin/api/session", `{"link":"`+newToken()+`"}`), 429)
}

func TestAnAdminIsAWorkingDayAway(t *testing.T) {
	r := newAdminRig(t)
	cookie := r.enter("it@provider.example")
	r.clock.pass(adminSessionIdle - time.Minute)
	wants(t, r.request("GET", "/admin/api/agents", "", with(cookie)), 200)
	r.clock.pass(adminSessionIdle - time.Minute)
	wants(t, r.request("GET", "/admin/api/agents", "", with(cookie), header(HeaderTimer, "1")), 200)
	r.clock.pass(time.Minute) // and what a page asks for by itself has not counted
	wants(t, r.request("GET", "/admin/api/agents", "", with(cookie)), 401)

	cookie = r.enter("it@provider.example")
	for range int(adminSessionLife / (6 * time.Hour)) {
		wants(t, r.request("GET", "/admin/api/me", "", with(cookie)), 200)
		r.clock.pass(6 * time.Hour)
	}
	wants(t, r.request("GET", "/admin/api/me", "", with(cookie)), 401)
}

func TestAdminsAreSignedOut(t *testing.T) {
	r := newAdminRig(t)
	mine, same, other := r.enter("it@provider.example"), r.enter("it@provider.example"), r.enter("office@firm.example")
	wants(t, r.request("DELETE", "/admin/api/session", "", with(mine)), 204)
	wants(t, r.request("GET", "/admin/api/me", "", with(mine)), 401)
	wants(t, r.request("GET", "/admin/api/me", "", with(same)), 200)

	if list := r.adminCall("GET", "/v1/admin/sessions", ""); strings.Count(list, `"email"`) != 2 || !strings.Contains(list, `"email":"office@firm.example"`) {
		t.Error(list)
	}
	link := r.adminLink("it@provider.example")
	if got := r.adminCall("POST", "/v1/admin/sign-out", `{"email":"IT@provider.example"}`); got != "{\"sessions\":1}\n" {
		t.Error(got)
	}
	wants(t, r.request("GET", "/admin/api/me", "", with(same)), 401)
	wants(t, r.request("POST", "/admin/api/session", `{"link":"`+link+`"}`), 403)
	wants(t, r.request("GET", "/admin/api/me", "", with(other)), 200)
	if got := r.adminCall("POST", "/v1/admin/sign-out", `{}`); got != "{\"sessions\":1}\n" {
		t.Error(got)
	}
	wants(t, r.request("GET", "/admin/api/me", "", with(other)), 401)
}

// Who leaves the configuration is out at once, with every session and link.
func TestAnAdminLeavesTheConfiguration(t *testing.T) {
	r := newAdminRig(t)
	cookie, link := r.enter("office@firm.example"), r.adminLink("office@firm.example")
	r.server.SetAdministration(Administration{Admins: theFirm.Admins[:1], Tenants: theFirm.Tenants})
	wants(t, r.request("GET", "/admin/api/agents", "", with(cookie)), 401)
	wants(t, r.request("POST", "/admin/api/session", `{"link":"`+link+`"}`), 403)
	wants(t, r.admin("POST", "/v1/admin/links", `{"email":"office@firm.example"}`), 404)
	r.adminCall("POST", "/v1/admin/links", `{}`) // there is one only now
	r.server.SetAdministration(Administration{Tenants: theFirm.Tenants})
	for _, path := range []string{"/admin", "/admin/agents", "/admin/sign-in", "/admin/api/sign-in"} {
		if res := r.request("GET", path, ""); res.StatusCode != 404 || !strings.Contains(text(t, res), "names nobody under admins") {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	wants(t, r.admin("POST", "/v1/admin/links", `{}`), 404)
}

func TestOfSeveralAdminsOneIsNamed(t *testing.T) {
	r := newAdminRig(t)
	if said := wants(t, r.admin("POST", "/v1/admin/links", `{}`), 400); !strings.Contains(said, "it@provider.example, office@firm.example") {
		t.Error(said)
	}
}

func TestAnAdminSignsOn(t *testing.T) {
	p := &provider{}
	r := newAdminRig(t, func(_ *rig, c *Config) { c.SignOn, c.SignOnName = p, "The firm" })
	if ways := wants(t, r.request("GET", "/admin/api/sign-in", ""), 200); ways != `{"oidc":{"name":"The firm","url":"/admin/sign-in"}}`+"\n" {
		t.Error(ways)
	}
	begun := func() *http.Cookie {
		res := r.request("GET", adminSignOnPath, "", without("Origin"))
		if res.StatusCode != http.StatusFound {
			t.Fatal(res.StatusCode)
		}
		return res.Cookies()[0]
	}
	agent := r.join(priya)
	attempt := begun()
	res := r.request("GET", SignOnCallback+"?"+answered(p, "office@firm.example").Encode(), "", with(attempt), with(agent), without("Origin"), header("Sec-Fetch-Site", "cross-site"))
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/admin" {
		t.Fatalf("%d %s", res.StatusCode, text(t, res))
	}
	i := slices.IndexFunc(res.Cookies(), func(c *http.Cookie) bool { return c.Name == "__Host-smokepop-admin" })
	if i < 0 || slices.ContainsFunc(res.Cookies(), func(c *http.Cookie) bool { return c.Name == agent.Name }) {
		t.Fatalf("cookies %v", res.Cookies())
	}
	if me := wants(t, r.request("GET", "/admin/api/me", "", with(res.Cookies()[i])), 200); !strings.Contains(me, `"everything":false,"tenants":["firm.example.com"],"method":"oidc"`) {
		t.Error(me)
	}
	wants(t, r.request("GET", "/api/me", "", with(agent)), 200) // the same browser, as before

	// An agent of the firm is no admin of it, whatever the browser asks for.
	res, body := r.comesBack(begun(), answered(p, priya.Email))
	if res.StatusCode != 403 || !strings.Contains(body, "priya@firm.example, and that address is not among the admins") || !strings.Contains(body, `href="/admin/sign-in?choose=1"`) || !strings.Contains(body, `data-language="en"`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	// And an admin who begins as an agent does not end as an admin.
	res, _ = r.comesBack(r.begins(""), answered(p, "it@provider.example"))
	if res.StatusCode != 403 || slices.ContainsFunc(res.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "-admin") }) {
		t.Errorf("%d %v", res.StatusCode, res.Cookies())
	}
}

// adminRoutes are the addresses of the admin page's API.
func (r *rig) adminRoutes() (routes [][2]string) {
	r.t.Helper()
	err := chi.Walk(r.handler.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if strings.HasPrefix(route, "/admin/api/") {
			routes = append(routes, [2]string{method, route})
		}
		return nil
	})
	if err != nil || len(routes) < 10 {
		r.t.Fatalf("%d routes, %v", len(routes), err)
	}
	return routes
}

// open are the addresses that need no session.
var openToAll = []string{"GET /admin/api/sign-in", "POST /admin/api/session"}

func TestNobodyElseGetsIntoTheAdminPage(t *testing.T) {
	r := newAdminRig(t)
	agent, admin := r.join(priya), r.enter("it@provider.example")
	for _, route := range r.adminRoutes() {
		what := route[0] + " " + route[1]
		body := ""
		if route[0] != "GET" {
			body = thePriya
			foreign := []func(*http.Request){with(admin), header("Origin", "https://elsewhere.example")}
			if res := r.request(route[0], route[1], body, foreign...); res.StatusCode != 403 {
				t.Errorf("%s from another site: %d", what, res.StatusCode)
			}
			if res := r.request(route[0], route[1], body, with(admin), without("Origin")); res.StatusCode != 403 {
				t.Errorf("%s from nowhere: %d", what, res.StatusCode)
			}
		}
		if slices.Contains(openToAll, what) {
			continue
		}
		if route[0] == "GET" {
			if res := r.request("GET", route[1], "", with(admin), header("Sec-Fetch-Site", "same-site")); res.StatusCode != 403 {
				t.Errorf("%s from a sibling site: %d", what, res.StatusCode)
			}
		}
		for name, change := range map[string]func(*http.Request){
			"without a session": func(*http.Request) {}, "an agent": with(agent), "a made-up session": with(&http.Cookie{Name: admin.Name, Value: newToken()}),
		} {
			if res := r.request(route[0], route[1], body, change); res.StatusCode != 401 {
				t.Errorf("%s, %s: %d", what, name, res.StatusCode)
			}
		}
	}
	wants(t, r.request("GET", "/admin/api/me", "", with(admin)), 200)
}

// A firm's admin sees nothing of another firm's, on whatever address and however
// it is asked for.
func TestAFirmsAdminNeverSeesAnotherFirm(t *testing.T) {
	r := newAdminRig(t)
	r.join(olga)
	r.join(priya)
	r.smokeball.paired[olga.AgentID] = true
	everything, firm := r.enter("it@provider.example"), r.enter("office@firm.example")
	shown := map[string]bool{}
	for _, route := range r.adminRoutes() {
		what := route[0] + " " + route[1]
		if slices.Contains(openToAll, what) || route[0] == "DELETE" {
			continue
		}
		if route[0] == "POST" {
			body, err := json.Marshal(map[string]string{"tenant": string(olga.Tenant), "extension": string(olga.Extension), "reason": "none", "event": `{"event":"ringing"}`})
			if err != nil {
				t.Fatal(err)
			}
			if res := r.request("POST", route[1]+"?tenant="+string(olga.Tenant), string(body), with(firm)); res.StatusCode != 404 {
				t.Errorf("%s of the other firm: %d", what, res.StatusCode)
			}
			continue
		}
		for _, q := range []url.Values{
			{}, {"tenant": {string(olga.Tenant)}}, {"extension": {string(olga.Extension)}}, {"call": {"call-of-the-other"}},
			{"tenant": {string(olga.Tenant)}, "extension": {string(olga.Extension)}}, {"tenant": {string(priya.Tenant)}},
		} {
			all := text(t, r.request("GET", route[1]+"?"+q.Encode(), "", with(everything)))
			got := text(t, r.request("GET", route[1]+"?"+q.Encode(), "", with(firm)))
			for _, secret := range olgas {
				shown[route[1]] = shown[route[1]] || strings.Contains(all, secret)
				if strings.Contains(got, secret) && !strings.Contains(got, `"detail":"there is no`) {
					t.Errorf("%s?%s shows %s: %s", what, q.Encode(), secret, got)
				}
			}
		}
	}
	for route, ok := range shown {
		if !ok {
			t.Errorf("%s shows nothing of the other firm to who sees everything: the test proves nothing of it", route)
		}
	}
	if n := r.store.count(sessionPrefix); n != 2 || len(r.wall.said()) != 0 {
		t.Errorf("%d sessions are left, the screens were told %v", n, r.wall.said())
	}
}

func TestAFirmsAdminDoesWhatConcernsTheFirm(t *testing.T) {
	var s *shelf
	r := newAdminRig(t, func(_ *rig, c *Config) { s = c.Directories.(*shelf) })
	agent, firm := r.join(priya), r.enter("office@firm.example")
	agents := wants(t, r.request("GET", "/admin/api/agents", "", with(firm)), 200)
	if want := r.adminCall("GET", "/v1/agents?tenant=firm.example.com", ""); agents != want {
		t.Errorf("got %swant %s", agents, want)
	}
	wants(t, r.request("POST", "/admin/api/directory/refresh", "", with(firm)), 200)
	if !slices.Equal(s.read, []screenpop.Tenant{priya.Tenant}) {
		t.Errorf("read %q", s.read)
	}
	wants(t, r.request("POST", "/admin/api/sign-out", thePriya, with(firm)), 200)
	wants(t, r.request("GET", "/api/me", "", with(agent)), 401)
	wants(t, r.request("POST", "/admin/api/unpair", thePriya, with(firm)), 200)
	var made struct{ URL string }
	if err := json.Unmarshal([]byte(wants(t, r.request("POST", "/admin/api/invites", thePriya, with(firm)), 200)), &made); err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(made.URL, "#")
	wants(t, r.request("POST", "/api/session", `{"invite":"`+token+`"}`), 204)
}

func TestOneFirmWithoutAPBXDoesNotHideTheOthers(t *testing.T) {
	s := &shelf{}
	r := newAdminRig(t, func(_ *rig, c *Config) { c.Directories = s })
	both := reach{tenants: []screenpop.Tenant{"nothing.example.com", priya.Tenant}}
	if err := r.server.refresh(t.Context(), both, ""); err != nil || len(s.read) != 2 {
		t.Errorf("%v, read %q", err, s.read)
	}
	var known DirectoryProblem
	if err := r.server.refresh(t.Context(), both, "nothing.example.com"); !errors.As(err, &known) {
		t.Error(err)
	}
}

// following opens the trace as the page does.
func (r *rig) following(server *httptest.Server, cookie *http.Cookie) *bufio.Scanner {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), "GET", server.URL+"/admin/api/trace?follow=1", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	res, err := server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("X-Accel-Buffering") != "no" {
		r.t.Fatalf("%s %v", res.Status, res.Header)
	}
	return bufio.NewScanner(res.Body)
}

func TestAFirmsAdminFollowsTheFirmsCalls(t *testing.T) {
	r := newAdminRig(t)
	r.ledger.next = make(chan screenpop.TraceEntry, 3)
	server := httptest.NewServer(r.handler)
	defer server.Close()
	defer close(r.ledger.next)
	lines := r.following(server, r.enter("office@firm.example"))
	for i, tenant := range []screenpop.Tenant{olga.Tenant, priya.Tenant} {
		r.ledger.next <- screenpop.TraceEntry{Tenant: tenant, Call: screenpop.CallID(fmt.Sprint("new-", i))}
	}
	for _, want := range []string{"call-of-ours", "new-1"} {
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Fatalf("got %q, want %s", lines.Text(), want)
		}
	}
}

// What is followed ends when it may not be seen any more, or the server stops.
func TestFollowingEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(r *rig, cookie *http.Cookie){
		"signed out": func(r *rig, cookie *http.Cookie) {
			wants(r.t, r.request("DELETE", "/admin/api/session", "", with(cookie)), 204)
		},
		"ended by the command":  func(r *rig, _ *http.Cookie) { r.adminCall("POST", "/v1/admin/sign-out", `{}`) },
		"not an admin any more": func(r *rig, _ *http.Cookie) { r.server.SetAdministration(Administration{}) },
		"the server stops":      func(r *rig, _ *http.Cookie) { r.server.EndStreams() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newAdminRig(t, func(r *rig, c *Config) { c.Traces = endless{r.ledger} })
			server := httptest.NewServer(r.handler)
			defer server.Close()
			cookie := r.enter("it@provider.example")
			lines := r.following(server, cookie)
			for range r.ledger.past {
				if !lines.Scan() {
					t.Fatal("nothing is followed")
				}
			}
			end(r, cookie)
			if lines.Scan() {
				t.Errorf("after the end: %s", lines.Text())
			}
		})
	}
}

// endless follows until the context ends.
type endless struct{ *ledger }

func (e endless) Follow(ctx context.Context, q TraceQuery) ([]screenpop.TraceEntry, <-chan screenpop.TraceEntry) {
	past, _ := e.ledger.Follow(ctx, q)
	next := make(chan screenpop.TraceEntry)
	context.AfterFunc(ctx, func() { close(next) })
	return slices.Clone(past), next
}

func TestTheAdminPageIsGuardedAsTheAgents(t *testing.T) {
	r := newAdminRig(t)
	for _, path := range []string{"/admin", "/admin/calls", "/admin/api/me"} {
		res := r.request("GET", path, "")
		policy := res.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "trusted-types 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: no %s in %s", path, want, policy)
			}
		}
	}
	for _, path := range []string{"/admin/nothing", "/admin/api", "/admin/api/nothing", "/admin/agents/101"} {
		if res := r.request("GET", path, ""); res.StatusCode != 404 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}
