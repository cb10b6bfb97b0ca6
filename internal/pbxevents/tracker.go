package pbxevents

import (
	"container/list"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// How long calls are remembered. A PBX may send late, twice or not at all.
const (
	ringingLife   = 15 * time.Minute // of a ringing leg without news
	connectedLife = 12 * time.Hour   // of a connected leg
	endedLife     = time.Hour        // of a call with no leg left, so that late events find it
	sweepEvery    = time.Minute
	maxCalls      = 20_000 // per tenant; the oldest without live legs goes first
)

// tracker remembers a tenant's calls. Its lock is held from the decision about
// an event until it was offered and remembered; a Sink never blocks.
type tracker struct {
	sink screenpop.Sink
	max  int

	mu    sync.Mutex
	calls map[screenpop.CallID]*call
	live  *list.List // of *call that have a leg ringing or connected, oldest news first
	done  *list.List // of *call that have none
}

// call is what is remembered of one call id.
type call struct {
	id    screenpop.CallID
	legs  []*leg
	ended bool           // the call as a whole is over: no leg starts any more
	skip  screenpop.Skip // why it was skipped, while it has no leg
	news  time.Time

	place *list.Element
	alive bool // place is in live
}

// leg is one call at one agent's extension. The agent is as the directory had
// it when the leg was first heard of.
type leg struct {
	agent screenpop.Agent
	call  screenpop.Call
	news  time.Time
}

func newTracker(sink screenpop.Sink, limit int) *tracker {
	return &tracker{sink: sink, max: limit, calls: map[screenpop.CallID]*call{}, live: list.New(), done: list.New()}
}

func (c *call) leg(e screenpop.Extension) *leg {
	if c == nil {
		return nil
	}
	for _, l := range c.legs {
		if l.agent.Extension == e {
			return l
		}
	}
	return nil
}

func (l *leg) live() bool { return l.call.State != screenpop.Terminated }

func (c *call) anyLive() bool {
	for _, l := range c.legs {
		if l.live() {
			return true
		}
	}
	return false
}

// move is one leg's step. A leg that is new has leg nil.
type move struct {
	leg   *leg
	agent screenpop.Agent
	call  screenpop.Call // as it is after the step
	end   screenpop.EndReason
	by    string
	// silent moves are remembered but concern no screen: a leg first seen
	// terminated.
	silent bool
}

// step is what an event does to a call: all of it or nothing.
type step struct {
	id    screenpop.CallID
	call  *call // nil: not heard of before
	now   time.Time
	moves moves
	ended bool
	skip  screenpop.Skip
}

func (s *step) start(a screenpop.Agent, c screenpop.Call) {
	c.Started = s.now
	s.moves = append(s.moves, move{agent: a, call: c})
}

func (s *step) advance(l *leg, to screenpop.State) {
	c := l.call
	c.State = to
	m := move{leg: l, agent: l.agent, call: c}
	if to == screenpop.Terminated {
		m.end = screenpop.EndTerminated
	}
	s.moves = append(s.moves, m)
}

// commit offers a step's events and remembers the step, or does neither and
// returns false because the flow is full.
func (t *tracker) commit(s *step) bool {
	if s.call == nil && len(s.moves) == 0 && !s.ended && s.skip == "" {
		return true // nothing to remember
	}
	var evicted *call
	if s.call == nil && len(t.calls) >= t.max {
		evicted = t.oldest()
	}
	events := make([]screenpop.Event, 0, len(s.moves))
	if evicted != nil {
		events = appendEnds(events, evicted, s.now)
	}
	for i := range s.moves {
		if m := &s.moves[i]; !m.silent {
			events = append(events, screenpop.Event{Agent: m.agent, Call: m.call, End: m.end, AnsweredBy: m.by, Received: s.now})
		}
	}
	if len(events) > 0 && !t.sink.Offer(events) {
		return false
	}
	if evicted != nil {
		t.forget(evicted)
	}
	t.remember(s)
	return true
}

func (t *tracker) remember(s *step) {
	c := s.call
	if c == nil {
		c = &call{id: s.id}
		t.calls[s.id] = c
	}
	for i := range s.moves {
		m := &s.moves[i]
		if m.leg == nil {
			m.leg = &leg{agent: m.agent}
			c.legs = append(c.legs, m.leg)
			c.skip = ""
		}
		m.leg.call = m.call
		m.leg.news = s.now
	}
	c.ended = c.ended || s.ended
	if s.skip != "" && len(c.legs) == 0 {
		c.skip = s.skip
	}
	t.touch(c, s.now)
}

// touch moves a call to the back of the list it belongs to.
func (t *tracker) touch(c *call, now time.Time) {
	c.news = now
	alive := c.anyLive()
	from, to := t.done, t.done
	if c.alive {
		from = t.live
	}
	if alive {
		to = t.live
	}
	switch {
	case c.place == nil:
		c.place = to.PushBack(c)
	case from == to:
		to.MoveToBack(c.place)
	default:
		from.Remove(c.place)
		c.place = to.PushBack(c)
	}
	c.alive = alive
}

func (t *tracker) forget(c *call) {
	if c.alive {
		t.live.Remove(c.place)
	} else {
		t.done.Remove(c.place)
	}
	delete(t.calls, c.id)
}

// oldest is the call to forget when there are too many.
func (t *tracker) oldest() *call {
	for _, l := range []*list.List{t.done, t.live} {
		if e := l.Front(); e != nil {
			return e.Value.(*call)
		}
	}
	return nil
}

// appendEnds appends the end of every live leg.
func appendEnds(events []screenpop.Event, c *call, now time.Time) []screenpop.Event {
	for _, l := range c.legs {
		if l.live() {
			events = append(events, endOf(l, now))
		}
	}
	return events
}

func endOf(l *leg, now time.Time) screenpop.Event {
	c := l.call
	c.State = screenpop.Terminated
	return screenpop.Event{Agent: l.agent, Call: c, End: screenpop.EndTerminated, Received: now}
}
