package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// looksLikeOurs are origins that are not ours, most of them nearly.
func looksLikeOurs(public string) map[string][]string {
	u, _ := url.Parse(public)
	return map[string][]string{
		"foreign":           {"https://evil.example"},
		"missing":           nil,
		"null":              {"null"},
		"empty":             {""},
		"other scheme":      {"https://" + u.Host},
		"other port":        {"http://" + u.Hostname() + ":1"},
		"no port":           {"http://" + u.Hostname()},
		"other loopback":    {"http://localhost:" + u.Port()},
		"as a subdomain":    {public + ".evil.example"},
		"as a user":         {"http://" + u.Host + "@evil.example"},
		"behind our host":   {"http://evil.example/" + u.Host},
		"with a path":       {public + "/"},
		"with another port": {public + "0"},
		"two":               {public, "https://evil.example"},
		"a list":            {public + ", https://evil.example"},
	}
}

func TestForeignMissingAndLookAlikeOriginsDoNothing(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	v := s.paired(me)
	sc := v.open()
	for name, origins := range looksLikeOurs(v.public) {
		from := func(h http.Header) {
			h.Del("Origin")
			if origins != nil {
				h["Origin"] = origins
			}
		}
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ method, path, body string }{
				{http.MethodPost, "/api/pair", ""}, {http.MethodDelete, "/api/pair", ""},
				{http.MethodDelete, "/api/session", ""}, {http.MethodPost, "/api/session", `{"invite":"x"}`},
			} {
				res, body := v.request(c.method, c.path, c.body, func(r *http.Request) { from(r.Header) })
				if res.StatusCode != http.StatusForbidden || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
					t.Errorf("%s %s: %s %s", c.method, c.path, res.Status, body)
				}
			}
			conn, res, err := v.dial("smokepop.v1", from)
			if err == nil {
				_ = conn.Close()
			}
			if res == nil || res.StatusCode != http.StatusForbidden {
				t.Errorf("a socket: %v, %v", res, err)
			}
		})
	}
	if n := s.smokeball().RevokedCount(); n != 0 {
		t.Errorf("%d tokens were revoked", n)
	}
	s.nothingSince(sc, me.Extension, s.known()[0], "still paired and signed in")
}

func TestUsedInviteSignsNobodyIn(t *testing.T) {
	s := startSystem(t, systemOptions{})
	link := s.invite(s.firm().Agents[0].Extension)
	first := signIn(t, link)
	_, token, _ := strings.Cut(link, "#")
	thief := &visitor{t: t, public: first.public}
	for _, body := range []string{fmt.Sprintf(`{"invite":%q}`, token), `{"invite":""}`, `{}`, `{"invite":null}`} {
		res, answer := thief.request(http.MethodPost, "/api/session", body)
		if res.StatusCode != http.StatusForbidden || len(res.Cookies()) != 0 {
			t.Errorf("%s: %s %s, cookies %v", body, res.Status, answer, res.Cookies())
		}
	}
	if res, _ := first.request(http.MethodGet, "/api/me", ""); res.StatusCode != http.StatusOK {
		t.Errorf("who used it first is out: %s", res.Status)
	}
}

func TestInviteWithdrawnByTheAdminSignsNobodyIn(t *testing.T) {
	s := startSystem(t, systemOptions{})
	who := map[string]string{"tenant": s.domain(), "extension": s.firm().Agents[0].Extension}
	link := s.invite(who["extension"])
	if err := newAdminClient(s.socket).call(t.Context(), http.MethodPost, "/v1/sign-out", nil, who, nil); err != nil {
		t.Fatal(err)
	}
	public, token, _ := strings.Cut(link, "/join#")
	v := &visitor{t: t, public: public}
	if res, body := v.request(http.MethodPost, "/api/session", fmt.Sprintf(`{"invite":%q}`, token)); res.StatusCode != http.StatusForbidden {
		t.Errorf("%s %s", res.Status, body)
	}
}

