package pbxevents

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// screens is a Sink that sees to it that what it is offered could be shown: a
// leg's states only rise, and nothing follows its end.
type screens struct {
	t    interface{ Fatalf(string, ...any) }
	full bool
	legs map[shown]screenpop.Call
	// known tells whether a leg is remembered: what is not may begin again.
	known func(shown) bool
}

type shown struct {
	agent screenpop.AgentID
	call  screenpop.CallID
}

func (s *screens) Offer(events []screenpop.Event) bool {
	if s.full {
		return false
	}
	if len(events) == 0 {
		s.t.Fatalf("offered nothing")
	}
	if s.legs == nil {
		s.legs = map[shown]screenpop.Call{}
	}
	for _, e := range events {
		key := shown{e.Agent.AgentID, e.Call.ID}
		before, there := s.legs[key]
		if there && before.State == screenpop.Terminated && s.known != nil && !s.known(key) {
			there = false
		}
		switch {
		case !there && e.Call.State == screenpop.Terminated:
			s.t.Fatalf("%v: the end of what was never shown", key)
		case there && before.State.Rank() >= e.Call.State.Rank():
			s.t.Fatalf("%v: %s after %s", key, e.Call.State, before.State)
		case there && (before.Number != e.Call.Number || before.Direction != e.Call.Direction || !before.Started.Equal(e.Call.Started)):
			s.t.Fatalf("%v: another call: %+v, %+v", key, before, e.Call)
		case (e.End != "") != (e.Call.State == screenpop.Terminated) || (e.AnsweredBy != "") != (e.End == screenpop.EndAnsweredElsewhere):
			s.t.Fatalf("%v: %+v", key, e)
		case e.Call.Number.IsZero():
			s.t.Fatalf("%v: no number", key)
		}
		s.legs[key] = e.Call
	}
	return true
}

// live counts the legs that are on a screen.
func (s *screens) live() (n int) {
	for _, c := range s.legs {
		if c.State != screenpop.Terminated {
			n++
		}
	}
	return n
}

// consistent compares the tracker with what the screens show, and with itself.
func (s *screens) consistent(r *rig) {
	tr := r.tenant(firm).tracker
	live, cards := 0, map[*card]bool{}
	for _, c := range tr.calls {
		if c.alive != c.anyLive() {
			s.t.Fatalf("call %s is in the wrong list", c.id)
		}
		for _, l := range c.legs {
			if !l.live() {
				continue
			}
			if !l.card.live() || !slices.Contains(l.card.legs, l) {
				s.t.Fatalf("leg %s of %s is live without a card", l.agent.Extension, c.id)
			}
			if !cards[l.card] {
				cards[l.card] = true
				live++
			}
		}
	}
	if live != s.live() {
		s.t.Fatalf("%d legs are live, %d are shown", live, s.live())
	}
	compared := 0
	for e, of := range tr.cards {
		compared += len(of)
		for _, c := range of {
			if slices.Contains(tr.spoken[otherSideOf(c.call)], c) != c.answered {
				s.t.Fatalf("a card of %s: it was answered %t, and is among those who spoke otherwise", e, c.answered)
			}
		}
	}
	for p, of := range tr.spoken {
		if compared -= len(of); len(of) == 0 || compared < 0 {
			s.t.Fatalf("%d cards of %v, of which some are no agent's", len(of), p)
		}
	}
	if tr.live.Len()+tr.done.Len() != len(tr.calls) {
		s.t.Fatalf("%d live and %d done of %d calls", tr.live.Len(), tr.done.Len(), len(tr.calls))
	}
}

// eventOf makes one of many events of a call, of any number.
func eventOf(n int, id screenpop.CallID) message {
	states := []screenpop.State{screenpop.Ringing, screenpop.Connected, screenpop.Terminated}
	parties := [][2]party{
		{{"6173998147", "6173998147", true}, {"101", "101", true}}, {{"101", "101", true}, {"6173998147", "6173998147", true}}, {{}, {}},
		{{"6173998147", "6173998147", true}, {"600", "600", true}}, {{"101", "101", true}, {"102", "102", true}}, {{"", "", true}, {"102", "102", true}},
		{{"6173998148", "6173998148", true}, {"+16175550100", "+16175550100", true}},
	}
	extensions := [][]screenpop.Extension{nil, {"101"}, {"102"}, {"103"}, {"101", "102", "103"}, {"199"}, {"102", "199"}}
	m := message{call: id, state: states[n%3]}
	n /= 3
	m.from, m.to = parties[n%len(parties)][0], parties[n%len(parties)][1]
	n /= len(parties)
	m.extensions = extensions[n%len(extensions)]
	return m
}

