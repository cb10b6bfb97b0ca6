package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const s = time.Second

var (
	priya  = Agent{"a.example", "101"}
	marcus = Agent{"a.example", "102"}
	chloe  = Agent{"b.example", "101"}
)

// calm is a history in which nothing is wrong: two agents are paired, a call to
// each is shown and over, tokens are refreshed, and in the end all is well.
func calm() *History {
	h := &History{}
	for i, a := range []Agent{priya, chloe} {
		call := CallID(i, i)
		for _, what := range []any{
			Owner{Tenant: a.Tenant, Node: "a"},
			Pairing{Agent: a, Began: 1 * s, Ended: 2 * s, Acknowledged: true},
			Connection{Page: i, Agent: a, Node: "b", Began: 2 * s, Over: 300 * s},
			Hook{Call: call, Agents: []Agent{a}, State: "ringing", Began: 50 * s, Ended: 51 * s, Node: "a", Tries: 1, Status: 202},
			Frame{Agent: a, Page: i, At: 52 * s, Kind: FrameShown, Call: call, Pop: "pop-" + call, Contact: ContactName(i)},
			Hook{Call: call, Agents: []Agent{a}, State: "terminated", Began: 62 * s, Ended: 63 * s, Node: "a", Tries: 1, Status: 202},
			Frame{Agent: a, Page: i, At: 63 * s, Kind: FrameEnded, Call: call, Pop: "pop-" + call},
			Exchange{Agent: a, Gives: "first" + a.Tenant, Node: "a", Began: 1 * s, Ended: 2 * s, Status: 200},
			Exchange{Agent: a, Token: "first" + a.Tenant, Gives: "second" + a.Tenant, Node: "a", Began: 60 * s, Ended: 61 * s, Status: 200},
			Exchange{Agent: a, Token: "second" + a.Tenant, Gives: "third" + a.Tenant, Node: "a", Began: 90 * s, Ended: 91 * s, Status: 200},
			Search{By: a, Tenant: a.Tenant, At: 51 * s},
			Final{Agent: a, State: "paired", Pops: true},
		} {
			h.Record(what)
		}
	}
	return h
}

