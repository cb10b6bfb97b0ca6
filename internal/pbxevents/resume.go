package pbxevents

import (
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// How long a leg that came over a restart lives without news. Its end may have
// come while nobody listened.
const (
	carriedRinging   = 5 * time.Minute
	carriedConnected = 2 * time.Hour
)

// Resume goes on with what another receiver carried at the moment at, by the
// clock as it goes now. It is called before the first event. Tenants and agents
// that are not served any more are left out.
func (r *Receiver) Resume(all Carried, at time.Time) {
	for i := range all {
		t := r.tenant(all[i].Domain)
		if t == nil {
			continue
		}
		t.resume(&all[i], at)
		t.live.mu.Lock()
		t.live.calls = make(map[screenpop.CallID]*liveCall, len(all[i].List))
		for _, e := range all[i].List {
			if e.At == nil {
				e.At = map[screenpop.Extension]screenpop.State{}
			}
			t.live.calls[e.ID] = &liveCall{e.ID, e.Primary, e.At, e.None}
		}
		t.live.mu.Unlock()
	}
}

func (t *tenant) resume(carried *carriedTenant, at time.Time) {
	tr := t.tracker
	tr.mu.Lock()
	defer tr.mu.Unlock()
	cards := make([]*card, len(carried.Cards))
	for i, c := range carried.Cards {
		if a, ok := t.serves(c.Extension); ok {
			cards[i] = &card{agent: a, call: c.Call.Call(at), ended: c.Ended.Before(at), answered: c.Answered, n: tr.moved.nextCard()}
		}
	}
	var legs []*leg // nil: of an agent who is not served
	for _, record := range carried.Calls {
		c := &call{
			id: record.ID, gone: record.Gone, ended: record.Ended, skip: record.Skip, closed: record.Closed, sources: record.Sources,
		}
		if tr.calls[c.id] != nil || tr.ids[c.id] != nil {
			legs = append(legs, make([]*leg, len(record.Legs))...)
			continue
		}
		for _, one := range record.Legs {
			l := t.resumeLeg(c, &one, cards, at)
			if legs = append(legs, l); l != nil {
				c.legs = append(c.legs, l)
			}
		}
		tr.calls[c.id], tr.sources = c, tr.sources|c.sources
		for _, id := range record.IDs {
			tr.name(c, &message{call: id})
		}
		tr.touch(c, record.News.Before(at))
	}
	i := 0
	for _, record := range carried.Calls {
		for _, one := range record.Legs {
			if l := legs[i]; l != nil && one.Twin != nil {
				l.twin = pick(legs, *one.Twin)
			}
			i++
		}
	}
	for i, c := range carried.Cards {
		if cards[i] == nil {
			continue
		}
		for _, j := range c.Legs {
			if l := pick(legs, j); l != nil {
				cards[i].legs = append(cards[i].legs, l)
			}
		}
		if c.Dealt {
			tr.add(cards[i])
		}
	}
}

func (t *tenant) resumeLeg(of *call, one *carriedLeg, cards []*card, at time.Time) *leg {
	a, ok := t.serves(one.Extension)
	if !ok {
		return nil
	}
	l := &leg{
		of: of, agent: a, call: one.Call.Call(at), source: one.Source, news: one.News.Before(at), stopped: one.Stopped.Before(at),
		forgotten: one.Forgotten,
	}
	for _, p := range one.Phones {
		l.phones = append(l.phones, phone{p.ID, p.State})
	}
	if one.Card != nil {
		l.card = pick(cards, *one.Card)
	}
	if l.live() && l.card == nil {
		return nil
	}
	life := carriedRinging - ringingLife
	if l.answered() {
		life = carriedConnected - connectedLife
	}
	if sooner := at.Add(life); l.live() && l.news.After(sooner) {
		l.news = sooner
	}
	return l
}

// UnderWay tells whether an agent has the call now, by the id that its pop goes
// by.
func (r *Receiver) UnderWay(agent screenpop.AgentID, id screenpop.CallID) bool {
	t := r.tenant(agent.Tenant)
	if t == nil {
		return false
	}
	t.tracker.mu.Lock()
	defer t.tracker.mu.Unlock()
	return slices.ContainsFunc(t.tracker.cards[agent.Extension], func(c *card) bool { return c.live() && c.call.ID == id })
}

// serves returns the agent of an extension that gets pops.
func (t *tenant) serves(e screenpop.Extension) (screenpop.Agent, bool) {
	agents, _ := t.rules.concerned([]screenpop.Extension{e})
	if len(agents) == 0 {
		return screenpop.Agent{}, false
	}
	return agents[0], true
}

func pick[T any](list []*T, i int) *T {
	if i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}
