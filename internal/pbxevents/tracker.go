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
	maxLegIDs     = 64     // per call, of those that lead to it
)

// tracker remembers a tenant's calls. Its lock is held from the decision about
// an event until it was offered and remembered; a Sink never blocks.
type tracker struct {
	sink screenpop.Sink
	max  int

	mu    sync.Mutex
	over  bool // nothing begins any more: the tenant was taken out
	calls map[screenpop.CallID]*call
	ids   map[screenpop.CallID]*call // by the ids of legs, and by a primary id that was told late
	cards map[screenpop.Extension][]*card
	// spoken has the cards of all agents who spoke with their party, by who it is: a
	// leg that begins asks whether a colleague hands its party over.
	spoken  map[otherSide][]*card
	sources source     // that events came from so far
	work    step       // the one under way, or what is left of the last
	live    *list.List // of *call that have a leg ringing or connected, oldest news first
	done    *list.List // of *call that have none
	moved   moves
}

// source is where an event came from; a bit each.
type source uint8

const (
	byWebhook source = 1 << iota
	byLiveList
)

// call is what is remembered of one call: a primary call id where the PBX gives
// one, else a call id.
type call struct {
	id      screenpop.CallID // what its pops go by
	ids     []screenpop.CallID
	legs    []*leg
	first   [1]*leg            // the place of a call's only leg
	gone    []screenpop.CallID // leg ids that ended at no extension in particular
	ended   bool               // the call as a whole is over: no leg starts any more
	skip    screenpop.Skip     // why it was skipped, while it has no leg
	closed  source             // who told that it is over
	sources source             // where it was heard of
	news    time.Time

	place *list.Element
	alive bool      // place is in live
	told  time.Time // when it last was in a [Piece]
}

func newTracker(sink screenpop.Sink, limit int) *tracker {
	return &tracker{
		sink: sink, max: limit, calls: map[screenpop.CallID]*call{}, ids: map[screenpop.CallID]*call{},
		cards: map[screenpop.Extension][]*card{}, spoken: map[otherSide][]*card{}, live: list.New(), done: list.New(),
	}
}

// find returns the call an event is about: that of its leg id where it is known,
// else that of the primary id.
func (t *tracker) find(m *message) *call {
	for _, id := range [...]screenpop.CallID{m.call, m.primary} {
		if c := t.calls[id]; c != nil {
			return c
		}
		if c := t.ids[id]; c != nil {
			return c
		}
	}
	return nil
}

// name lets the ids of an event lead to its call.
func (t *tracker) name(c *call, m *message) {
	for _, id := range [...]screenpop.CallID{m.call, m.primary} {
		if id == "" || id == c.id || t.ids[id] != nil || t.calls[id] != nil || len(c.ids) >= maxLegIDs {
			continue
		}
		t.ids[id] = c
		c.ids = append(c.ids, id)
	}
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

func (c *call) anyLive() bool {
	for _, l := range c.legs {
		if l.live() {
			return true
		}
	}
	return false
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
	if c.alive {
		t.moved.call(c)
	}
	delete(t.calls, c.id)
	for _, id := range c.ids {
		delete(t.ids, id)
	}
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