// Whatever comes, in whichever order, with a flow that is full at times: the
// screens could show it, and after the end and the sweep none shows anything.
func TestPropertyAnyOrderOfEvents(t *testing.T) {
	fuzzTenant := usTenant(t)
	rapid.Check(t, func(t *rapid.T) {
		r := &rig{clock: &clock{now: time.Unix(0, 0)}, sink: &basket{}}
		seen := &screens{t: t}
		receiver, err := New([]Tenant{fuzzTenant}, Deps{Directory: staff(), Sink: seen, Now: r.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		r.Receiver = receiver
		in := r.tenant(firm)
		before := map[shown]bool{}
		seen.known = func(x shown) bool { return before[x] }
		in.tracker.max = rapid.IntRange(1, 6).Draw(t, "max")
		ids := []screenpop.CallID{"a", "b", "c", "d", "e"}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			seen.full = rapid.IntRange(0, 5).Draw(t, "full") == 0
			id := rapid.SampledFrom(ids).Draw(t, "id")
			m := eventOf(rapid.IntRange(0, 3*7*7-1).Draw(t, "event"), id)
			clear(before)
			for id, c := range in.tracker.calls {
				for _, l := range c.legs {
					before[shown{l.agent.AgentID, id}] = true
				}
			}
			v := in.take(&m, r.clock.Now())
			if v.result == full && !seen.full {
				t.Fatalf("full while there is room")
			}
			seen.consistent(r)
			if len(in.tracker.calls) > in.tracker.max {
				t.Fatalf("%d calls remembered", len(in.tracker.calls))
			}
			if v.result == accepted && m.state == screenpop.Terminated && len(m.extensions) == 0 {
				for _, l := range in.tracker.calls[id].legs {
					if l.live() {
						t.Fatalf("%s has call %s after it has ended", l.agent.Extension, id)
					}
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "time") == 0 {
				r.clock.pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "minutes")) * time.Minute)
				in.tracker.sweep(r.clock.Now())
				seen.consistent(r)
			}
			if len(in.tracker.calls) == 0 {
				seen.legs = nil // forgotten ids may be used again
			}
			seen.forget(in.tracker)
		}
		seen.full = false
		r.clock.pass(connectedLife)
		in.tracker.sweep(r.clock.Now())
		r.clock.pass(endedLife)
		in.tracker.sweep(r.clock.Now())
		if seen.live() != 0 || len(in.tracker.calls) != 0 {
			t.Fatalf("%d pops stay, %d calls are remembered", seen.live(), len(in.tracker.calls))
		}
	})
}

// forget drops ended legs of calls the tracker has forgotten: their ids may
// come again.
func (s *screens) forget(tr *tracker) {
	for key, c := range s.legs {
		if tr.calls[key.call] == nil && c.State == screenpop.Terminated {
			delete(s.legs, key)
		}
	}
}

// One call's events in any order, each once or more: the same legs have ended
// for good, and a leg that ended is never shown again.
func TestPropertyShuffledCallEndsTheSame(t *testing.T) {
	fuzzTenant := usTenant(t)
	story := []message{
		eventOf(0+3*3+3*7*4, "c"), // ringing at 101, 102, 103
		eventOf(1+3*3+3*7*2, "c"), // 102 answers
		eventOf(2+3*3+3*7*1, "c"), // 101 ends
		eventOf(2+3*2, "c"),       // all ends
	}
	rapid.Check(t, func(t *rapid.T) {
		seen := &screens{t: t}
		receiver, err := New([]Tenant{fuzzTenant}, Deps{Directory: staff(), Sink: seen})
		if err != nil {
			t.Fatal(err)
		}
		in := receiver.tenant(firm)
		order := rapid.Permutation([]int{0, 1, 2, 3, 0, 1, 2, 3}).Draw(t, "order")
		for _, i := range order {
			m := story[i]
			in.take(&m, time.Unix(0, 0))
		}
		if seen.live() != 0 {
			t.Fatalf("%d pops stay after %v", seen.live(), order)
		}
	})
}
