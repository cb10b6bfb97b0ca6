package pbxevents

import (
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// step is what an event does to calls: all of it or nothing. It changes them as
// it goes and keeps how they were, for when the flow has no room; what it made
// itself nobody has seen then. A tracker has one, whose lists serve every event.
type step struct {
	tr      *tracker
	now     time.Time
	source  source
	call    *call // nil: not heard of before
	fresh   bool  // call was made by this step
	evicted *call
	events  []screenpop.Event
	dealt   []*card
	spoke   []*card // whose agents have just spoken with the party for the first time
	joined  []joining
	touched []*call

	calls []savedCall
	legs  []savedLeg
	cards []savedCard
}

type savedCall struct {
	at  *call
	was call
}

type savedLeg struct {
	at  *leg
	was leg
}

type savedCard struct {
	at  *card
	was card
}

// begin returns the tracker's step for an event at now. The caller holds mu until
// it is done with it.
func (t *tracker) begin(now time.Time, from source) *step {
	s := &t.work
	*s = step{
		tr: t, now: now, source: from, events: emptied(s.events), dealt: emptied(s.dealt), spoke: emptied(s.spoke), touched: emptied(s.touched),
		calls: emptied(s.calls), legs: emptied(s.legs), cards: emptied(s.cards),
	}
	return s
}

// emptied is a list to fill again, unless it was that of an unusually large
// event.
func emptied[T any](list []T) []T {
	if cap(list) > 256 {
		return nil
	}
	clear(list)
	return list[:0]
}

// keep saves a leg before it changes.
func (s *step) keep(l *leg) {
	for i := range s.legs {
		if s.legs[i].at == l {
			return
		}
	}
	was := *l
	l.phones = slices.Clone(l.phones)
	s.legs = append(s.legs, savedLeg{l, was})
}

func (s *step) keepCard(c *card) {
	if c.call.State == "" {
		return // made by this step
	}
	for i := range s.cards {
		if s.cards[i].at == c {
			return
		}
	}
	s.cards = append(s.cards, savedCard{c, *c})
}

// open returns the event's call, to change it.
func (s *step) open(m *message) *call {
	if s.call == nil {
		id := m.primary
		if id == "" {
			id = m.call
		}
		s.call, s.fresh = &call{id: id}, true
		if len(s.tr.calls) >= s.tr.max {
			s.evict()
		}
	}
	if len(s.calls) == 0 && !s.fresh {
		s.calls = append(s.calls, savedCall{s.call, *s.call})
	}
	s.call.sources |= s.source
	return s.call
}

// evict ends the oldest call, to make room.
func (s *step) evict() {
	s.evicted = s.tr.oldest()
	for _, l := range s.evicted.legs {
		if l.live() {
			s.move(l, screenpop.Terminated, "", "")
		}
	}
}

// start begins a leg.
func (s *step) start(m *message, a screenpop.Agent, c screenpop.Call) {
	of := s.open(m)
	c.ID, c.Started = of.id, s.now
	// A leg with what nearly every one has is one object.
	b := new(struct {
		leg    leg
		phones [1]phone
		card   card
		legs   [1]*leg
	})
	l := &b.leg
	*l = leg{of: of, agent: a, call: c, source: s.source, news: s.now, phones: append(b.phones[:0], phone{m.call, c.State})}
	if len(of.legs) == 0 {
		of.legs = append(of.first[:0], l)
	} else {
		of.legs = append(slices.Clip(of.legs), l)
	}
	if c.State == screenpop.Terminated {
		l.stopped = s.now // first seen terminated: nothing is shown, ever
		return
	}
	of.skip = ""
	of.ended, of.closed = false, 0 // it is in the list again
	b.card.legs = b.legs[:0]
	s.deal(l, &b.card)
}

// again begins a leg that had ended for another phone of the same call.
func (s *step) again(l *leg, m *message, to screenpop.State) {
	l.card, l.twin, l.source, l.news = nil, nil, s.source, s.now
	l.phones = append(l.phones[:min(len(l.phones), maxPhones-1)], phone{m.call, to})
	l.call.State, l.call.Started = to, s.now
	s.deal(l, new(card))
}

// move takes a leg to a state, and with its end its twin's.
func (s *step) move(l *leg, to screenpop.State, end screenpop.EndReason, by string) {
	s.keep(l)
	s.touched = append(s.touched, l.of)
	l.news = s.now
	if to != screenpop.Terminated {
		l.call.State = to
		s.show(l.card, end, by)
		return
	}
	s.silence(l)
	if l.twin != nil && l.twin.live() {
		s.keep(l.twin)
		s.silence(l.twin)
		s.touched = append(s.touched, l.twin.of)
	}
	s.show(l.card, end, by)
}

// silence ends a leg and all of its phones.
func (s *step) silence(l *leg) {
	l.call.State, l.stopped = screenpop.Terminated, s.now
	for i := range l.phones {
		l.phones[i].state = screenpop.Terminated
	}
}

// show offers what became of a card, if anything did.
func (s *step) show(c *card, end screenpop.EndReason, by string) {
	if c == nil {
		return
	}
	to := screenpop.Terminated
	for _, l := range c.legs {
		if l.call.State == screenpop.Connected || l.live() && c.call.State == screenpop.Connected {
			to = screenpop.Connected
			break
		}
		if l.live() {
			to = screenpop.Ringing
		}
	}
	if to == c.call.State {
		return
	}
	s.keepCard(c)
	c.call.State = to
	if to == screenpop.Connected && !c.answered {
		c.answered = true
		s.spoke = append(s.spoke, c)
	}
	e := screenpop.Event{Agent: c.agent, Call: c.call, Received: s.now}
	if to == screenpop.Terminated {
		c.ended = s.now
		if e.End, e.AnsweredBy = end, by; end == "" {
			e.End = screenpop.EndTerminated
		}
	}
	s.events = append(s.events, e)
}

// commit offers a step's events and remembers the step, or does neither and
// returns false because the flow is full.
func (t *tracker) commit(s *step, m *message) bool {
	if t.over && m != nil || len(s.events) > 0 && !t.sink.Offer(s.events) {
		s.rollBack()
		return false
	}
	if s.evicted != nil {
		t.forget(s.evicted)
	}
	for _, c := range s.dealt {
		t.prune(c.agent.Extension, s.now)
		t.add(c)
	}
	for _, c := range s.spoke {
		t.speak(c)
	}
	t.moved.step(s)
	for _, c := range s.touched {
		if c != s.evicted && c.place != nil {
			t.touch(c, s.now)
		}
	}
	t.sources |= s.source
	if s.call == nil {
		return true
	}
	if s.fresh {
		t.calls[s.call.id] = s.call
	}
	if m != nil {
		s.call.sources |= s.source
		t.name(s.call, m)
	}
	t.touch(s.call, s.now)
	return true
}

func (s *step) rollBack() {
	for _, x := range s.calls {
		*x.at = x.was
	}
	for _, x := range s.legs {
		*x.at = x.was
	}
	for _, x := range s.cards {
		*x.at = x.was
	}
}
