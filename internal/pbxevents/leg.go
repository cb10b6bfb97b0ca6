package pbxevents

import (
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// leg is one call at one agent's extension. The agent is as the directory had
// it when the leg was first heard of.
type leg struct {
	of      *call
	agent   screenpop.Agent
	call    screenpop.Call // its State is the furthest that any of its phones came to
	phones  []phone
	card    *card // what the agent sees of it; nil: nothing, it was first seen terminated
	twin    *leg  // the same leg as the other source knows it
	source  source
	news    time.Time
	stopped time.Time // when it ended
	// forgotten: it ended before a restart, and its number was not carried. The
	// event with which it begins again has to tell it.
	forgotten bool
	n         int // what it goes by in a [Piece]; 0: it has been in none
}

// phone is one device that rings for a leg, or one connection it has: a PBX
// that has an id for each tells of each by itself.
type phone struct {
	id    screenpop.CallID
	state screenpop.State
}

const maxPhones = 32 // per leg

func (l *leg) live() bool { return l.call.State != screenpop.Terminated }

// apply takes in what an event says of the phone id at this leg. It returns
// whether the leg moved or began again, and else why not.
func (s *step) apply(l *leg, m *message, to screenpop.State) (moved bool, why screenpop.Skip) {
	p := l.phone(m.call)
	if p == nil && m.call == l.of.id {
		return s.applyAll(l, to) // of the call, so of whichever phones there are
	}
	s.keep(l)
	if p = l.phone(m.call); p == nil {
		p = l.takeOver(m, to)
	}
	if p == nil {
		if !l.live() && to != screenpop.Terminated {
			if to == screenpop.Ringing && l.card != nil && s.now.Sub(l.stopped) < lateRinging {
				return false, screenpop.SkipOutOfOrder
			}
			s.again(l, m, to)
			return true, ""
		}
		if len(l.phones) >= maxPhones {
			return false, screenpop.SkipOutOfOrder
		}
		l.phones = append(l.phones, phone{id: m.call})
		p = &l.phones[len(l.phones)-1]
	}
	switch {
	case p.state == to:
		l.news = s.now
		return false, screenpop.SkipDuplicate
	case p.state.Rank() > to.Rank():
		return false, screenpop.SkipOutOfOrder
	}
	p.state = to
	return s.settle(l)
}

// takeOver returns the phone that was told of by the call's own id until now.
// The end of one phone says nothing of an answered call.
func (l *leg) takeOver(m *message, to screenpop.State) *phone {
	if len(l.phones) != 1 || l.phones[0].id != l.of.id || m.primary != l.of.id || !l.live() {
		return nil
	}
	if to == screenpop.Terminated && l.call.State == screenpop.Connected {
		return nil
	}
	l.phones[0].id = m.call
	return &l.phones[0]
}

// applyAll is apply for all phones of a leg.
func (s *step) applyAll(l *leg, to screenpop.State) (moved bool, why screenpop.Skip) {
	if !l.live() {
		if to == screenpop.Terminated {
			return false, screenpop.SkipDuplicate
		}
		return false, screenpop.SkipOutOfOrder
	}
	if l.call.State.Rank() >= to.Rank() {
		if l.call.State == to {
			l.news = s.now
			return false, screenpop.SkipDuplicate
		}
		return false, screenpop.SkipOutOfOrder
	}
	s.keep(l)
	for i := range l.phones {
		if l.phones[i].state.Rank() < to.Rank() {
			l.phones[i].state = to
		}
	}
	return s.settle(l)
}

// settle moves a leg to where its phones are. The first phone that answers
// silences the others; as long as one is live the leg is.
func (s *step) settle(l *leg) (moved bool, why screenpop.Skip) {
	to := screenpop.Terminated
	for _, p := range l.phones {
		if p.state == screenpop.Connected {
			to = screenpop.Connected
			break
		}
		if p.state == screenpop.Ringing {
			to = screenpop.Ringing
		}
	}
	l.news = s.now
	switch {
	case to == screenpop.Connected && l.call.State == screenpop.Ringing:
		for i := range l.phones {
			if l.phones[i].state == screenpop.Ringing {
				l.phones[i].state = screenpop.Terminated
			}
		}
	case to.Rank() <= l.call.State.Rank():
		return false, screenpop.SkipDuplicate
	}
	s.move(l, to, "", "")
	return true, ""
}

func (l *leg) phone(id screenpop.CallID) *phone {
	for i := range l.phones {
		if l.phones[i].id == id {
			return &l.phones[i]
		}
	}
	return nil
}

// answered tells whether one of the leg's phones is still connected.
func (l *leg) answered() bool {
	for _, p := range l.phones {
		if p.state == screenpop.Connected {
			return true
		}
	}
	return false
}
