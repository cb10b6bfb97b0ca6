package pbxevents

import (
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// terminated ends legs: those of the extensions the event names as such, else
// all of the call, even when a party is an extension. An end that names a leg of
// the call by its id ends the phones of that id alone.
func (t *tenant) terminated(m *message, s *step) verdict {
	if len(m.extensions) > 0 {
		return t.endLegs(m, s)
	}
	if s.call == nil {
		v := t.unknownEnd(m, s, nil)
		s.endCall(m)
		return v
	}
	var o outcome
	var number screenpop.Number
	whole := s.whole(m)
	for _, l := range s.call.legs {
		if !whole && l.phone(m.call) == nil {
			continue
		}
		number = l.call.Number
		moved, why := false, screenpop.SkipDuplicate
		switch {
		case whole && l.live():
			s.move(l, screenpop.Terminated, "", "")
			moved = true
		case !whole:
			moved, why = s.apply(l, m, screenpop.Terminated)
		}
		if moved {
			o.moved(l.agent.Extension)
		} else {
			o.still(l.agent.Extension, why)
		}
	}
	ended := s.call.ended
	s.endCall(m)
	switch {
	case o.any():
		return o.verdict(number)
	case s.call.skip != "":
		return skip(s.call.skip)
	case ended:
		return skip(screenpop.SkipDuplicate)
	}
	return t.unknownEnd(m, s, nil)
}

// whole tells whether an event without an extension is about the call and not
// about one of its legs.
func (s *step) whole(m *message) bool {
	return m.call == s.call.id || m.call == m.primary || m.primary == "" && !slices.Contains(s.call.ids, m.call)
}

// endCall remembers that a call is over, or the leg of an id.
func (s *step) endCall(m *message) {
	c := s.open(m)
	switch {
	case s.whole(m):
		c.ended, c.closed = true, c.closed|s.source
	case len(c.gone) < maxLegIDs && !slices.Contains(c.gone, m.call):
		c.gone = append(slices.Clip(c.gone), m.call)
	}
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
		if moved, why := s.apply(l, m, screenpop.Terminated); moved {
			o.moved(e)
		} else {
			o.still(e, why)
		}
	}
	if o.any() {
		return o.verdict(number)
	}
	agents, none := t.rules.concerned(m.extensions)
	var v verdict
	if s.call != nil && s.call.skip != "" {
		v = verdict{result: skipped, skip: s.call.skip, extensions: m.extensions}
	} else {
		v = t.unknownEnd(m, s, &none)
	}
	for _, a := range agents {
		s.start(m, a, screenpop.Call{State: screenpop.Terminated})
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
			s.skipped(m, d.skip)
		}
	case none != nil && *none != "":
		v.skip = *none
	}
	return v
}

// skipped remembers why a call makes no pop, as long as it has no leg.
func (s *step) skipped(m *message, why screenpop.Skip) {
	if c := s.open(m); len(c.legs) == 0 {
		c.skip = why
	}
}
