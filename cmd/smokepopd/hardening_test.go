package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

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

// pbx sends a request to the webhook as it is told.
func (s *system) pbx(method, path string, body io.Reader, change ...func(*http.Request)) (*http.Response, map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.world.public+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	for _, c := range change {
		c(req)
	}
	res, err := plainClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		s.t.Fatalf("the answer %s is no JSON: %v", res.Status, err)
	}
	return res, answer
}

// refused holds an answer against what a refusal has to be.
func refused(t *testing.T, res *http.Response, answer map[string]any, status int) {
	t.Helper()
	detail, _ := answer["detail"].(string)
	if res.StatusCode != status || res.Header.Get("Content-Type") != "application/problem+json" || detail == "" {
		t.Errorf("%s %s %v, want a problem with %d", res.Status, res.Header.Get("Content-Type"), answer, status)
	}
}

// ofSize is a good event of exactly n bytes.
func (s *system) ofSize(n int, id string) []byte {
	b, err := json.Marshal(event{"event": "ringing", "call_id": id, "from": s.stranger().E164(), "to": s.firm().Agents[0].Extension})
	if err != nil {
		s.t.Fatal(err)
	}
	return append(b, bytes.Repeat([]byte(" "), n-len(b))...)
}

func TestOversizeWebhookIsRefused(t *testing.T) {
	s := startSystem(t, systemOptions{})
	path := "/hooks/vodia/" + s.domain()
	for name, body := range map[string]func([]byte) io.Reader{
		"with a length": func(b []byte) io.Reader { return bytes.NewReader(b) },
		"chunked":       func(b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b)) }, // of no known length
	} {
		t.Run(name, func(t *testing.T) {
			if res, answer := s.pbx(http.MethodPost, path, body(s.ofSize(64<<10, name))); res.StatusCode != http.StatusAccepted {
				t.Errorf("64 KiB: %s %v", res.Status, answer)
			}
			res, answer := s.pbx(http.MethodPost, path, body(s.ofSize(64<<10+1, name+" over")))
			refused(t, res, answer, http.StatusRequestEntityTooLarge)
		})
	}
	t.Run("with a length far over", func(t *testing.T) {
		conn := s.rawWebhook("Content-Length: 1000000000\r\n")
		if _, err := conn.Write(s.ofSize(64<<10+1, "far over")); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge || !res.Close {
			t.Errorf("%s, close %v", res.Status, res.Close)
		}
	})
}

