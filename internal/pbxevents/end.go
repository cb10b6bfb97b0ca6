package pbxevents

import "github.com/smokepop/smokepop/internal/screenpop"

// terminated ends legs: those of the extensions the event names as such, else
// all of the call, even when a party is an extension.
func (t *tenant) terminated(m *message, s *step) verdict {
	if len(m.extensions) > 0 {
		return t.endLegs(m, s)
	}
	s.ended = true
	var o outcome
	var number screenpop.Number
	if s.call != nil {
		for _, l := range s.call.legs {
			number = l.call.Number
			if l.live() {
				s.advance(l, screenpop.Terminated)
				o.moved(l.agent.Extension)
			} else {
				o.still(l.agent.Extension, screenpop.SkipDuplicate)
			}
		}
		switch {
		case o.any():
			return o.verdict(number)
		case s.call.skip != "":
			return skip(s.call.skip)
		case s.call.ended:
			return skip(screenpop.SkipDuplicate)
		}
	}
	return t.unknownEnd(m, s, nil)
}

func (t *tenant) endLegs(m *message, s *step) verdict {
	var o outcome
	var number screenpop.Number
	for _, e := range m.extensions {
		l := s.call.leg(e)
		if l == nil {
			continue
		}
		number = l.call.Number
		if l.live() {
			s.advance(l, screenpop.Terminated)
			o.moved(e)
		} else {
			o.still(e, screenpop.SkipDuplicate)
		}
	}
	if o.any() {
		return o.verdict(number)
	}
	if s.call != nil && s.call.skip != "" {
		return verdict{result: skipped, skip: s.call.skip, extensions: m.extensions}
	}
	agents, none := t.rules.concerned(m.extensions)
	v := t.unknownEnd(m, s, &none)
	for _, a := range agents {
		c := screenpop.Call{ID: m.call, State: screenpop.Terminated, Started: s.now}
		s.moves = append(s.moves, move{agent: a, call: c, silent: true})
	}
	return v
}

// unknownEnd is the verdict on an end nothing was heard of before. It is
// skipped in any case; the reason is the filter's where the event tells enough
// for one. none is why the extensions the event names concern nobody.
func (t *tenant) unknownEnd(m *message, s *step, none *screenpop.Skip) verdict {
	v := verdict{result: skipped, skip: screenpop.SkipOutOfOrder, extensions: m.extensions}
	switch {
	case m.parties():
		d := t.rules.decide(m)
		v.number = d.number
		if d.skip != "" && (none != nil || d.skip != screenpop.SkipUnknownExtension) {
			v.skip = d.skip
			s.skip = d.skip
		}
	case none != nil && *none != "":
		v.skip = *none
	}
	return v
}
