package pbxevents

import (
	"container/list"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// How long and how much the tracker remembers. A PBX repeats events within
// seconds; an end that never comes must not leave a ghost on a screen.
const (
	rememberEnded = time.Hour
	mostRinging   = 15 * time.Minute
	mostConnected = 12 * time.Hour
	mostCalls     = 20_000 // of one tenant
)

// tracker follows the calls of one tenant. Deciding, offering to the sink and
// remembering happen under one lock, so that the order in the flow is the
// order here also when two events of a call come in at once; offering never
// blocks.
type tracker struct {
	tenant *Tenant
	dir    Directory
	sink   screenpop.Sink
	now    func() time.Time

	mu    sync.Mutex
	calls map[screenpop.CallID]*call
	live  *list.List // of *call with a live leg, least recently touched first
	ended *list.List // of the others
}

func newTracker(t *Tenant, dir Directory, sink screenpop.Sink, now func() time.Time) *tracker {
	return &tracker{
		tenant: t, dir: dir, sink: sink, now: now,
		calls: make(map[screenpop.CallID]*call), live: list.New(), ended: list.New(),
	}
}

// result is what became of an event.
type result struct {
	skip   screenpop.Skip // empty: accepted
	full   bool           // the sink had no room; nothing was changed
	agents []screenpop.Agent
	number screenpop.Number
}

// step is what an event changes, worked out before anything is changed.
type step struct {
	call    *call
	isNew   bool
	at      time.Time
	moved   []screenpop.Agent // whose legs the event itself moved
	legs    []leg             // the legs as they will be
	events  []screenpop.Event
	ended   bool
	skip    screenpop.Skip // to remember of a call without legs
	refused screenpop.Skip // why a leg did not move
}

// take works an event off: decide, offer, remember.
func (t *tracker) take(e event) result {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &step{at: t.now(), call: t.calls[e.call]}
	if s.call == nil {
		s.call, s.isNew = &call{id: e.call}, true
	}
	s.ended = s.call.ended
	var skip screenpop.Skip
	if e.state == screenpop.Terminated {
		skip = t.end(s, e)
	} else {
		skip = t.move(s, e)
	}
	if len(s.events) > 0 && !t.sink.Offer(s.events) {
		return result{full: true}
	}
	t.remember(s)
	return result{skip: skip, agents: s.moved, number: s.number()}
}

func (s *step) number() screenpop.Number {
	if len(s.events) > 0 {
		return s.events[0].Call.Number
	}
	return screenpop.Number{}
}

// remember makes a step so. A call that was new and has nothing to remember is
// forgotten at once.
func (t *tracker) remember(s *step) {
	if len(s.legs) == 0 && s.ended == s.call.ended && (s.skip == "" || !s.isNew) {
		return
	}
	c := s.call
	c.ended = s.ended
	c.touched = s.at
	if s.skip != "" && len(c.legs) == 0 {
		c.skip = s.skip
	}
	for _, l := range s.legs {
		if had := c.leg(l.agent.Extension); had != nil {
			*had = l
		} else {
			c.legs = append(c.legs, l)
			c.skip = ""
		}
	}
	t.file(c)
	for len(t.calls) > mostCalls && t.evict(s.at, c) {
	}
}

// file puts a call at the end of the list it belongs to.
func (t *tracker) file(c *call) {
	if c.place != nil {
		t.listOf(c).Remove(c.place)
	}
	c.live = c.hasLive()
	c.place = t.listOf(c).PushBack(c)
	t.calls[c.id] = c
}

func (t *tracker) listOf(c *call) *list.List {
	if c.live {
		return t.live
	}
	return t.ended
}

func (t *tracker) forget(c *call) {
	t.listOf(c).Remove(c.place)
	delete(t.calls, c.id)
}
