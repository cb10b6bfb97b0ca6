package pbxevents

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Piece is one thing that a receiver remembers, a value that goes through JSON: a
// call with its legs, what an agent sees as one call, or an entry of the list of
// live calls. It is what [Carried] has, made to be kept by itself; [Gather] makes
// Carried of pieces. Pieces of one receiver alone belong together.
type Piece struct {
	Domain screenpop.Tenant `json:"domain"`
	Call   *carriedCall     `json:"call,omitempty"`
	Card   *carriedCard     `json:"card,omitempty"`
	Entry  *carriedEntry    `json:"entry,omitempty"`
}

// Change is what has become of one thing that a receiver remembers.
type Change struct {
	Key  string // names the thing among all of the receiver
	Gone bool   // it is remembered no longer
	// Until is when a thing that is over is of no use any more: nothing is compared
	// with it from then on. Zero: it is live.
	Until time.Time
	Piece Piece // unless it is gone
}

// retell is how old what was told of a call may be that is only known to go on.
const retell = time.Minute

// moves are the things of a tracker that have moved since somebody asked. Nothing
// is noted before somebody has.
type moves struct {
	calls map[*call]bool
	cards map[*card]bool
	// The last numbers given to a leg and to a card.
	lastLeg, lastCard int
}

func (m *moves) call(c *call) {
	if m.calls != nil {
		m.calls[c] = true
	}
}

func (m *moves) card(c *card) {
	if m.cards != nil {
		m.cards[c] = true
	}
}

// step notes what a step has changed.
func (m *moves) step(s *step) {
	if m.calls == nil {
		return
	}
	for _, x := range s.calls {
		m.call(x.at)
	}
	for _, x := range s.legs {
		m.call(x.at.of)
	}
	for _, x := range s.cards {
		m.card(x.at)
	}
	for _, c := range s.dealt {
		m.card(c)
	}
	if s.call != nil {
		m.call(s.call)
	}
}

// nextCard returns what another card goes by in pieces.
func (m *moves) nextCard() int {
	m.lastCard++
	return m.lastCard
}

// leg returns what a leg goes by.
func (m *moves) leg(l *leg) (n int, there bool) {
	if l == nil {
		return 0, false
	}
	if l.n == 0 {
		m.lastLeg++
		l.n = m.lastLeg
	}
	return l.n, true
}

// Changes returns the things that have changed since it was called last, each as
// it is now; the first time all that are of any use. What it has returned it does
// not return again: it is called by one goroutine.
func (r *Receiver) Changes() []Change {
	now := r.now()
	var all []Change
	for domain, t := range r.all() {
		t.live.mu.Lock()
		all = t.tracker.changes(all, domain, now)
		all = t.live.changes(all, domain)
		t.live.mu.Unlock()
	}
	return all
}

func (t *tracker) changes(all []Change, domain screenpop.Tenant, now time.Time) []Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.moved.calls == nil
	if first {
		t.moved.calls, t.moved.cards = map[*call]bool{}, map[*card]bool{}
		for _, c := range t.calls {
			t.moved.call(c)
			for _, l := range c.legs {
				if l.card != nil {
					t.moved.card(l.card)
				}
			}
		}
		for _, cards := range t.cards {
			for _, c := range cards {
				t.moved.card(c)
			}
		}
	}
	put := func(c Change) {
		if !first || c.Until.IsZero() || !now.After(c.Until) {
			c.Piece.Domain = domain
			all = append(all, c)
		}
	}
	number := func(c *card) *int { n := c.n; return &n }
	for c := range t.moved.calls {
		one := Change{Key: "call/" + string(domain) + "/" + string(c.id), Gone: t.calls[c.id] != c}
		if one.Gone && t.calls[c.id] != nil {
			continue // another has its id by now
		}
		if !one.Gone {
			if !c.alive {
				one.Until = c.news.Add(joinWindow)
			}
			record := c.carry(now, number, t.moved.leg)
			for i, l := range c.legs {
				record.Legs[i].N, _ = t.moved.leg(l)
			}
			one.Piece.Call, c.told = &record, now
		}
		put(one)
	}
	for c := range t.moved.cards {
		one := Change{Key: "card/" + string(domain) + "/" + strconv.Itoa(c.n)}
		if !c.live() {
			one.Until = c.ended.Add(joinWindow)
		}
		record := c.carry(now, t.moved.leg, slices.Contains(t.cards[c.agent.Extension], c))
		record.N, one.Piece.Card = c.n, &record
		put(one)
	}
	clear(t.moved.calls)
	clear(t.moved.cards)
	return all
}

