package main

import (
	"fmt"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// listening waits until the PBX has told of its calls so many times.
func (s *system) listening(lists int) {
	s.t.Helper()
	s.awaitMetric(fmt.Sprintf(`smokepop_pbx_frames_total{result="call-state"} %d`, lists))
}

func TestACallToldByBothSourcesMakesOnePop(t *testing.T) {
	for name, ids := range map[string]func(string) string{
		"the same call id": nil,
		"another call id":  func(id string) string { return "live-" + id },
	} {
		t.Run(name, func(t *testing.T) {
			s := startSystem(t, systemOptions{world: withAPI("both"), pbx: []func(*simulator.PBXOptions){func(o *simulator.PBXOptions) { o.LiveIDs = ids }}})
			me := s.firm().Agents[0]
			sc := s.paired(me).open()
			s.cli("vodia", "subscribe", "--rate", "1000", "--yes").wants(t, exitOK)
			s.listening(1)
			pops := map[string]int{}
			for i := range 5 {
				id := fmt.Sprint("both", i)
				call := s.callOf(id, s.known()[i%3], me)
				// A call that is over before its look-up makes no pop, and so the
				// answer waits for it.
				s.happens(call.Steps[:2]...)
				sc.until("pop", pops)
				s.happens(call.Steps[2:]...)
				sc.until("end", pops)
			}
			total := 0
			for _, n := range pops {
				total += n
			}
			if total != 5 {
				t.Errorf("5 calls made the pops %v", pops)
			}
			s.noGhost(me, 5)
		})
	}
}

// happens lets steps happen on the PBX.
func (s *system) happens(steps ...simulator.Step) {
	s.t.Helper()
	for _, step := range steps {
		if a := s.vodia().Send(s.t.Context(), step); a.Err != nil {
			s.t.Fatal(a.Err)
		}
	}
}

// until reads frames up to one of a kind, and counts the pops of each call.
func (sc *screen) until(kind string, pops map[string]int) frame {
	sc.t.Helper()
	for {
		f := sc.read()
		if f["type"] == "pop" {
			pops[fmt.Sprint(dig(f, "pop", "call", "id"))]++
		}
		if f["type"] == kind {
			return f
		}
	}
}

// noGhost makes sure that a screen that opens now shows no pop.
func (s *system) noGhost(me simulator.Agent, recent int) {
	s.t.Helper()
	hello := s.signIn(me.Extension).open().hello
	if pops := hello["pops"].([]any); len(pops) != 0 {
		s.t.Errorf("ghosts: %v", pops)
	}
	if list := hello["recent"].([]any); len(list) != recent {
		s.t.Errorf("%d recent calls, want %d", len(list), recent)
	}
}

func TestWebsocketAlonePops(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("websocket")})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	s.listening(1)
	call := s.callOf("ws", s.known()[0], me)
	s.happens(call.Steps[:2]...)
	pop := sc.next("pop")
	if dig(pop, "pop", "call", "id") != "ws" || dig(pop, "pop", "call", "state") != "ringing" || len(names(dig(pop, "pop"))) == 0 {
		t.Errorf("the pop is %v", pop)
	}
	s.happens(call.Steps[2:]...)
	more := map[string]int{}
	if sc.until("end", more); len(more) > 0 {
		t.Errorf("a second pop: %v", more)
	}
	s.noGhost(me, 1)
}

func TestWebsocketCutMidCallLeavesNoGhost(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("websocket")})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	s.listening(1)
	gone, stays := s.callOf("gone", s.known()[0], me), s.callOf("stays", s.known()[1], me)
	s.happens(gone.Steps[1])
	sc.next("pop")
	s.happens(stays.Steps[1])
	sc.next("pop")

	cut := s.vodia().Inject(simulator.PBXFault{Path: "/websocket", Status: 503}, simulator.PBXFault{Path: "/system/session", Status: 503})
	s.vodia().CutSockets()
	s.awaitMetric("smokepop_pbx_websockets_connected 0")
	s.awaitMetric("smokepop_pbx_websockets_lost_total 1")
	s.happens(gone.Steps[2:]...) // nobody hears of it
	cut()
	end := sc.next("end")
	if end["reason"] != "terminated" {
		t.Errorf("the end is %v", end)
	}
	s.awaitMetric("smokepop_pbx_websockets_connected 1")
	hello := s.signIn(me.Extension).open().hello
	if pops := hello["pops"].([]any); len(pops) != 1 || dig(pops[0], "call", "id") != "stays" {
		t.Errorf("after the cut there is %v", pops)
	}
	s.happens(stays.Steps[2:]...)
	more := map[string]int{}
	if sc.until("end", more); len(more) > 0 {
		t.Errorf("a second pop: %v", more)
	}
}