// A callback with somebody's code and the state of another session pairs
// neither: not the attacker's account to the victim, nor the other way.
func TestStateOfAnotherSessionPairsNobody(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me, other := s.firm().Agents[0], s.firm().Agents[1]
	attacker, victim, sameAgent := s.signIn(me.Extension), s.signIn(other.Extension), s.signIn(me.Extension)
	screens := []*screen{attacker.open(), victim.open(), sameAgent.open()}
	callback := attacker.callback(s.smokeball(), me.Email)
	for name, v := range map[string]*visitor{"another agent": victim, "another browser of the agent": sameAgent, "nobody": {t: t, public: victim.public}} {
		if res, body := v.request(http.MethodGet, callback, ""); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s %s", name, res.Status, body)
		}
	}
	if n := s.smokeball().Count(simulator.TokenEndpoint); n != 0 {
		t.Errorf("%d codes were exchanged", n)
	}
	for _, sc := range screens {
		if dig(sc.hello, "pairing", "state") != "unpaired" {
			t.Errorf("the hello is %v", sc.hello)
		}
	}
	for _, v := range []*visitor{attacker, victim} {
		if res, body := v.request(http.MethodGet, "/api/me", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, `"state":"unpaired"`) {
			t.Errorf("after it: %s %s", res.Status, body)
		}
	}
}

func TestCallbackWithoutStatePairsNobody(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	v := s.signIn(me.Extension)
	callback, err := url.Parse(v.callback(s.smokeball(), me.Email))
	if err != nil {
		t.Fatal(err)
	}
	code, state := callback.Query().Get("code"), callback.Query().Get("state")
	for name, query := range map[string]url.Values{
		"no state":                  {"code": {code}},
		"an empty state":            {"code": {code}, "state": {""}},
		"a made-up state":           {"code": {code}, "state": {"made-up"}},
		"a state with a tail":       {"code": {code}, "state": {state + "x"}},
		"nothing":                   {},
		"an error without a state":  {"error": {"access_denied"}},
		"a script for an error":     {"error": {"<script>alert(1)</script>"}, "error_description": {"<script>alert(1)</script>"}},
		"two states, ours the last": {"code": {code}, "state": {"made-up", state}},
	} {
		res, body := v.request(http.MethodGet, "/pair/callback?"+query.Encode(), "")
		if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, res.Status)
		}
		if strings.Contains(body, "<script>alert") || strings.Contains(body, code) {
			t.Errorf("%s: the page repeats what it was sent:\n%s", name, body)
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: the page's policy is %q", name, csp)
		}
	}
	if n := s.smokeball().Count(simulator.TokenEndpoint); n != 0 {
		t.Errorf("%d codes were exchanged", n)
	}
}

func TestUsedCallbackPairsNobodyAgain(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	v := s.signIn(me.Extension)
	callback := v.callback(s.smokeball(), me.Email)
	v.finishPairing(callback)
	v.request(http.MethodDelete, "/api/pair", "")
	asked := s.smokeball().Count(simulator.TokenEndpoint)
	if res, body := v.request(http.MethodGet, callback, ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("a second time: %s %s", res.Status, body)
	}
	if n := s.smokeball().Count(simulator.TokenEndpoint); n != asked {
		t.Errorf("%d more token requests", n-asked)
	}
	if _, body := v.request(http.MethodGet, "/api/me", ""); !strings.Contains(body, `"state":"unpaired"`) {
		t.Errorf("after it: %s", body)
	}
}

