package pbxevents

import (
	"maps"
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Carried is what a receiver hands on of calls when its daemon stops, a value
// that goes through JSON: calls and legs with their ids and states, of live calls
// and those just over also the number. It has no names.
type Carried []carriedTenant

// Empty tells whether no call is remembered.
func (c Carried) Empty() bool {
	return !slices.ContainsFunc(c, func(t carriedTenant) bool { return len(t.Calls) > 0 })
}

type carriedTenant struct {
	Domain screenpop.Tenant `json:"domain"`
	Calls  []carriedCall    `json:"calls,omitempty"` // the oldest news first, those over before the live ones
	Cards  []carriedCard    `json:"cards,omitempty"`
	List   []carriedEntry   `json:"list,omitempty"`
}

type carriedCall struct {
	ID      screenpop.CallID   `json:"id"`
	IDs     []screenpop.CallID `json:"ids,omitempty"`
	Gone    []screenpop.CallID `json:"gone,omitempty"`
	Ended   bool               `json:"ended,omitempty"`
	Skip    screenpop.Skip     `json:"skip,omitempty"`
	Closed  source             `json:"closed,omitempty"`
	Sources source             `json:"sources,omitempty"`
	News    screenpop.Age      `json:"news"`
	Legs    []carriedLeg       `json:"legs,omitempty"`
}

// carriedLeg goes by its place among all legs of the tenant; so does its twin.
type carriedLeg struct {
	N         int                   `json:"n,omitempty"` // of a [Piece]: what it goes by there
	Extension screenpop.Extension   `json:"extension"`
	Call      screenpop.CarriedCall `json:"call"`
	Phones    []carriedPhone        `json:"phones,omitempty"`
	Card      *int                  `json:"card,omitempty"`
	Twin      *int                  `json:"twin,omitempty"`
	Source    source                `json:"source"`
	News      screenpop.Age         `json:"news"`
	Stopped   screenpop.Age         `json:"stopped"`
	Forgotten bool                  `json:"forgotten,omitempty"`
}

type carriedPhone struct {
	ID    screenpop.CallID `json:"id"`
	State screenpop.State  `json:"state"`
}

type carriedCard struct {
	N         int                   `json:"n,omitempty"` // likewise
	Extension screenpop.Extension   `json:"extension"`
	Call      screenpop.CarriedCall `json:"call"`
	Legs      []int                 `json:"legs,omitempty"`
	Ended     screenpop.Age         `json:"ended"`
	Answered  bool                  `json:"answered,omitempty"`
	// Dealt: legs that begin are compared with it.
	Dealt bool `json:"dealt,omitempty"`
}

// carriedEntry is a call of the list of live calls.
type carriedEntry struct {
	ID      screenpop.CallID                        `json:"id"`
	Primary screenpop.CallID                        `json:"primary,omitempty"`
	At      map[screenpop.Extension]screenpop.State `json:"at,omitempty"`
	None    screenpop.State                         `json:"none,omitempty"`
}

// carriedEnded is how many calls that are over are carried, the newest: late and
// repeated events are told by them.
const carriedEnded = 2000

// Carry returns what is remembered of all calls. It is called when no event
// comes any more.
func (r *Receiver) Carry() Carried {
	now := r.now()
	var all Carried
	for _, domain := range r.Tenants() {
		t := r.tenant(domain)
		t.live.mu.Lock()
		carried := t.tracker.carry(now)
		carried.Domain = domain
		for _, id := range slices.Sorted(maps.Keys(t.live.calls)) {
			carried.List = append(carried.List, t.live.calls[id].carry())
		}
		t.live.mu.Unlock()
		all = append(all, carried)
	}
	return all
}

func (t *tracker) carry(now time.Time) carriedTenant {
	t.mu.Lock()
	defer t.mu.Unlock()
	var calls []*call
	for e := t.done.Back(); e != nil && len(calls) < carriedEnded; e = e.Prev() {
		calls = append(calls, e.Value.(*call))
	}
	slices.Reverse(calls)
	for e := t.live.Front(); e != nil; e = e.Next() {
		calls = append(calls, e.Value.(*call))
	}

	legs, cards := map[*leg]int{}, map[*card]int{}
	var carried carriedTenant
	var dealt []*card // in the order of their indices
	index := func(c *card) *int {
		i, there := cards[c]
		if !there {
			i = len(dealt)
			cards[c] = i
			dealt = append(dealt, c)
		}
		return &i
	}
	for _, e := range slices.Sorted(maps.Keys(t.cards)) {
		for _, c := range t.cards[e] {
			index(c)
		}
	}
	compared := len(dealt)
	for _, c := range calls {
		for _, l := range c.legs {
			legs[l] = len(legs)
		}
	}
	place := func(l *leg) (int, bool) { i, there := legs[l]; return i, there }
	for _, c := range calls {
		carried.Calls = append(carried.Calls, c.carry(now, index, place))
	}
	for i, c := range dealt {
		carried.Cards = append(carried.Cards, c.carry(now, place, i < compared))
	}
	return carried
}

// carry returns the call as it is at now, its legs and cards by what card and leg
// say they go by.
func (c *call) carry(now time.Time, card func(*card) *int, leg func(*leg) (int, bool)) carriedCall {
	record := carriedCall{c.id, slices.Clone(c.ids), slices.Clone(c.gone), c.ended, c.skip, c.closed, c.sources, screenpop.AgeOf(c.news, now), nil}
	for _, l := range c.legs {
		one := carriedLeg{
			Extension: l.agent.Extension, Call: spare(l.call, l.stopped, now), Source: l.source,
			News: screenpop.AgeOf(l.news, now), Stopped: screenpop.AgeOf(l.stopped, now),
		}
		one.Forgotten = l.forgotten || !l.call.Number.IsZero() && one.Call.Number == ""
		for _, p := range l.phones {
			one.Phones = append(one.Phones, carriedPhone{p.id, p.state})
		}
		if l.card != nil {
			one.Card = card(l.card)
		}
		if i, there := leg(l.twin); there {
			one.Twin = &i
		}
		record.Legs = append(record.Legs, one)
	}
	return record
}

func (c *card) carry(now time.Time, leg func(*leg) (int, bool), dealt bool) carriedCard {
	one := carriedCard{
		Extension: c.agent.Extension, Call: spare(c.call, c.ended, now), Ended: screenpop.AgeOf(c.ended, now), Answered: c.answered, Dealt: dealt,
	}
	for _, l := range c.legs {
		if i, there := leg(l); there {
			one.Legs = append(one.Legs, i)
		}
	}
	return one
}

func (c *liveCall) carry() carriedEntry {
	return carriedEntry{c.id, c.primary, maps.Clone(c.at), c.none}
}

// spare carries a call without its number where that is over for so long that
// nothing is compared with it any more.
func spare(c screenpop.Call, over, now time.Time) screenpop.CarriedCall {
	if c.State == screenpop.Terminated && now.Sub(over) > joinWindow {
		c.Number = screenpop.Number{}
	}
	return c.Carry(now)
}
