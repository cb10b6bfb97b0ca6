package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The invariants, by what breaks them.
const (
	LostPairing  = "a pairing that was acknowledged is lost"
	DoublePop    = "a call is shown twice"
	TokenTwice   = "a refresh token is used twice"
	TwoInFlight  = "two refreshes of an agent are in flight"
	WrongAgent   = "something has come to the wrong agent"
	Interrupted  = "a call that no fault has touched is not shown"
	NotBack      = "an agent's calls are not shown when all is whole again"
	ThingUnknown = "the history has something that nobody has sent"
)

// Invariants lists all of them.
func Invariants() []string {
	return []string{LostPairing, DoublePop, TokenTwice, TwoInFlight, WrongAgent, Interrupted, NotBack, ThingUnknown}
}

// Violation is an invariant that does not hold.
type Violation struct {
	Invariant string
	At        time.Duration
	What      string
	Call      string // whose trace tells more; empty: none's
}

func (v Violation) String() string {
	return fmt.Sprintf("%9.3fs  %s: %s", v.At.Seconds(), v.Invariant, v.What)
}

// Check returns every violation, in the order of time. The history is whole.
func (h *History) Check() []Violation {
	x := h.index()
	var all []Violation
	for _, check := range []func(*index) []Violation{lostPairings, doublePops, exchanges, wrongAgents, interruptions} {
		all = append(all, check(x)...)
	}
	slices.SortStableFunc(all, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })
	return all
}

// arrives is until when a request without an answer may arrive still, at a node
// that was frozen.
const arrives = 30 * time.Second

// lostPairings: who was told of a pairing is paired in the end and sees calls,
// but for who has unpaired or tried to.
func lostPairings(x *index) (all []Violation) {
	for _, f := range x.Finals {
		paired, changed := false, time.Duration(0)
		doubt := time.Duration(-1)
		for _, p := range x.pairings[f.Agent] {
			switch {
			case p.Unpair:
				paired = false
				if !p.Acknowledged {
					doubt = p.Ended + arrives
				}
			case p.Acknowledged && p.Began > doubt:
				paired, changed = true, p.Ended
			}
		}
		switch {
		case !paired:
		case f.State != "paired":
			all = append(all, Violation{LostPairing, x.end, fmt.Sprintf("%v was paired at %v and is %s", f.Agent, changed.Round(time.Millisecond), f.State), ""})
		case !f.Pops:
			all = append(all, Violation{NotBack, x.end, fmt.Sprintf("%v is paired, and a call is not shown", f.Agent), ""})
		}
	}
	return all
}

// doublePops: at one page a call is one pop. It has one id, and once it is over
// there, because smokepop said so or the agent dismissed it, it is not shown
// again. That a page shows it again after a reconnect before it is over is no
// second pop, whether as news or not: it is the same card.
func doublePops(x *index) (all []Violation) {
	type at struct {
		page int
		call string
	}
	type card struct {
		pop  string
		over time.Duration
	}
	cards := map[at]*card{}
	frames := slices.Clone(x.Frames)
	slices.SortStableFunc(frames, func(a, b Frame) int { return cmp.Compare(a.At, b.At) })
	calls := map[string]string{} // of pops: an end does not name its call
	for _, f := range frames {
		if f.Dropped {
			continue
		}
		if f.Kind == FrameShown {
			calls[f.Pop] = f.Call
		}
		key := at{f.Page, calls[f.Pop]}
		c := cards[key]
		switch {
		case f.Kind != FrameShown:
			if c != nil && c.pop == f.Pop && c.over == 0 {
				c.over = f.At
			}
		case c == nil:
			cards[key] = &card{pop: f.Pop}
		case c.pop != f.Pop:
			all = append(all, Violation{DoublePop, f.At, fmt.Sprintf("call %s is pop %s at %v, and was pop %s", f.Call, f.Pop, f.Agent, c.pop), ""})
			c.pop = f.Pop
		case c.over != 0:
			all = append(all, Violation{DoublePop, f.At, fmt.Sprintf("call %s is shown to %v again, which was over at %v", f.Call, f.Agent, c.over.Round(time.Millisecond)), ""})
			c.over = 0
		}
	}
	return all
}

// LostAnswer is for how long before a fault of a node the answer to its token
// request may be lost with it: read from the network and not saved.
const LostAnswer = 12 * time.Second

// Alone is for how long nobody else may send a refresh token that a node has
// sent: half of the time that smokepop keeps, so that clocks do not matter.
const Alone = 12 * time.Second

// exchanges: no two refreshes of an agent are under way at one time, and a
// refresh token is sent once. One exception is not smokepop's to avoid: a node
// that is killed, frozen or cut off between sending a token and saving the answer
// takes the answer with it. Then another sends the token again, which is why
// authorisation servers let a replaced one live on for a moment; but it waits
// until the first cannot be under way any more. The same goes for an answer that
// nobody waited for any more.
func exchanges(x *index) (all []Violation) {
	byAgent := map[Agent][]Exchange{}
	for _, e := range x.Exchanges {
		if e.Token != "" {
			byAgent[e.Agent] = append(byAgent[e.Agent], e)
		}
	}
	for agent, list := range byAgent {
		slices.SortStableFunc(list, func(a, b Exchange) int { return cmp.Compare(a.Began, b.Began) })
		sent := map[string]Exchange{}
		var until Exchange
		for i, e := range list {
			if i > 0 && e.Began < until.Ended {
				all = append(all, Violation{TwoInFlight, e.Began, fmt.Sprintf("%v, by %s and by %s", agent, until.Node, e.Node), ""})
			}
			if e.Ended > until.Ended {
				until = e
			}
			before, again := sent[e.Token]
			if again && !x.excused(before, e) {
				all = append(all, Violation{TokenTwice, e.Began, fmt.Sprintf("%v's, by %s at %v and by %s, which was answered %d", agent, before.Node, before.Began.Round(time.Millisecond), e.Node, e.Status), ""})
			}
			sent[e.Token] = e
		}
	}
	return all
}