// Where the browser is sent to comes from the configuration, whatever host a
// request claims.
func TestHostHeaderDoesNotSteerThePairing(t *testing.T) {
	s := startSystem(t, systemOptions{})
	v := s.signIn(s.firm().Agents[0].Extension)
	res, body := v.request(http.MethodPost, "/api/pair", "", func(r *http.Request) {
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("Forwarded", "host=evil.example")
	})
	var answer struct {
		URL string `json:"authorize_url"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", res.Status, body)
	}
	u, err := url.Parse(answer.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := u.Query().Get("redirect_uri"), v.public+"/pair/callback"; got != want {
		t.Errorf("redirect_uri is %q, want %q", got, want)
	}
	if strings.Contains(answer.URL, "evil.example") {
		t.Errorf("the address is %s", answer.URL)
	}
}

// What somebody typed into the address book is text, on the wire as well.
func TestScriptInAContactsNameIsText(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	const first, last = `</script><script>alert(1)</script>`, "\"'><img src=x onerror=alert(1)>\u2028\u202e"
	s.smokeball().PutContacts(simulator.Contact{ID: "5c41a9c1-0000-4000-8000-000000000001", Person: &simulator.Person{
		FirstName: first, LastName: last, Email: `javascript:alert(1)`, Cell: simulator.Phone{AreaCode: "401", Number: "5550164"},
	}})
	sc := s.paired(me).open()
	s.mustAccept(event{"event": "ringing", "call_id": "x", "from": "+14015550164", "to": me.Extension, "queue": `<b onclick="x">`, "from_name": "<i>"})
	raw := sc.raw()
	if bytes.ContainsAny(raw, "<>\u2028") {
		t.Errorf("the frame has markup in it: %s", raw)
	}
	var f frame
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	contact := f["pop"].(map[string]any)["contacts"].([]any)[0]
	if got := dig(contact, "name").(string); !strings.HasPrefix(got, first+" ") || !strings.Contains(got, "<img src=x onerror=alert(1)>") {
		t.Errorf("the name is %q", got)
	}
	if got := dig(contact, "url").(string); !strings.HasPrefix(got, s.world.smokeballURL(0)+"/#/billing/view-contact/5c41a9c1-") {
		t.Errorf("the link is %q", got)
	}
}

// An id goes into a link only if it is one.
func TestContactIDThatIsNoIDGivesNoLink(t *testing.T) {
	s := startSystem(t, systemOptions{as: unlimited, world: tenantSetting("smokeball", "requests_per_second", 1000)})
	me := s.firm().Agents[0]
	good := "5c41a9c1-0000-4000-8000-000000000002"
	bad := []string{
		"../../../evil", "javascript:alert(1)", "https://evil.example/", "5c41a9c1-0000-4000-8000-00000000000", good + "/../x",
		"5c41a9c1-0000-4000-8000-00000000000g", "{id}", "", good + " x", "%2e%2e%2f", "5c41a9c1000040008000000000000002", `"><script>`,
	}
	phone := func(line int) simulator.Phone {
		return simulator.Phone{AreaCode: "401", Number: fmt.Sprintf("5550%03d", line)}
	}
	for i, id := range bad {
		raw, err := json.Marshal(map[string]any{
			"id": id, "href": "https://evil.example/contacts/" + good, "isDeleted": false,
			"person": map[string]any{"firstName": "Bad", "lastName": "Id", "cell": map[string]string{"areaCode": "401", "number": phone(110 + i).Number}},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.smokeball().PutContacts(simulator.Contact{
			ID: fmt.Sprintf("bad %d", i), Raw: raw, Person: &simulator.Person{FirstName: "Bad", LastName: "Id", Cell: phone(110 + i)},
		})
	}
	s.smokeball().PutContacts(simulator.Contact{ID: good, Person: &simulator.Person{FirstName: "Good", LastName: "Id", Cell: phone(110)}})
	sc := s.paired(me).open()
	for i, id := range bad {
		call := fmt.Sprint(i)
		s.mustAccept(event{"event": "ringing", "call_id": call, "from": "+1401" + phone(110+i).Number, "to": me.Extension})
		if i == 0 { // shares the number with a good one
			if pop := sc.next("pop"); !slices.Equal(names(pop["pop"]), []string{"Good Id"}) {
				t.Errorf("the pop is %v", pop)
			}
			s.mustAccept(event{"event": "terminated", "call_id": call})
			sc.next("end")
			continue
		}
		s.awaitMetric(fmt.Sprintf(`smokepop_lookup_total{outcome="no-match"} %d`, i))
		if recent := s.signIn(me.Extension).open().hello["pops"].([]any); len(recent) != 0 {
			t.Errorf("id %q: shown is %v", id, recent)
		}
	}
	s.nothingSince(sc, me.Extension, s.known()[0], "fence")
}
