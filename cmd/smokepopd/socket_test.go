package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

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
		s.start(nil, nil)
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