// excused tells whether the answer to an exchange was lost with its node, and
// the next has waited.
func (x *index) excused(before, next Exchange) bool {
	if next.Began < before.Ended+Alone && next.Node != before.Node {
		return false
	}
	return before.Lost || slices.ContainsFunc(x.Faults, func(f Fault) bool {
		hit := f.Node == before.Node || !f.ofNode() // without NATS nothing is saved
		return hit && f.Began <= before.Ended+LostAnswer && f.Ended+LostAnswer >= before.Began
	})
}

// wrongAgents: a pop is at a page of an agent whose telephone rings, and shows
// the caller; what is searched is searched with the authorisation of an agent of
// the tenant.
func wrongAgents(x *index) (all []Violation) {
	type call struct {
		agents map[Agent]bool
	}
	calls := map[string]call{}
	for _, k := range x.Hooks {
		c, known := calls[k.Call]
		if !known {
			c = call{map[Agent]bool{}}
			calls[k.Call] = c
		}
		for _, a := range k.Agents {
			c.agents[a] = true
		}
	}
	for _, f := range x.Frames {
		if f.Kind != FrameShown {
			continue
		}
		c, known := calls[f.Call]
		switch {
		case !known:
			all = append(all, Violation{ThingUnknown, f.At, fmt.Sprintf("call %s, at %v", f.Call, f.Agent), ""})
		case !c.agents[f.Agent]:
			all = append(all, Violation{WrongAgent, f.At, fmt.Sprintf("call %s is shown to %v", f.Call, f.Agent), ""})
		case f.Contact != "" && f.Contact != ContactOf(f.Call):
			all = append(all, Violation{WrongAgent, f.At, fmt.Sprintf("call %s is shown to %v as %q, and is %q", f.Call, f.Agent, f.Contact, ContactOf(f.Call)), ""})
		}
	}
	for _, s := range x.Searches {
		if s.By.Tenant != s.Tenant {
			all = append(all, Violation{WrongAgent, s.At, fmt.Sprintf("a caller of %s is searched with the authorisation of %v", s.Tenant, s.By), ""})
		}
	}
	return all
}

const (
	// settles is how long after a fault its traces may last: a refresh token that
	// was sent by who is gone is left alone for 25 s.
	settles = 30 * time.Second
	// shownWithin is how late a call that nothing has touched may be shown on a
	// machine that is very busy. It says whether it is, and not how fast.
	shownWithin = 20 * time.Second
	// rings is how long a call has to last to be one that must be shown: what is over
	// before the caller was found is no pop.
	rings = 8 * time.Second
)

// interruptions: a call that lasts is shown at the agent's page, if the webhook
// was taken in, the agent was paired and the page connected, and no fault had to
// do with it: not of the tenant's owner, of the node that took the webhook, of the
// one at which the page is; nor of NATS.
func interruptions(x *index) (all []Violation) {
	for _, k := range x.Hooks {
		if k.State != "ringing" || !k.taken() || k.Ended+shownWithin > x.end {
			continue
		}
		if over, ended := x.over[k.Call]; ended && over < k.Ended+rings {
			continue
		}
		for _, a := range k.Agents {
			if x.touched(k, a) || !x.paired(a, k.Began, k.Ended+shownWithin) || x.gone(k, a) {
				continue
			}
			if at, shown := x.shownAt(k.Call, a); !shown || at > k.Ended+shownWithin {
				all = append(all, Violation{Interrupted, k.Began, fmt.Sprintf("call %s to %v, taken in by %s at %v", k.Call, a, k.Node, k.Ended.Round(time.Millisecond)), k.Call})
			}
		}
	}
	return all
}

// shownAt is when a call was first shown at an agent's page.
func (x *index) shownAt(call string, a Agent) (at time.Duration, shown bool) {
	for _, f := range x.shown[call] {
		if f.Agent == a && (!shown || f.At < at) {
			at, shown = f.At, true
		}
	}
	return at, shown
}

// gone tells whether the agent had no page that was connected throughout.
func (x *index) gone(k Hook, a Agent) bool {
	_, there := x.connected(a, k.Began-time.Second, k.Ended+time.Second)
	return !there
}

// touched tells whether a fault may have had to do with a call.
func (x *index) touched(k Hook, a Agent) bool {
	for _, f := range x.Faults {
		if f.Began <= k.Ended+shownWithin && f.Ended+settles >= k.Began && x.hits(f, k, a) {
			return true
		}
	}
	return len(x.ownersOf(a.Tenant, k.Began-settles, k.Ended+time.Second)) != 1
}

// hits tells whether a fault is one of the machines that a call has to do with.
func (x *index) hits(f Fault, k Hook, a Agent) bool {
	if !f.ofNode() || f.Kind == FaultRolling || f.Node == k.Node || k.Tries > 1 {
		return true
	}
	if slices.Contains(x.ownersOf(a.Tenant, f.Began-time.Second, k.Ended+time.Second), f.Node) {
		return true
	}
	node, there := x.connected(a, k.Began, k.Ended)
	return !there || node == f.Node
}
