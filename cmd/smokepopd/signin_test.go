package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/smokepop/smokepop/internal/simulator"
)

// signInWith signs a browser of an extension in by what the page sends.
func (s *system) signInWith(body string) (*visitor, int) {
	s.t.Helper()
	v := &visitor{t: s.t, public: s.world.public}
	res, _ := v.request(http.MethodPost, "/api/session", body)
	for _, c := range res.Cookies() {
		v.cookie = c
	}
	return v, res.StatusCode
}

func TestSigningInByThePBXsPassword(t *testing.T) {
	s := startSystem(t, systemOptions{world: func(w *demoWorld, settings map[string]any) {
		withAPI("webhook")(w, settings)
		settings["sign_in"] = map[string]any{"pbx_password": true}
	}})
	me := s.firm().Agents[0]
	login := func(password string) (*visitor, int) {
		return s.signInWith(fmt.Sprintf(`{"extension":%q,"password":%q}`, me.Extension, password))
	}
	if _, status := login("wrong"); status != http.StatusForbidden {
		t.Errorf("a wrong password: %d", status)
	}
	v, status := login(simulator.ExtensionPassword(me.Extension))
	if status != http.StatusNoContent {
		t.Fatalf("the right one: %d", status)
	}
	v.pair(s.smokeball(), me.Email)
	sc := v.open()
	s.nothingSince(sc, me.Extension, s.known()[0], "c1")

	// The admin sees the browser and ends it.
	list := s.cli("agents", "sessions", "--extension", me.Extension, "--tenant", s.firm().Domain, "--json")
	list.wants(t, exitOK)
	row := oneDocument(t, list.stdout)["sessions"].([]any)[0].(map[string]any)
	if row["method"] != "pbx_password" || row["screens"] != 1.0 || row["extension"] != me.Extension {
		t.Errorf("%v", row)
	}
	table := s.cli("agents", "sessions")
	table.wants(t, exitOK)
	if !strings.Contains(table.stdout, row["id"].(string)) || !strings.Contains(table.stdout, "pbx_password") {
		t.Errorf("the table:\n%s", table.stdout)
	}
	s.cli("agents", "sign-out", "--tenant", s.firm().Domain, "--extension", me.Extension, "--session", "no-such").wants(t, exitFailed)
	s.cli("agents", "sign-out", "--tenant", s.firm().Domain, "--extension", me.Extension, "--session", row["id"].(string)).wants(t, exitOK)
	if code := sc.closed(); code != 4503 {
		t.Errorf("the screen was closed with %d", code)
	}

	// A PBX that does not answer signs nobody in, and says so.
	s.vodia().Inject(simulator.PBXFault{Path: "/rest/user", Status: 503})
	if _, status := login(simulator.ExtensionPassword(me.Extension)); status != http.StatusBadGateway {
		t.Errorf("with the PBX away: %d", status)
	}
}

