package pbxevents

import (
	"github.com/smokepop/smokepop/internal/screenpop"
)

// end works out what a terminated event changes: one leg where its extension
// field names one, else the whole call.
func (t *tracker) end(s *step, e event) screenpop.Skip {
	if s.isNew && (e.from.given || e.to.given) {
		// The start of such a call was, or would have been, skipped.
		switch v := t.tenant.judge(e, t.dir); v.skip {
		case screenpop.SkipStarCode, screenpop.SkipInternalCall:
			return v.skip
		}
	}
	if len(s.call.legs) == 0 && s.call.skip != "" {
		s.ended = s.ended || len(e.extensions) == 0
		return s.call.skip
	}
	if len(e.extensions) > 0 {
		return t.endLegs(s, e)
	}
	for _, l := range s.call.legs {
		if l.live() {
			s.endLeg(l)
		}
	}
	switch {
	case s.isNew:
		s.refuse(screenpop.SkipOutOfOrder)
	case len(s.moved) == 0:
		s.refuse(screenpop.SkipDuplicate)
	}
	s.ended = true
	return s.refusedUnlessMoved()
}

// endLegs ends the legs an event names. A leg first seen terminated is
// remembered as such, so that a ringing that comes too late does not pop.
func (t *tracker) endLegs(s *step, e event) screenpop.Skip {
	var fresh []screenpop.Extension
	for _, x := range e.extensions {
		l := s.call.leg(x)
		switch {
		case l == nil:
			fresh = append(fresh, x)
		case !l.live():
			s.refuse(screenpop.SkipDuplicate)
		default:
			s.endLeg(*l)
		}
	}
	if len(fresh) > 0 {
		agents, skip := t.tenant.concerned(fresh, t.dir)
		for _, a := range agents {
			s.legs = append(s.legs, leg{agent: a, call: screenpop.Call{ID: e.call, State: screenpop.Terminated}})
			skip = screenpop.SkipOutOfOrder
		}
		if s.refused == "" || skip == screenpop.SkipOutOfOrder {
			s.refused = skip
		}
	}
	return s.refusedUnlessMoved()
}

func (s *step) endLeg(l leg) {
	l.call.State = screenpop.Terminated
	s.add(l, screenpop.EndTerminated, "")
	s.moved = append(s.moved, l.agent)
}

func (s *step) refusedUnlessMoved() screenpop.Skip {
	if len(s.moved) > 0 {
		return ""
	}
	return s.refused
}
