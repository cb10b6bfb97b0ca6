package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/simulator"
)

// visitor is an agent's browser as far as the wire goes: a session's cookie,
// requests of the page, and sockets.
type visitor struct {
	t      testing.TB
	public string
	cookie *http.Cookie
}

// signIn takes an invite link, as the page at its end does.
func signIn(t testing.TB, link string) *visitor {
	t.Helper()
	public, token, found := strings.Cut(link, "/join#")
	if !found {
		t.Fatalf("the invite link is %q", link)
	}
	v := &visitor{t: t, public: public}
	res, body := v.request(http.MethodPost, "/api/session", fmt.Sprintf(`{"invite":%q}`, token))
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("sign in: %s %s", res.Status, body)
	}
	for _, c := range res.Cookies() {
		v.cookie = c
	}
	if v.cookie == nil {
		t.Fatal("signing in gave no cookie")
	}
	return v
}

// signIn signs a browser of an extension in.
func (s *system) signIn(extension string) *visitor {
	s.t.Helper()
	return signIn(s.t, s.invite(extension))
}

// paired signs a browser of an agent in and pairs the agent.
func (s *system) paired(a simulator.Agent) *visitor {
	s.t.Helper()
	v := s.signIn(a.Extension)
	v.pair(s.smokeball(), a.Email)
	return v
}

// request sends a request the way the page does. change, when given, has the
// last word.
func (v *visitor) request(method, path, body string, change ...func(*http.Request)) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.public+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Origin", v.public)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if v.cookie != nil {
		req.AddCookie(v.cookie)
	}
	for _, c := range change {
		c(req)
	}
	res, err := plainClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(b)
}