// The whole single sign-on against a provider that nobody here wrote.
func TestSingleSignOnAgainstAProviderNobodyHereWrote(t *testing.T) {
	const address = "test-user2@zitadel.ch" // the example's second user
	const theAdmin = "test-user@127.0.0.1"  // its first, of test-user@zitadel.ch
	idp := httptest.NewUnstartedServer(nil)
	idp.Start()
	t.Cleanup(idp.Close)
	s := startSystem(t, systemOptions{world: func(w *demoWorld, settings map[string]any) {
		clients := map[string]*storage.Client{"smokepop": storage.WebClient("smokepop", "the-idps-secret", w.public+"/sign-in/oidc/callback")}
		idp.Config.Handler = exampleop.SetupServer(idp.URL, storage.NewStorageWithClients(storage.NewUserStore(idp.URL), clients),
			slog.New(slog.DiscardHandler), false, op.WithAllowInsecure())
		settings["sign_in"] = map[string]any{"invite": false, "oidc": map[string]any{"issuer": idp.URL, "client_id": "smokepop", "client_secret": "the-idps-secret"}}
		settings["admins"] = []map[string]any{{"email": "Test-User@zitadel.ch"}}
		agents := settings["tenants"].([]map[string]any)[0]["agents"].([]map[string]any)
		agents[0]["email"] = strings.ToUpper(address)
	}})

	jar, res := s.throughProvider(idp.URL, "/sign-in/oidc", "test-user2")
	if res.StatusCode != http.StatusOK || res.Request.URL.String() != s.world.public+"/" {
		t.Fatalf("the browser ends at %s with %s", res.Request.URL, res.Status)
	}
	public := res.Request.URL
	v := &visitor{t: t, public: s.world.public}
	for _, c := range jar.Cookies(public) {
		if c.Name == "smokepop" {
			v.cookie = c
		}
	}
	if v.cookie == nil {
		t.Fatalf("no session: %v", jar.Cookies(public))
	}
	_, me := v.request(http.MethodGet, "/api/me", "")
	if !strings.Contains(me, `"extension":"`+s.firm().Agents[0].Extension+`"`) || !strings.Contains(me, `"method":"oidc"`) {
		t.Errorf("signed in as %s", me)
	}
	v.open()

	// The admin page takes the same provider, and whom the configuration names:
	// the agent is an admin no more than the admin is an agent.
	jar, res = s.throughProvider(idp.URL, "/admin/sign-in", theAdmin)
	if res.StatusCode != http.StatusOK || res.Request.URL.String() != s.world.public+"/admin" {
		t.Fatalf("the admin's browser ends at %s with %s", res.Request.URL, res.Status)
	}
	admin := &visitor{t: t, public: s.world.public}
	for _, c := range jar.Cookies(public) {
		if c.Name == "smokepop-admin" {
			admin.cookie = c
		}
	}
	if _, me := admin.request(http.MethodGet, "/admin/api/me", ""); !strings.Contains(me, `"email":"test-user@zitadel.ch"`) || !strings.Contains(me, `"method":"oidc"`) {
		t.Errorf("signed in as %s", me)
	}
	for path, user := range map[string]string{"/admin/sign-in": "test-user2", "/sign-in/oidc": theAdmin} {
		jar, res := s.throughProvider(idp.URL, path, user)
		if res.StatusCode != http.StatusForbidden || len(jar.Cookies(public)) != 0 {
			t.Errorf("%s by %s: %s, cookies %v", user, path, res.Status, jar.Cookies(public))
		}
	}
}

// throughProvider leads a browser from a path of ours through the example
// provider's sign-in, and back. It returns its cookies and where it ends.
func (s *system) throughProvider(provider, path, user string) (*cookiejar.Jar, *http.Response) {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: waitAtMost}
	get := func(res *http.Response, err error) *http.Response {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	res := get(browser.Get(s.world.public + path))
	if res.Request.URL.Path != "/login/username" {
		s.t.Fatalf("the browser was sent to %s", res.Request.URL)
	}
	return jar, get(browser.PostForm(provider+"/login/username", url.Values{
		"id": {res.Request.URL.Query().Get("authRequestID")}, "username": {user}, "password": {"verysecure"},
	}))
}

// Settings count from the next call on, on all of the agent's screens.
func TestSettingsChangeWhatPops(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	v := s.paired(me)
	sc, other := v.open(), s.signIn(me.Extension).open()
	change := func(body string) {
		t.Helper()
		if res, answer := v.request(http.MethodPut, "/api/settings", body); res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", body, res.Status, answer)
		}
		sc.await("settings")
		if f := other.await("settings"); dig(f, "settings", "settings") == nil {
			t.Errorf("told %v", f)
		}
	}
	client := s.known()[0].E164()
	parties := map[string][2]string{"inbound": {client, me.Extension}, "outbound": {me.Extension, client}}
	call := func(id, direction string, states ...string) {
		t.Helper()
		for _, state := range states {
			s.mustAccept(event{"event": state, "call_id": id, "from": parties[direction][0], "to": parties[direction][1]})
		}
	}
	change(`{"on":"connected"}`)
	call("late", "inbound", "ringing", "connected")
	if pop := sc.await("pop"); dig(pop, "pop", "call", "id") != "late" || dig(pop, "pop", "call", "state") != "connected" {
		t.Errorf("%v", pop)
	}
	call("late", "inbound", "terminated")
	sc.await("end")
	hello := s.signIn(me.Extension).open().hello
	if dig(hello, "settings", "settings", "on") != "connected" {
		t.Errorf("hello says %v", hello["settings"])
	}

	// Neither direction pops when it is off; an agent's calls keep their order.
	for off, on := range map[string]string{"inbound": "outbound", "outbound": "inbound"} {
		change(`{"on":null,"inbound":null,"outbound":null,"` + off + `":false}`)
		call("silent-"+off, off, "ringing", "terminated")
		call("shown-"+on, on, "ringing")
		if pop := sc.await("pop"); dig(pop, "pop", "call", "id") != "shown-"+on {
			t.Errorf("%s is off: %v", off, dig(pop, "pop", "call"))
		}
		call("shown-"+on, on, "terminated")
		sc.await("end")
	}
}