func TestCheckFindsEachViolation(t *testing.T) {
	call := CallID(0, 0)
	shown := Frame{Agent: priya, Page: 0, At: 70 * s, Kind: FrameShown, Call: call, Pop: "pop-" + call, Contact: ContactName(0)}
	again := Exchange{Agent: priya, Token: "firsta.example", Node: "b", Began: 80 * s, Ended: 81 * s, Status: 200}
	for name, c := range map[string]struct {
		change func(*History)
		wants  []string // invariants that do not hold
	}{
		"nothing": {func(*History) {}, nil},

		"an agent who was paired is not":    {func(h *History) { h.Finals[0].State = "unpaired" }, []string{LostPairing}},
		"an agent whom a token was lost of": {func(h *History) { h.Finals[0].State = "expired" }, []string{LostPairing}},
		"an agent who has unpaired": {func(h *History) {
			h.Finals[0].State = "unpaired"
			h.Record(Pairing{Agent: priya, Unpair: true, Began: 100 * s, Ended: 101 * s, Acknowledged: true})
		}, nil},
		"an agent who may have unpaired": {func(h *History) {
			h.Finals[0].State = "unpaired"
			h.Record(Pairing{Agent: priya, Unpair: true, Began: 100 * s, Ended: 101 * s})
		}, nil},
		"an agent whose unpairing may have come late": {func(h *History) {
			h.Finals[0].State = "unpaired"
			h.Record(Pairing{Agent: priya, Unpair: true, Began: 100 * s, Ended: 101 * s})
			h.Record(Pairing{Agent: priya, Began: 102 * s, Ended: 103 * s, Acknowledged: true})
		}, nil},
		"an agent who has paired again": {func(h *History) {
			h.Finals[0].State = "unpaired"
			h.Record(Pairing{Agent: priya, Unpair: true, Began: 100 * s, Ended: 101 * s, Acknowledged: true})
			h.Record(Pairing{Agent: priya, Began: 102 * s, Ended: 103 * s, Acknowledged: true})
		}, []string{LostPairing}},
		"an agent whose pairing was not acknowledged": {func(h *History) {
			h.Finals[0].State, h.Pairings[0].Acknowledged = "unpaired", false
		}, nil},
		"no pops in the end": {func(h *History) { h.Finals[0].Pops = false }, []string{NotBack}},

		"a call under another id": {func(h *History) {
			f := shown
			f.Pop, f.At = "other", 53*s
			h.Record(f)
		}, []string{DoublePop}},
		"a call that was over": {func(h *History) { h.Record(shown) }, []string{DoublePop}},
		"a call that was dismissed": {func(h *History) {
			h.Frames[1].Kind = FrameDismissed
			h.Record(shown)
		}, []string{DoublePop}},
		"a call that was over and comes again, which the page drops": {func(h *History) {
			f := shown
			f.Dropped = true
			h.Record(f)
		}, nil},
		"a call that is shown again while it lasts": {func(h *History) {
			f := shown
			f.At = 53 * s
			h.Record(f)
		}, nil},
		"a call that was over at another page of the agent's": {func(h *History) {
			f := shown
			f.Page = 9
			h.Record(f)
		}, nil},

		"a token sent again": {func(h *History) { h.Record(again) }, []string{TokenTwice}},
		"a token sent again at once, by another": {func(h *History) {
			h.Record(Fault{Kind: FaultKill, Node: "a", Began: 61 * s, Ended: 64 * s})
			e := again
			e.Began, e.Ended = 63*s, 64*s
			h.Record(e)
		}, []string{TokenTwice}},
		"a token sent again whose answer was lost with its node": {func(h *History) {
			h.Record(Fault{Kind: FaultKill, Node: "a", Began: 61 * s, Ended: 64 * s})
			h.Record(again)
		}, nil},
		"a token sent again whose answer nobody waited for": {func(h *History) {
			h.Exchanges[1].Lost = true
			h.Record(again)
		}, nil},
		"a token sent again while another node was killed": {func(h *History) {
			h.Record(Fault{Kind: FaultKill, Node: "b", Began: 61 * s, Ended: 64 * s})
			h.Record(again)
		}, []string{TokenTwice}},
		"two refreshes in flight": {func(h *History) {
			h.Record(Exchange{Agent: priya, Token: "new", Node: "b", Began: 90*s + s/2, Ended: 92 * s, Status: 200})
		}, []string{TwoInFlight}},
		"two refreshes in flight, one of them long": {func(h *History) {
			h.Record(Exchange{Agent: priya, Token: "old", Node: "b", Began: 62 * s, Ended: 95 * s, Status: 200})
		}, []string{TwoInFlight}},
		"refreshes of two agents": {func(h *History) {
			h.Record(Exchange{Agent: marcus, Token: "new", Node: "b", Began: 90*s + s/2, Ended: 92 * s, Status: 200})
		}, nil},

		"a pop at another tenant": {func(h *History) {
			f := shown
			f.Agent, f.Page = chloe, 1
			h.Record(f)
		}, []string{WrongAgent}},
		"a pop at another extension": {func(h *History) {
			f := shown
			f.Agent, f.Page = marcus, 2
			h.Record(f)
		}, []string{WrongAgent}},
		"another caller's name":          {func(h *History) { h.Frames[0].Contact = ContactName(7) }, []string{WrongAgent}},
		"another tenant's authorisation": {func(h *History) { h.Searches[0].Tenant = chloe.Tenant }, []string{WrongAgent}},
		"a call that nobody has made": {func(h *History) {
			f := shown
			f.Call, f.Pop, f.Contact = CallID(77, 0), "other", ContactName(0)
			h.Record(f)
		}, []string{ThingUnknown}},

		"a call that is not shown": {func(h *History) { h.Frames = h.Frames[2:] }, []string{Interrupted}},
		"a call that was over before it could be shown": {func(h *History) {
			h.Frames, h.Hooks[1].Began = h.Frames[2:], 54*s
		}, nil},
		"a call that is shown much later": {func(h *History) { h.Frames[0].At, h.Frames[1].At = 90*s, 91*s }, []string{Interrupted}},
		"a call that was not taken in":    {func(h *History) { h.Frames, h.Hooks[0].Status = h.Frames[2:], 503 }, nil},
		"a call to who is not paired":     {func(h *History) { h.Frames, h.Pairings = h.Frames[2:], nil }, nil},
		"a call to who has no page":       {func(h *History) { h.Frames, h.Connections[0].Over = h.Frames[2:], 30*s }, nil},
		"a call at the tenant's owner when it was killed": {func(h *History) {
			h.Frames = h.Frames[2:]
			h.Record(Fault{Kind: FaultKill, Node: "a", Began: 51 * s, Ended: 60 * s})
		}, nil},
		"a call to a page at the node that was killed": {func(h *History) {
			h.Frames = h.Frames[2:]
			h.Record(Fault{Kind: FaultKill, Node: "b", Began: 51 * s, Ended: 60 * s})
		}, nil},
		"a call while another node was killed": {func(h *History) {
			h.Frames = h.Frames[2:]
			h.Record(Fault{Kind: FaultKill, Node: "c", Began: 51 * s, Ended: 60 * s})
		}, []string{Interrupted}},
		"a call long after the kill": {func(h *History) {
			h.Frames = h.Frames[2:]
			h.Record(Fault{Kind: FaultKill, Node: "a", Began: 3 * s, Ended: 4 * s})
		}, []string{Interrupted}},
	} {
		t.Run(name, func(t *testing.T) {
			h := calm()
			c.change(h)
			var got []string
			for _, v := range h.Check() {
				got = append(got, v.Invariant)
			}
			if !slices.Equal(got, c.wants) {
				t.Errorf("found %q, there is %q: %v", got, c.wants, h.Check())
			}
		})
	}
}

