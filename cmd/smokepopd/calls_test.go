package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

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