// beginPairing presses "Pair" and returns where Smokeball asks to sign in.
func (v *visitor) beginPairing() string {
	v.t.Helper()
	res, body := v.request(http.MethodPost, "/api/pair", "")
	var answer struct {
		URL string `json:"authorize_url"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK || answer.URL == "" {
		v.t.Fatalf("begin pairing: %s %s", res.Status, body)
	}
	return answer.URL
}

// callback signs in at Smokeball and returns the path the browser is sent back
// to.
func (v *visitor) callback(smokeball *simulator.Smokeball, email string) string {
	v.t.Helper()
	target, err := smokeball.SignIn(v.beginPairing(), email)
	if err != nil {
		v.t.Fatal(err)
	}
	path, ours := strings.CutPrefix(target, v.public)
	if !ours {
		v.t.Fatalf("Smokeball sends the browser to %s", target)
	}
	return path
}

// pair pairs the agent as the Smokeball user with this e-mail, and waits until
// the screens have heard whose account it is: that is asked for beside.
func (v *visitor) pair(smokeball *simulator.Smokeball, email string) {
	v.t.Helper()
	sc := v.open()
	v.finishPairing(v.callback(smokeball, email))
	for dig(sc.next("pairing"), "pairing", "email_matches") == nil {
	}
	_ = sc.conn.Close()
}

func (v *visitor) finishPairing(path string) {
	v.t.Helper()
	if res, body := v.request(http.MethodGet, path, "", func(r *http.Request) { r.Header.Del("Origin") }); res.StatusCode != http.StatusOK {
		v.t.Fatalf("the callback: %s %s", res.Status, body)
	}
}

// dial asks for a socket. The caller closes what it gets.
func (v *visitor) dial(subprotocol string, change ...func(http.Header)) (*websocket.Conn, *http.Response, error) {
	header := http.Header{"Origin": {v.public}}
	if v.cookie != nil {
		header.Set("Cookie", v.cookie.Name+"="+v.cookie.Value)
	}
	for _, c := range change {
		c(header)
	}
	dialer := websocket.Dialer{HandshakeTimeout: waitAtMost}
	if subprotocol != "" {
		dialer.Subprotocols = []string{subprotocol}
	}
	return dialer.DialContext(v.t.Context(), strings.Replace(v.public, "http", "ws", 1)+"/ws", header)
}

// frame is one message of smokepop.v1.
type frame map[string]any

// screen is an open socket. It is read by the goroutine of its test alone.
type screen struct {
	t     testing.TB
	conn  *websocket.Conn
	hello frame
	seq   float64
}

// open opens a socket and reads its hello.
func (v *visitor) open() *screen {
	v.t.Helper()
	conn, _, err := v.dial("smokepop.v1")
	if err != nil {
		v.t.Fatalf("open a screen: %v", err)
	}
	v.t.Cleanup(func() { _ = conn.Close() })
	if conn.Subprotocol() != "smokepop.v1" {
		v.t.Errorf("the subprotocol is %q", conn.Subprotocol())
	}
	sc := &screen{t: v.t, conn: conn}
	if sc.hello = sc.read(); sc.hello["type"] != "hello" {
		v.t.Fatalf("the first frame is %v", sc.hello)
	}
	sc.seq = sc.hello["seq"].(float64)
	return sc
}

// raw reads a frame's bytes.
func (sc *screen) raw() []byte {
	sc.t.Helper()
	_ = sc.conn.SetReadDeadline(time.Now().Add(waitAtMost))
	kind, b, err := sc.conn.ReadMessage()
	if err != nil {
		sc.t.Fatalf("read a frame: %v", err)
	}
	if kind != websocket.TextMessage {
		sc.t.Fatalf("a frame of kind %d: %q", kind, b)
	}
	return b
}

func (sc *screen) read() frame {
	sc.t.Helper()
	b := sc.raw()
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		sc.t.Fatalf("the frame %s is no JSON object: %v", b, err)
	}
	return f
}

// next reads a frame of a kind, and sees to it that none before it is missing.
func (sc *screen) next(kind string) frame {
	sc.t.Helper()
	f := sc.read()
	if f["type"] != kind {
		sc.t.Fatalf("the frame is %v, want one of type %q", f, kind)
	}
	if sc.seq++; f["seq"] != sc.seq {
		sc.t.Fatalf("seq is %v, want %v: %v", f["seq"], sc.seq, f)
	}
	return f
}

// closed reads on until the socket is closed and returns the code.
func (sc *screen) closed() int {
	sc.t.Helper()
	for {
		_ = sc.conn.SetReadDeadline(time.Now().Add(waitAtMost))
		if _, _, err := sc.conn.ReadMessage(); err != nil {
			var c *websocket.CloseError
			if !errors.As(err, &c) {
				sc.t.Fatalf("the socket broke: %v", err)
			}
			return c.Code
		}
	}
}

func (sc *screen) send(message string) {
	sc.t.Helper()
	if err := sc.conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		sc.t.Fatal(err)
	}
}

// nothingSince makes sure that no frame has come since the last one read: it
// lets a known call ring, and the next frame has to be that call's.
func (s *system) nothingSince(sc *screen, extension string, c simulator.Caller, id string) {
	s.t.Helper()
	s.mustAccept(event{"event": "ringing", "call_id": id, "from": c.E164(), "to": extension})
	pop := sc.next("pop")
	if got := dig(pop, "pop", "call", "id"); got != id {
		s.t.Fatalf("there was a frame before: %v", pop)
	}
	s.mustAccept(event{"event": "terminated", "call_id": id})
	sc.next("end")
}

// dig returns what is at the end of a path of keys, nil when there is nothing.
func dig(v any, path ...string) any {
	for _, key := range path {
		switch m := v.(type) {
		case frame:
			v = m[key]
		case map[string]any:
			v = m[key]
		default:
			return nil
		}
	}
	return v
}

// names returns the names of a pop's contacts, in alphabetical order.
func names(pop any) []string {
	list := []string{}
	contacts, _ := dig(pop, "contacts").([]any)
	for _, c := range contacts {
		list = append(list, fmt.Sprint(dig(c, "name")))
	}
	slices.Sort(list)
	return list
}

// shape tells what a JSON value is made of: every key, in alphabetical order,
// with the type of its value; of a list its first element.
func shape(v any) string {
	switch v := v.(type) {
	case frame:
		return shape(map[string]any(v))
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+":"+shape(v[key]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "[" + shape(v[0]) + "]"
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return "time"
		}
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	case nil:
		return "null"
	}
	return fmt.Sprintf("%T", v)
}

func (sc *screen) wants(f any, want string) {
	sc.t.Helper()
	if got := shape(f); got != want {
		sc.t.Errorf("the shape is\n%s, want\n%s", got, want)
	}
}

// The shapes of DESIGN section 7.
const (
	agentShape      = `{email:string extension:string name:string tenant:string}`
	justPairedShape = `{account:string email_matches:null expires:time problem:string since:time state:string}`
	unpairedShape   = `{account:string email_matches:null expires:null problem:string since:null state:string}`
	pairedShape     = `{account:string email_matches:bool expires:time problem:string since:time state:string}`
	callShape       = `{direction:string display:string id:string number:string queue:string started:time state:string}`
	contactShape    = `{company:string email:string id:string kind:string matched:string matters:[] name:string url:string}`
	popShape        = `{call:` + callShape + ` contacts:[` + contactShape + `] id:string more:number}`
	cardShape       = `{call:` + callShape + ` contacts:[] id:string more:number}`
	recentShape     = `{answered_by:string call:` + callShape + ` contacts:[` + contactShape + `] ended:time id:string more:number outcome:string reason:string}`
)

func helloShape(pairing, pops, recent string) string {
	return `{agent:` + agentShape + ` pairing:` + pairing + ` pops:[` + pops + `] recent:[` + recent + `] seq:number service:{state:string} type:string}`
}

// unlimited is a Smokeball that takes any number of requests.
func unlimited(o *simulator.Options) { o.RateLimit = simulator.RateLimit{PerSecond: -1} }

// setTenant changes a key of a section of the first tenant's configuration.
func setTenant(settings map[string]any, section, key string, value any) {
	tenant := settings["tenants"].([]map[string]any)[0]
	inside, ok := tenant[section].(map[string]any)
	if !ok {
		inside = map[string]any{}
		tenant[section] = inside
	}
	inside[key] = value
}

// tenantSetting is setTenant as the system's option.
func tenantSetting(section, key string, value any) func(*demoWorld, map[string]any) {
	return func(_ *demoWorld, settings map[string]any) { setTenant(settings, section, key, value) }
}

// Every frame of a call's way, to the key.
func TestFramesOfACall(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	maria := s.known()[0]
	v := s.signIn(me.Extension)

	sc := v.open()
	sc.wants(sc.hello, helloShape(unpairedShape, "", ""))
	if got := dig(sc.hello, "agent", "name"); got != me.Name {
		t.Errorf("hello is for %v", got)
	}

	v.finishPairing(v.callback(s.smokeball(), me.Email))
	pairing := sc.next("pairing")
	sc.wants(pairing, `{pairing:`+justPairedShape+` seq:number type:string}`)
	if dig(pairing, "pairing", "state") != "paired" {
		t.Errorf("the pairing is %v", pairing)
	}
	pairing = sc.next("pairing") // whose account it is, as soon as Smokeball has told
	sc.wants(pairing, `{pairing:`+pairedShape+` seq:number type:string}`)
	if dig(pairing, "pairing", "account") != me.Name || dig(pairing, "pairing", "email_matches") != true {
		t.Errorf("the account is %v", pairing)
	}

	s.mustAccept(event{"event": "ringing", "call_id": "c1", "from": maria.E164(), "to": me.Extension, "queue": "Intake"})
	first := sc.next("pop")
	sc.wants(first, `{pop:`+popShape+` seq:number type:string}`)
	want := map[string]any{
		"id": "c1", "direction": "inbound", "state": "ringing", "number": "+16175550142", "display": "(617) 555-0142",
		"queue": "Intake", "started": dig(first, "pop", "call", "started"),
	}
	if got := dig(first, "pop", "call"); !maps.Equal(got.(map[string]any), want) {
		t.Errorf("the call is %v, want %v", got, want)
	}
	contact := dig(first, "pop").(map[string]any)["contacts"].([]any)[0]
	link := s.world.smokeballURL(0) + "/#/billing/view-contact/" + dig(contact, "id").(string) + "/details"
	for key, want := range map[string]any{"name": maria.Names[0], "kind": "person", "matched": "cell", "url": link} {
		if got := dig(contact, key); got != want {
			t.Errorf("the contact's %s is %v, want %v", key, got, want)
		}
	}
	if dig(first, "pop", "id") == "c1" {
		t.Error("a pop's id is our own, not the call's")
	}

	s.mustAccept(event{"event": "connected", "call_id": "c1", "from": maria.E164(), "to": me.Extension})
	update := sc.next("update")
	sc.wants(update, `{pop:`+popShape+` seq:number type:string}`)
	if dig(update, "pop", "call", "state") != "connected" || dig(update, "pop", "id") != dig(first, "pop", "id") {
		t.Errorf("the update is %v", update)
	}
	withMatters := sc.next("update") // they come with the answer
	contact = dig(withMatters, "pop").(map[string]any)["contacts"].([]any)[0]
	matters := dig(contact, "matters").([]any)
	if len(matters) != 2 || dig(matters[0], "url") != s.world.smokeballURL(0)+"/#/billing/view-matter/"+dig(matters[0], "id").(string)+"/details" {
		t.Errorf("the matters are %v", matters)
	}

	s.mustAccept(event{"event": "terminated", "call_id": "c1"})
	end := sc.next("end")
	sc.wants(end, `{answered_by:string id:string reason:string seq:number type:string}`)
	if end["id"] != dig(first, "pop", "id") || end["reason"] != "terminated" || end["answered_by"] != "" {
		t.Errorf("the end is %v", end)
	}

	s.mustAccept(event{"event": "ringing", "call_id": "c2", "from": me.Extension, "to": maria.E164()})
	if outbound := sc.next("pop"); dig(outbound, "pop", "call", "direction") != "outbound" || !slices.Equal(names(outbound["pop"]), maria.Names) {
		t.Errorf("the outbound call's pop is %v", outbound)
	}

	if res, body := v.request(http.MethodDelete, "/api/pair", ""); res.StatusCode != http.StatusOK || strings.TrimSpace(body) != `{"revoked":true}` {
		t.Errorf("unpair: %s %s", res.Status, body)
	}
	// Whether the pop goes first or the tick is not promised.
	for range 2 {
		f := sc.read()
		sc.seq++
		if f["seq"] != sc.seq {
			t.Errorf("seq is %v, want %v", f["seq"], sc.seq)
		}
		switch f["type"] {
		case "pairing":
			sc.wants(f, `{pairing:`+unpairedShape+` seq:number type:string}`)
		case "end":
			if f["reason"] != "dismissed" {
				t.Errorf("unpairing ends a pop with %v", f)
			}
		default:
			t.Errorf("unpairing brought %v", f)
		}
	}
	if after := v.open(); after.hello["seq"] != sc.seq {
		t.Errorf("the next hello is at %v, want %v", after.hello["seq"], sc.seq)
	}
}

// All screens of an agent tell the same, in the same order; nobody else's tell
// anything of it.
func TestScreensOfOneAgentAgreeAndAnothersAreSilent(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me, other := s.firm().Agents[0], s.firm().Agents[1]
	maria, james := s.known()[0], s.known()[1]
	mine := s.paired(me)
	one, two := mine.open(), s.signIn(me.Extension).open() // another tab, another computer
	theirs := s.paired(other).open()

	for _, step := range [][2]string{{"ringing", "pop"}, {"connected", "update"}} {
		s.mustAccept(event{"event": step[0], "call_id": "c1", "from": maria.E164(), "to": me.Extension})
		if a, b := one.next(step[1]), two.next(step[1]); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("two screens were told\n%v and\n%v", a, b)
		}
	}
	one.next("update") // the matters
	two.next("update")

	s.mustAccept(event{"event": "ringing", "call_id": "c2", "from": james.E164(), "to": me.Extension})
	one.next("pop")
	id := dig(two.next("pop"), "pop", "id")
	two.send(fmt.Sprintf(`{"type":"dismiss","id":%q}`, id))
	for _, sc := range []*screen{one, two} {
		if end := sc.next("end"); end["id"] != id || end["reason"] != "dismissed" {
			t.Errorf("dismissed in one screen, the others hear %v", end)
		}
	}

	// An id of somebody else's pop is nobody.
	theirs.send(fmt.Sprintf(`{"type":"dismiss","id":%q}`, dig(mine.open().hello["pops"].([]any)[0], "id")))
	s.nothingSince(theirs, other.Extension, james, "fence")
	s.mustAccept(event{"event": "terminated", "call_id": "c1"})
	if end := one.next("end"); end["reason"] != "terminated" {
		t.Errorf("the first call ended with %v", end)
	}
}

// Who comes back while a call lasts sees it, and what is over is in the list.
func TestHelloReplaysLiveAndRecentPops(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	maria, james := s.known()[0], s.known()[1]
	v := s.paired(me)
	before := v.open()
	s.mustAccept(event{"event": "ringing", "call_id": "c1", "from": maria.E164(), "to": me.Extension})
	shown := before.next("pop")
	s.mustAccept(event{"event": "ringing", "call_id": "c2", "from": james.E164(), "to": me.Extension})
	before.next("pop")
	s.mustAccept(event{"event": "terminated", "call_id": "c2"})
	before.next("end")
	_ = before.conn.Close()

	after := v.open()
	after.wants(after.hello, helloShape(pairedShape, popShape, recentShape))
	if live := after.hello["pops"].([]any); len(live) != 1 || fmt.Sprint(live[0]) != fmt.Sprint(shown["pop"]) {
		t.Errorf("live are %v, want %v", live, shown["pop"])
	}
	if recent := after.hello["recent"].([]any); len(recent) != 1 || dig(recent[0], "call", "id") != "c2" || dig(recent[0], "reason") != "terminated" {
		t.Errorf("recent are %v", recent)
	}
	if after.seq != before.seq {
		t.Errorf("hello is at %v, want %v", after.seq, before.seq)
	}
	s.mustAccept(event{"event": "connected", "call_id": "c1", "from": maria.E164(), "to": me.Extension})
	after.next("update")
}

// gate holds up what the simulated Smokeball would let wait.
type gate struct{ open chan struct{} }

func (g gate) sleep(ctx context.Context, _ time.Duration) error {
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// largeFirm is the demo's firm with n agents who all can sign in, on the
// extensions from 101 or, where those do not suffice, 1001 on.
func largeFirm(n int) *simulator.Firm {
	f := simulator.NewFirm()
	first := 101
	if n > 700 {
		first = 1001
	}
	f.Agents = nil
	for i := range n {
		email := fmt.Sprintf("agent%d@firm.example", i)
		id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
		f.Agents = append(f.Agents, simulator.Agent{Extension: fmt.Sprint(first + i), Name: fmt.Sprintf("Agent %d", i), Email: email})
		f.Staff = append(f.Staff, simulator.Staff{ID: id, UserID: id, FirstName: "Agent", LastName: fmt.Sprint(i), Email: email})
	}
	return f
}

// Eight phones ring, Smokeball is asked once, eight screens tell.
func TestRingGroupOfEightAsksOnce(t *testing.T) {
	hold := gate{make(chan struct{})}
	s := startSystem(t, systemOptions{
		firms: []*simulator.Firm{largeFirm(8)},
		as:    func(o *simulator.Options) { unlimited(o); o.Sleep = hold.sleep },
		world: tenantSetting("lookup", "timeout", "30s"),
	})
	var screens []*screen
	for _, a := range s.firm().Agents {
		screens = append(screens, s.paired(a).open())
	}
	maria := s.known()[0]
	s.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Latency: time.Second})
	s.smokeball().Forget()
	for _, a := range s.firm().Agents {
		s.mustAccept(event{"event": "ringing", "call_id": "group", "from": maria.E164(), "to": "600", "extension": a.Extension, "queue": "Intake"})
	}
	s.get("http://" + s.ops + "/readyz") // went through every queue of the flow
	close(hold.open)
	ids := map[any]bool{}
	for _, sc := range screens {
		pop := sc.next("pop")
		ids[dig(pop, "pop", "id")] = true
		if got := names(pop["pop"]); !slices.Equal(got, maria.Names) || dig(pop, "pop", "call", "queue") != "Intake" {
			t.Errorf("the pop is %v", pop)
		}
	}
	if n := s.smokeball().Count(simulator.ContactsEndpoint); n != 1 {
		t.Errorf("%d searches for one ringing number, want 1", n)
	}
	if len(ids) != 8 {
		t.Errorf("%d pop ids for 8 agents", len(ids))
	}

	// The fourth phone answers: it goes on, the other seven hear who it was.
	winner := s.firm().Agents[3]
	s.mustAccept(event{"event": "connected", "call_id": "group", "from": maria.E164(), "to": "600", "extension": winner.Extension})
	for i, sc := range screens {
		if i == 3 {
			if up := sc.next("update"); dig(up, "pop", "call", "state") != "connected" {
				t.Errorf("who answered sees %v", up)
			}
			sc.next("update") // the matters, for the one phone that was answered
			continue
		}
		if end := sc.next("end"); end["reason"] != "answered-elsewhere" || end["answered_by"] != winner.Name {
			t.Errorf("who did not answer sees %v", end)
		}
	}
	s.awaitMetric(`smokepop_calls_total{outcome="matched"} 8`)
	if n := s.smokeball().Count(simulator.MattersEndpoint); n != 1 {
		t.Errorf("%d requests for matters, want 1: seven phones only rang", n)
	}
	s.mustAccept(event{"event": "terminated", "call_id": "group"})
	if end := screens[3].next("end"); end["reason"] != "terminated" {
		t.Errorf("the end is %v", end)
	}
}

func TestTransferPopsAtTheTarget(t *testing.T) {
	s := startSystem(t, systemOptions{world: tenantSetting("lookup", "matters", false)})
	from, to := s.firm().Agents[0], s.firm().Agents[3]
	maria := s.known()[0]
	first, second := s.paired(from).open(), s.paired(to).open()
	on := func(state, extension string) event {
		return event{"event": state, "call_id": "t", "from": maria.E164(), "to": extension, "extension": extension}
	}
	s.mustAccept(on("ringing", from.Extension))
	first.next("pop")
	s.mustAccept(on("connected", from.Extension))
	first.next("update")
	s.mustAccept(on("ringing", to.Extension))
	if pop := second.next("pop"); !slices.Equal(names(pop["pop"]), maria.Names) || dig(pop, "pop", "call", "state") != "ringing" {
		t.Errorf("the target's pop is %v", pop)
	}
	s.mustAccept(on("terminated", from.Extension), on("connected", to.Extension))
	if end := first.next("end"); end["reason"] != "terminated" {
		t.Errorf("who handed it on sees %v", end)
	}
	second.next("update")
	s.mustAccept(event{"event": "terminated", "call_id": "t"})
	second.next("end")
	s.nothingSince(first, from.Extension, maria, "fence")
}

// What the tenant's settings make of calls.
func TestPopSettings(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*demoWorld, map[string]any)
		play func(*system, *screen, simulator.Agent)
	}{
		{"a stranger's call shows nothing", nil, func(s *system, sc *screen, me simulator.Agent) {
			s.mustAccept(event{"event": "ringing", "call_id": "x", "from": s.stranger().E164(), "to": me.Extension})
			s.awaitMetric(`smokepop_lookup_total{outcome="no-match"} 1`)
			s.mustAccept(event{"event": "connected", "call_id": "x", "from": s.stranger().E164(), "to": me.Extension})
		}},
		{"unknown: card", tenantSetting("pops", "unknown", "card"), func(s *system, sc *screen, me simulator.Agent) {
			s.mustAccept(event{"event": "ringing", "call_id": "x", "from": s.stranger().E164(), "to": me.Extension})
			card := sc.next("pop")
			sc.wants(card, `{pop:`+cardShape+` seq:number type:string}`)
			if got := dig(card, "pop", "call", "number"); got != s.stranger().E164() {
				t.Errorf("the card shows %v", got)
			}
		}},
		{"on: connected", tenantSetting("pops", "on", "connected"), func(s *system, sc *screen, me simulator.Agent) {
			maria := s.known()[0]
			s.mustAccept(event{"event": "ringing", "call_id": "never", "from": s.known()[1].E164(), "to": me.Extension})
			s.mustAccept(event{"event": "terminated", "call_id": "never"})
			s.mustAccept(event{"event": "ringing", "call_id": "x", "from": maria.E164(), "to": me.Extension})
			s.mustAccept(event{"event": "connected", "call_id": "x", "from": maria.E164(), "to": me.Extension})
			if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "x" || dig(pop, "pop", "call", "state") != "connected" {
				t.Errorf("the pop is %v", pop)
			}
			sc.next("update") // the matters
		}},
		{"outbound: false", tenantSetting("pops", "outbound", false), func(s *system, sc *screen, me simulator.Agent) {
			s.mustAccept(event{"event": "ringing", "call_id": "x", "from": me.Extension, "to": s.known()[0].E164()})
			s.mustAccept(event{"event": "connected", "call_id": "x", "from": me.Extension, "to": s.known()[0].E164()})
		}},
		{"inbound: false", tenantSetting("pops", "inbound", false), func(s *system, sc *screen, me simulator.Agent) {
			s.mustAccept(event{"event": "ringing", "call_id": "x", "from": s.known()[0].E164(), "to": me.Extension})
			s.mustAccept(event{"event": "ringing", "call_id": "out", "from": me.Extension, "to": s.known()[1].E164()})
			if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "out" {
				t.Errorf("the pop is %v", pop)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSystem(t, systemOptions{world: tc.set})
			me := s.firm().Agents[0]
			sc := s.paired(me).open()
			tc.play(s, sc, me)
			s.mustAccept(event{"event": "ringing", "call_id": "fence", "from": me.Extension, "to": s.known()[2].E164()})
			s.mustAccept(event{"event": "ringing", "call_id": "fence2", "from": s.known()[2].E164(), "to": me.Extension})
			s.mustAccept(event{"event": "connected", "call_id": "fence2", "from": s.known()[2].E164(), "to": me.Extension})
			if id := fmt.Sprint(dig(sc.next("pop"), "pop", "call", "id")); !strings.HasPrefix(id, "fence") {
				t.Errorf("a pop that should not be there, of call %s", id)
			}
		})
	}
}

// Skipped calls stay skipped in both directions, on the wire and the screens.
func TestStarCodesColleaguesAndWithheldNumbersShowNothing(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me, other := s.firm().Agents[0], s.firm().Agents[1]
	sc := s.paired(me).open()
	s.mustSkip("star-code", event{"event": "ringing", "call_id": "1", "from": me.Extension, "to": "*97"})
	s.mustSkip("star-code", event{"event": "terminated", "call_id": "1"})
	s.mustSkip("internal-call", event{"event": "ringing", "call_id": "2", "from": other.Extension, "to": me.Extension})
	s.mustSkip("internal-call", event{"event": "connected", "call_id": "2", "from": other.Extension, "to": me.Extension})
	s.mustSkip("no-number", event{"event": "ringing", "call_id": "3", "from": "anonymous", "to": me.Extension})
	s.mustSkip("state", event{"event": "hold", "call_id": "4", "from": s.known()[0].E164(), "to": me.Extension})
	s.mustSkip("unknown-extension", event{"event": "ringing", "call_id": "5", "from": s.known()[0].E164(), "extension": "899"})
	s.mustSkip("out-of-order", event{"event": "terminated", "call_id": "6"})
	s.nothingSince(sc, me.Extension, s.known()[0], "fence")
	if n := s.smokeball().Count(simulator.ContactsEndpoint); n != 1 {
		t.Errorf("%d searches, want the fence's one", n)
	}
}

// The Australian way: the whole number in one field, typed in every way.
func TestAustralianFirmsWholeNumbers(t *testing.T) {
	s := startSystem(t, systemOptions{
		firms: []*simulator.Firm{simulator.NewAustralianFirm()}, as: unlimited,
		world: tenantSetting("smokeball", "requests_per_second", 1000),
	})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	for i, c := range s.firm().Callers {
		if len(c.Names) == 0 {
			continue
		}
		for j, from := range []string{c.Domestic(), c.E164()} {
			id := fmt.Sprintf("%d-%d", i, j)
			s.mustAccept(event{"event": "ringing", "call_id": id, "from": from, "to": me.Extension})
			pop := sc.next("pop")
			if !slices.Equal(names(pop["pop"]), c.Names) || dig(pop, "pop", "call", "number") != c.E164() || dig(pop, "pop", "call", "display") != c.Shown {
				t.Errorf("%s shows %v, want %v", from, pop["pop"], c.Names)
			}
			s.mustAccept(event{"event": "terminated", "call_id": id})
			sc.next("end")
		}
	}
}

// Smokeball ends a token early: one refresh, one retry, and the pop is there.
func TestExpiredTokenIsRefreshedOnceAndTheSearchRetriedOnce(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	s.smokeball().ExpireAccess(me.Email)
	s.smokeball().Forget()
	maria := s.known()[0]
	s.mustAccept(event{"event": "ringing", "call_id": "c1", "from": maria.E164(), "to": me.Extension})
	if pop := sc.next("pop"); !slices.Equal(names(pop["pop"]), maria.Names) {
		t.Errorf("the pop is %v", pop)
	}
	if n := s.smokeball().Count(simulator.TokenEndpoint); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
	statuses := []int{}
	for _, r := range s.smokeball().Requests(simulator.ContactsEndpoint) {
		statuses = append(statuses, r.Status)
	}
	// The answer may be on our side before the simulator has put its status down.
	if len(statuses) != 2 || statuses[0] != http.StatusUnauthorized {
		t.Errorf("the searches were answered %v, want 401 and then 200", statuses)
	}
	s.mustAccept(event{"event": "terminated", "call_id": "c1"})
	sc.next("end")
	if got := dig(s.signIn(me.Extension).open().hello, "pairing", "state"); got != "paired" {
		t.Errorf("after it the agent is %v", got)
	}
}

// Smokeball fails in every way it can: there is no pop, the PBX is answered as
// ever, and the next call is shown again.
func TestCallsGoOnWhileSmokeballIsDown(t *testing.T) {
	on := simulator.ContactsEndpoint
	for name, fault := range map[string]simulator.Fault{
		"503":           {Endpoint: on, Status: http.StatusServiceUnavailable},
		"reset":         {Endpoint: on, Reset: true},
		"never answers": {Endpoint: on, Stall: true},
		"a page":        simulator.HTML(on),
		"half a JSON":   simulator.BadJSON(on),
		"oversize":      simulator.Oversize(on, 32<<20),
	} {
		t.Run(name, func(t *testing.T) {
			s := startSystem(t, systemOptions{as: unlimited, world: tenantSetting("lookup", "timeout", "1s")})
			me := s.firm().Agents[0]
			sc := s.paired(me).open()
			undo := s.smokeball().Inject(fault)
			maria := s.known()[0]
			s.mustAccept(
				event{"event": "ringing", "call_id": "down", "from": maria.E164(), "to": me.Extension},
				event{"event": "connected", "call_id": "down", "from": maria.E164(), "to": me.Extension},
			)
			s.awaitMetric(`smokepop_lookup_total{outcome="unavailable"} 1`)
			s.mustAccept(event{"event": "terminated", "call_id": "down"})
			if past := sc.next("past"); dig(past, "pop", "outcome") != "unavailable" {
				t.Errorf("the agent is told %v", past)
			}
			undo()
			s.nothingSince(sc, me.Extension, maria, "up again")
		})
	}
}

// After failures in a row, agents are told that Smokeball does not answer,
// once, and who opens a page meanwhile too.
func TestAgentsAreToldThatSmokeballIsNotAnswering(t *testing.T) {
	s := startSystem(t, systemOptions{as: unlimited})
	me := s.firm().Agents[0]
	v := s.paired(me)
	sc := v.open()
	s.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: http.StatusServiceUnavailable})
	const calls = 5
	for i := range calls {
		id := fmt.Sprint("down", i)
		s.mustAccept(event{"event": "ringing", "call_id": id, "from": s.known()[0].E164(), "to": me.Extension})
		s.awaitMetric(fmt.Sprintf(`smokepop_calls_total{outcome="unavailable"} %d`, i+1))
		s.mustAccept(event{"event": "terminated", "call_id": id})
	}
	kinds := map[any]int{}
	for range calls + 1 {
		f := sc.read()
		kinds[f["type"]]++
		if f["type"] == "service" {
			sc.wants(f, `{seq:number service:{state:string} type:string}`)
			if dig(f, "service", "state") != "not-answering" {
				t.Errorf("the agent is told %v", f)
			}
		}
	}
	if kinds["past"] != calls || kinds["service"] != 1 {
		t.Errorf("the agent is told %v, want each call and the news once", kinds)
	}
	if got := dig(v.open().hello, "service", "state"); got != "not-answering" {
		t.Errorf("a new page's hello says %v", got)
	}
}

// Each close code, and each refusal of the handshake.
func TestCloseCodes(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]

	t.Run("4501 for the browser that signed out, and for it alone", func(t *testing.T) {
		leaves, stays := s.signIn(me.Extension), s.signIn(me.Extension)
		one, two, other := leaves.open(), leaves.open(), stays.open()
		if res, body := leaves.request(http.MethodDelete, "/api/session", ""); res.StatusCode != http.StatusNoContent {
			t.Fatalf("sign out: %s %s", res.Status, body)
		}
		if a, b := one.closed(), two.closed(); a != 4501 || b != 4501 {
			t.Errorf("closed with %d and %d, want 4501", a, b)
		}
		if res, _ := leaves.request(http.MethodGet, "/api/me", ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("the session is still there: %s", res.Status)
		}
		if _, res, err := leaves.dial("smokepop.v1"); err == nil || res == nil || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a socket without a session: %v", err)
		}
		stays.pair(s.smokeball(), me.Email)
		other.next("pairing")
		_ = other.conn.Close()
	})
	t.Run("4503 for all when the admin signs the agent out", func(t *testing.T) {
		one, two := s.signIn(me.Extension).open(), s.signIn(me.Extension).open()
		who := map[string]string{"tenant": s.domain(), "extension": me.Extension}
		if err := newAdminClient(s.socket).call(t.Context(), http.MethodPost, "/v1/sign-out", nil, who, nil); err != nil {
			t.Fatal(err)
		}
		if a, b := one.closed(), two.closed(); a != 4503 || b != 4503 {
			t.Errorf("closed with %d and %d, want 4503", a, b)
		}
	})
	t.Run("4504 for what is no message of the protocol", func(t *testing.T) {
		for _, message := range []string{`{"type":"pop"}`, `hello`, `[]`, `{"type":"dismiss"}`, strings.Repeat("x", 64<<10)} {
			sc := s.signIn(me.Extension).open()
			sc.send(message)
			if code := sc.closed(); code != 4504 {
				t.Errorf("%.20s: closed with %d, want 4504", message, code)
			}
		}
	})
	t.Run("400 without the subprotocol", func(t *testing.T) {
		v := s.signIn(me.Extension)
		for _, sub := range []string{"", "smokepop.v2", "mqtt"} {
			if conn, res, err := v.dial(sub); err == nil || res == nil || res.StatusCode != http.StatusBadRequest {
				t.Errorf("subprotocol %q: %v, %v", sub, conn, err)
			}
		}
	})
	t.Run("403 from another origin", func(t *testing.T) {
		v := s.signIn(me.Extension)
		if _, res, err := v.dial("smokepop.v1", func(h http.Header) { h.Set("Origin", "https://evil.example") }); err == nil || res == nil || res.StatusCode != http.StatusForbidden {
			t.Errorf("a foreign origin: %v", err)
		}
	})
	t.Run("4000 when the daemon stops, and back with the same cookie", func(t *testing.T) {
		v := s.signIn(me.Extension)
		sc := v.open()
		stopped := make(chan struct{})
		go func() { defer close(stopped); s.stop() }()
		if code := sc.closed(); code != 4000 {
			t.Errorf("closed with %d, want 4000", code)
		}
		<-stopped
		s.start(nil)
		again := v.open()
		if dig(again.hello, "pairing", "state") != "paired" {
			t.Errorf("after the restart: %v", again.hello)
		}
	})
}

// Two phones of one tenant's number, other tenant's agents: nothing crosses.
func TestTenantsAreApart(t *testing.T) {
	us, au := simulator.NewFirm(), simulator.NewAustralianFirm()
	au.Agents[0].Extension = us.Agents[0].Extension
	s := startSystem(t, systemOptions{firms: []*simulator.Firm{us, au}})
	extension := us.Agents[0].Extension
	mine := s.paired(us.Agents[0]).open()
	url, err := s.world.invite(t.Context(), newAdminClient(s.socket), au.Domain, extension)
	if err != nil {
		t.Fatal(err)
	}
	v := signIn(t, url)
	v.pair(s.world.smokeball[1], au.Agents[0].Email)
	theirs := v.open()

	oliver := au.Callers[0]
	body, err := json.Marshal(event{"event": "ringing", "call_id": "same", "from": oliver.Domestic(), "to": extension})
	if err != nil {
		t.Fatal(err)
	}
	res, answer := v.request(http.MethodPost, "/hooks/vodia/"+au.Domain, string(bytes.TrimSpace(body)), func(r *http.Request) {
		r.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	})
	if res.StatusCode != http.StatusAccepted {
		t.Fatalf("webhook: %s %s", res.Status, answer)
	}
	if pop := theirs.next("pop"); !slices.Equal(names(pop["pop"]), oliver.Names) {
		t.Errorf("the pop is %v", pop)
	}
	s.nothingSince(mine, extension, s.known()[0], "same")
}