// move puts another list in the place of the one there is. Under mu.
func (l *liveList) move(next map[screenpop.CallID]*liveCall) {
	if l.moved != nil {
		for id, c := range next {
			if was := l.calls[id]; was == nil || was.primary != c.primary || was.none != c.none || !maps.Equal(was.at, c.at) {
				l.moved[id] = true
			}
		}
		for id := range l.calls {
			if next[id] == nil {
				l.moved[id] = true
			}
		}
	}
	l.calls = next
}

// changes is Changes for the entries of a list. Under mu.
func (l *liveList) changes(all []Change, domain screenpop.Tenant) []Change {
	if l.moved == nil {
		l.moved = map[screenpop.CallID]bool{}
		for id := range l.calls {
			l.moved[id] = true
		}
	}
	for id := range l.moved {
		one := Change{Key: "entry/" + string(domain) + "/" + string(id), Gone: true}
		if c := l.calls[id]; c != nil {
			entry := c.carry()
			one.Gone, one.Piece = false, Piece{Domain: domain, Entry: &entry}
		}
		all = append(all, one)
	}
	clear(l.moved)
	return all
}

// Older returns the piece for a moment that is d later than the one it was made
// at. It shares nothing with p that is changed.
func (p Piece) Older(d time.Duration) Piece {
	if p.Call != nil {
		c := *p.Call
		c.News = c.News.Plus(d)
		c.Legs = slices.Clone(c.Legs)
		for i := range c.Legs {
			l := &c.Legs[i]
			l.Call.Started, l.News, l.Stopped = l.Call.Started.Plus(d), l.News.Plus(d), l.Stopped.Plus(d)
		}
		p.Call = &c
	}
	if p.Card != nil {
		c := *p.Card
		c.Call.Started, c.Ended = c.Call.Started.Plus(d), c.Ended.Plus(d)
		p.Card = &c
	}
	return p
}

// Gather makes of pieces, all as of one moment, what a receiver goes on with.
// What a piece refers to and is not among them is left out.
func Gather(pieces []Piece) Carried {
	tenants := map[screenpop.Tenant]*carriedTenant{}
	for _, p := range pieces {
		t := tenants[p.Domain]
		if t == nil {
			t = &carriedTenant{Domain: p.Domain}
			tenants[p.Domain] = t
		}
		switch {
		case p.Call != nil:
			c := *p.Call
			c.Legs = slices.Clone(c.Legs)
			t.Calls = append(t.Calls, c)
		case p.Card != nil:
			t.Cards = append(t.Cards, *p.Card)
		case p.Entry != nil:
			t.List = append(t.List, *p.Entry)
		}
	}
	var all Carried
	for _, domain := range slices.Sorted(maps.Keys(tenants)) {
		t := tenants[domain]
		t.gather()
		all = append(all, *t)
	}
	return all
}

// gather brings things into the order that they have in a carriedTenant, and has
// them refer to each other by their places in it.
func (t *carriedTenant) gather() {
	slices.SortFunc(t.Calls, func(a, b carriedCall) int {
		return cmp.Or(cmp.Compare(a.alive(), b.alive()), cmp.Compare(b.News, a.News), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(t.Cards, func(a, b carriedCard) int { return cmp.Compare(a.N, b.N) })
	slices.SortFunc(t.List, func(a, b carriedEntry) int { return cmp.Compare(a.ID, b.ID) })
	legs, cards := map[int]int{}, map[int]int{}
	for i := range t.Calls {
		for j := range t.Calls[i].Legs {
			n := &t.Calls[i].Legs[j].N
			legs[*n] = len(legs)
			*n = 0
		}
	}
	for i := range t.Cards {
		cards[t.Cards[i].N] = i
		t.Cards[i].N = 0
	}
	for i := range t.Calls {
		for j := range t.Calls[i].Legs {
			l := &t.Calls[i].Legs[j]
			l.Card, l.Twin = placeOf(cards, l.Card), placeOf(legs, l.Twin)
		}
	}
	for i := range t.Cards {
		var placed []int
		for _, n := range t.Cards[i].Legs {
			if at, there := legs[n]; there {
				placed = append(placed, at)
			}
		}
		t.Cards[i].Legs = placed
	}
}

// alive is 1 for a call with a live leg, else 0.
func (c *carriedCall) alive() int {
	if slices.ContainsFunc(c.Legs, func(l carriedLeg) bool { return l.Call.State != screenpop.Terminated }) {
		return 1
	}
	return 0
}

func placeOf(places map[int]int, n *int) *int {
	if n == nil {
		return nil
	}
	if at, there := places[*n]; there {
		return &at
	}
	return nil
}