func TestSummary(t *testing.T) {
	h := calm()
	h.Record(Fault{Kind: FaultKill, Node: "a", Began: 49 * s, Ended: 60 * s})
	h.Record(Fault{Kind: FaultFreeze, Node: "c", Began: 49*s + s/2, Ended: 60 * s})
	sum := h.Summary()
	if sum.Webhooks != 4 || sum.Pops != 2 || sum.Refreshes != 4 || sum.Pairings != 2 || sum.Pages != 2 || len(sum.Late) != 2 || sum.Late.Quantile(.5) != 2*s {
		t.Errorf("%+v", sum)
	}
	if len(sum.Damages) != 2 {
		t.Fatalf("%+v", sum.Damages)
	}
	// The calls are those of the fault before them.
	freeze, kill := sum.Damages[0], sum.Damages[1]
	if len(kill.Owner)+len(kill.Others) != 0 || len(freeze.Others) != 2 || len(freeze.Owner) != 0 {
		t.Errorf("%+v", sum.Damages)
	}
	h.Faults = h.Faults[:1]
	if kill := h.Summary().Damages[0]; len(kill.Owner) != 2 || len(kill.Back) != 2 || kill.Back[0] != 3*s {
		t.Errorf("%+v", kill)
	}
	h.Record(Owner{Tenant: "a.example", Node: "c", From: 51 * s})
	h.Connections[0].Over = 52 * s
	h.Record(Connection{Page: 0, Agent: priya, Node: "c", Began: 54 * s})
	if kill := h.Summary().Damages[0]; !slices.Equal(kill.Taken, Times{2 * s}) || !slices.Equal(kill.Lost, Times{3 * s}) || !slices.Equal(kill.Again, Times{5 * s}) {
		t.Errorf("%+v", kill)
	}
	var b strings.Builder
	if err := sum.Write(&b, []Violation{{Invariant: DoublePop, At: s, What: "call x"}}); err != nil || !strings.Contains(b.String(), "kill -9 a node") || !strings.Contains(b.String(), "call x") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestQuantile(t *testing.T) {
	if q := (Times)(nil).Quantile(.5); q != 0 {
		t.Error(q)
	}
	times := Times{4, 1, 3, 2}
	if times.Quantile(0) != 1 || times.Quantile(.5) != 3 || times.Quantile(1) != 4 {
		t.Error(times.Quantile(0), times.Quantile(.5), times.Quantile(1))
	}
}