// A body that never ends does not get far either.
func TestEndlessChunkedWebhookIsCutOff(t *testing.T) {
	s := startSystem(t, systemOptions{})
	conn := s.rawWebhook("Transfer-Encoding: chunked\r\n")
	wrote := make(chan error, 1)
	go func() {
		chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", 32<<10, strings.Repeat(" ", 32<<10))
		for {
			if _, err := conn.Write(chunk); err != nil {
				wrote <- err
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil { // the reset may overtake the answer
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s", res.Status)
		}
	}
	<-wrote // the daemon has closed on us
}

// rawWebhook opens a connection and sends the head of a webhook.
func (s *system) rawWebhook(headers string) net.Conn {
	s.t.Helper()
	host := strings.TrimPrefix(s.world.public, "http://")
	conn, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(waitAtMost))
	credentials, err := http.NewRequest(http.MethodPost, "/", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	credentials.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	fmt.Fprintf(conn, "POST /hooks/vodia/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: %s\r\n%s\r\n",
		s.domain(), host, credentials.Header.Get("Authorization"), headers)
	return conn
}

// Bodies that do not come delay nobody, and are given up.
func TestSlowWebhookBodiesHoldUpNobody(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	var slow []net.Conn
	for range 50 {
		conn := s.rawWebhook("Content-Length: 200\r\n")
		if _, err := io.WriteString(conn, `{"event":`); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	s.nothingSince(sc, me.Extension, s.known()[0], "in between")
	for _, conn := range slow {
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("a slow one: %v", err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusRequestTimeout || !res.Close {
			t.Errorf("a slow one is answered %s, close %v", res.Status, res.Close)
		}
	}
	if page := s.metrics(); !strings.Contains(page, "smokepop_screens 1\n") {
		t.Error("the screen went with them")
	}
}

func TestWebhookWithWrongCredentialsIsRefused(t *testing.T) {
	s := startSystem(t, systemOptions{world: func(w *demoWorld, settings map[string]any) {
		w.access.Token = "demo-webhook-token"
		webhook := settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)["webhook"].(map[string]any)
		webhook["token"] = w.access.Token
	}})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	token := func(r *http.Request) { r.Header.Set("X-Smokepop-Token", s.world.access.Token) }
	path := "/hooks/vodia/" + s.domain()
	for name, change := range map[string][]func(*http.Request){
		"none":                  {func(r *http.Request) { r.Header.Del("Authorization") }},
		"the token alone":       {token, func(r *http.Request) { r.Header.Del("Authorization") }},
		"the password alone":    {},
		"a wrong password":      {token, func(r *http.Request) { r.SetBasicAuth("vodia", "wrong") }},
		"no password":           {token, func(r *http.Request) { r.SetBasicAuth("vodia", "") }},
		"a wrong user":          {token, func(r *http.Request) { r.SetBasicAuth("admin", s.world.access.Password) }},
		"a password's start":    {token, func(r *http.Request) { r.SetBasicAuth("vodia", s.world.access.Password[:5]) }},
		"a wrong token":         {func(r *http.Request) { r.Header.Set("X-Smokepop-Token", "wrong") }},
		"an empty token":        {func(r *http.Request) { r.Header.Set("X-Smokepop-Token", "") }},
		"Bearer for Basic":      {token, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.world.access.Password) }},
		"nonsense for Basic":    {token, func(r *http.Request) { r.Header.Set("Authorization", "Basic !!!") }},
		"in the query string":   {func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "token=" + s.world.access.Token }},
		"an agent's own cookie": {func(r *http.Request) { r.Header.Del("Authorization"); r.AddCookie(s.signIn(me.Extension).cookie) }},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"event":"ringing","call_id":%q,"from":%q,"to":%q}`, name, s.known()[0].E164(), me.Extension)
			res, answer := s.pbx(http.MethodPost, path, strings.NewReader(body), change...)
			refused(t, res, answer, http.StatusUnauthorized)
			if res.Header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		})
	}
	body := fmt.Sprintf(`{"event":"ringing","call_id":"right","from":%q,"to":%q}`, s.known()[0].E164(), me.Extension)
	if res, answer := s.pbx(http.MethodPost, path, strings.NewReader(body), token); res.StatusCode != http.StatusAccepted {
		t.Errorf("the right ones: %s %v", res.Status, answer)
	}
	if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "right" {
		t.Errorf("the first pop is of %v", dig(pop, "pop", "call", "id"))
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

// Nobody's address is what a header says while no proxy is named.
func TestForwardedHeadersAreIgnoredWithoutTrustedProxies(t *testing.T) {
	forged := func(r *http.Request) {
		for name, value := range map[string]string{
			"X-Forwarded-For": "10.1.2.3", "X-Real-Ip": "10.1.2.3", "True-Client-Ip": "10.1.2.3", "Cf-Connecting-Ip": "10.1.2.3",
			"Forwarded": "for=10.1.2.3", "X-Client-Ip": "10.1.2.3",
		} {
			r.Header.Set(name, value)
		}
	}
	allow := func(trusted ...string) func(*demoWorld, map[string]any) {
		return func(_ *demoWorld, settings map[string]any) {
			webhook := settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)["webhook"].(map[string]any)
			webhook["allow"] = []string{"10.0.0.0/8"}
			if trusted != nil {
				settings["trusted_proxies"] = trusted
			}
		}
	}
	send := func(s *system) (*http.Response, map[string]any) {
		body := fmt.Sprintf(`{"event":"ringing","call_id":"x","from":%q,"to":%q}`, s.known()[0].E164(), s.firm().Agents[0].Extension)
		return s.pbx(http.MethodPost, "/hooks/vodia/"+s.domain(), strings.NewReader(body), forged)
	}
	t.Run("the PBX's networks", func(t *testing.T) {
		res, answer := send(startSystem(t, systemOptions{world: allow()}))
		refused(t, res, answer, http.StatusForbidden)
	})
	t.Run("another proxy is trusted", func(t *testing.T) {
		res, answer := send(startSystem(t, systemOptions{world: allow("192.0.2.1")}))
		refused(t, res, answer, http.StatusForbidden)
	})
	t.Run("this proxy is trusted", func(t *testing.T) {
		if res, answer := send(startSystem(t, systemOptions{world: allow("127.0.0.1")})); res.StatusCode != http.StatusAccepted {
			t.Errorf("%s %v", res.Status, answer)
		}
	})
}

// Guessing invites is slowed down by where it really comes from.
func TestForwardedHeadersDoNotHelpGuessing(t *testing.T) {
	s := startSystem(t, systemOptions{})
	v := &visitor{t: t, public: s.world.public}
	for i := range 50 {
		res, _ := v.request(http.MethodPost, "/api/session", `{"invite":"made-up"}`, func(r *http.Request) {
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
			r.Header.Set("X-Real-Ip", fmt.Sprintf("203.0.113.%d", i))
		})
		switch res.StatusCode {
		case http.StatusForbidden:
		case http.StatusTooManyRequests:
			if res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		default:
			t.Fatalf("a guess is answered %s", res.Status)
		}
	}
	t.Error("fifty guesses and no end")
}
