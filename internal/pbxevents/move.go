package pbxevents

import (
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// move works out what a ringing or connected event changes.
func (t *tracker) move(s *step, e event) screenpop.Skip {
	v := t.tenant.judge(e, t.dir)
	agents := v.agents
	if v.skip != "" {
		// The event by itself does not count, but a leg that is under way goes
		// on: later events may leave the parties out or swap them.
		if agents = s.call.underWay(e); len(agents) == 0 {
			s.skip = v.skip
			return v.skip
		}
	}
	for _, a := range agents {
		t.moveLeg(s, e, v, a)
	}
	if len(s.moved) == 0 {
		return s.refused
	}
	return ""
}

// underWay returns the agents of the live legs that an event names, by its
// extensions or else by its parties.
func (c *call) underWay(e event) []screenpop.Agent {
	named := e.extensions
	if len(named) == 0 {
		named = []screenpop.Extension{screenpop.Extension(e.from.user), screenpop.Extension(e.to.user)}
	}
	var agents []screenpop.Agent
	for _, x := range named {
		if l := c.leg(x); l != nil && l.live() {
			agents = append(agents, l.agent)
		}
	}
	return agents
}

func (t *tracker) moveLeg(s *step, e event, v verdict, a screenpop.Agent) {
	had := s.call.leg(a.Extension)
	if had == nil && s.ended {
		s.refuse(screenpop.SkipOutOfOrder)
		return
	}
	if had != nil {
		switch was := had.call.State; {
		case was == e.state:
			s.refuse(screenpop.SkipDuplicate)
			return
		case was.Rank() > e.state.Rank():
			s.refuse(screenpop.SkipOutOfOrder)
			return
		}
	}
	now := leg{agent: a}
	if had != nil {
		now = *had
	} else {
		now.call = screenpop.Call{ID: e.call, Direction: v.direction, Number: v.number, Queue: e.queue, Started: s.at}
	}
	now.call.State = e.state
	if e.state == screenpop.Connected {
		t.answeredElsewhere(s, e, a)
	}
	s.add(now, "", "")
	s.moved = append(s.moved, a)
}

// answeredElsewhere ends the other legs that are still ringing: those of a ring
// group when the first phone answers, and those of a group that an answered
// call was transferred to.
func (t *tracker) answeredElsewhere(s *step, e event, by screenpop.Agent) {
	name := e.answeredBy
	if name == "" {
		name = by.Name
	}
	if name == "" {
		name = string(by.Extension)
	}
	for _, l := range s.call.legs {
		if l.call.State != screenpop.Ringing || l.agent.Extension == by.Extension || slices.Contains(e.extensions, l.agent.Extension) {
			continue
		}
		l.call.State = screenpop.Terminated
		s.add(l, screenpop.EndAnsweredElsewhere, name)
	}
}

// refuse remembers why a leg did not move; an earlier state says more than a
// repeat.
func (s *step) refuse(why screenpop.Skip) {
	if s.refused != screenpop.SkipOutOfOrder {
		s.refused = why
	}
}

// add puts a leg's new state down, and the event that tells of it.
func (s *step) add(l leg, end screenpop.EndReason, answeredBy string) {
	s.legs = append(s.legs, l)
	s.events = append(s.events, screenpop.Event{
		Agent: l.agent, Call: l.call, End: end, AnsweredBy: answeredBy, Received: s.at,
	})
}
