package pbxevents

import (
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// verdict is what became of an event.
type verdict struct {
	result     result
	skip       screenpop.Skip
	refused    *refusal
	extensions []screenpop.Extension // accepted: whose leg moved; skipped: whose did not
	number     screenpop.Number
	joined     []joining        // of the extensions accepted: whose leg is no call of its own
	call       screenpop.CallID // what the call's pops go by; empty: nothing is known of it
}

func skip(reason screenpop.Skip) verdict { return verdict{result: skipped, skip: reason} }

// take works one event off: it decides, offers and remembers under the
// tracker's lock.
func (t *tenant) take(m *message, now time.Time) verdict {
	if m.state == "" {
		return skip(screenpop.SkipState)
	}
	m.extensions = t.rules.own(m.extensions)
	tr := t.tracker
	tr.mu.Lock()
	defer tr.mu.Unlock()
	from := m.source
	if from == 0 {
		from = byWebhook
	}
	s := tr.begin(now, from)
	s.call = tr.find(m)
	var v verdict
	switch m.state {
	case screenpop.Ringing:
		v = t.ringing(m, s)
	case screenpop.Connected:
		v = t.connected(m, s)
	default:
		v = t.terminated(m, s)
	}
	if v.result == malformed {
		s.rollBack()
		return v
	}
	if s.call != nil {
		v.call = s.call.id
	}
	if !tr.commit(s, m) {
		return verdict{result: full, extensions: v.extensions, number: v.number, call: v.call}
	}
	v.joined = s.joined
	return v
}

// ringing starts legs.
func (t *tenant) ringing(m *message, s *step) verdict {
	if !m.parties() {
		return noParties()
	}
	d := t.rules.decide(m)
	if d.skip != "" {
		s.skipped(m, d.skip)
		return verdict{result: skipped, skip: d.skip, extensions: m.extensions, number: d.number}
	}
	return t.begin(m, s, d, screenpop.Ringing)
}

// begin starts the legs of a call that counts, at agents that have none yet, or
// tells those they have of another phone.
func (t *tenant) begin(m *message, s *step, d decision, state screenpop.State) verdict {
	var o outcome
	for _, a := range d.agents {
		l := s.call.leg(a.Extension)
		if l != nil && l.forgotten {
			s.keep(l)
			l.call.Number, l.forgotten = d.number, false
		}
		moved, why := true, screenpop.SkipOutOfOrder
		switch {
		case s.over(m):
			moved = false
			if l != nil && l.call.State == state {
				why = screenpop.SkipDuplicate
			}
		case l != nil && l.call.Number.IsZero(): // first seen terminated, at another phone perhaps
			if moved = l.phone(m.call) == nil && m.call != l.of.id; moved {
				s.keep(l)
				l.call.Number, l.call.Direction, l.call.Queue = d.number, d.direction, t.rules.queue(m, &d, a.Extension)
				s.again(l, m, state)
			}
		case l != nil:
			moved, why = s.apply(l, m, state)
		default:
			s.start(m, a, screenpop.Call{Direction: d.direction, State: state, Number: d.number, Queue: t.rules.queue(m, &d, a.Extension)})
		}
		if moved {
			o.moved(a.Extension)
		} else {
			o.still(a.Extension, why)
		}
	}
	return o.verdict(d.number)
}

// over tells whether nothing may begin for an event any more. A call that only
// left a list of live calls is back when it is in one again.
func (s *step) over(m *message) bool {
	return s.call != nil && (s.call.ended && (s.source != byLiveList || s.call.closed != byLiveList) || slices.Contains(s.call.gone, m.call))
}

// connected answers legs, and ends those of the call that still ring.
func (t *tenant) connected(m *message, s *step) verdict {
	var o outcome
	var number screenpop.Number
	rest := *m
	rest.extensions = nil
	for _, e := range t.named(m, s.call) {
		l := s.call.leg(e)
		another := l != nil && l.phone(m.call) == nil && m.call != l.of.id
		if l == nil || another && l.call.Number.IsZero() && (!l.forgotten || m.parties() && !s.over(m)) {
			rest.extensions = append(rest.extensions, e)
			continue
		}
		number = l.call.Number
		if s.over(m) || another && l.forgotten {
			o.still(e, screenpop.SkipOutOfOrder)
			continue
		}
		if moved, why := s.apply(l, m, screenpop.Connected); moved {
			o.moved(e)
		} else {
			o.still(e, why)
		}
	}
	if o.any() && len(rest.extensions) == 0 {
		t.fold(m, s, &o)
		return o.verdict(number)
	}
	// Legs first seen connected: the event's parties have to tell what they are.
	if !m.parties() {
		switch {
		case o.any():
			t.fold(m, s, &o)
			return o.verdict(number)
		case s.call != nil && s.call.skip != "":
			return verdict{result: skipped, skip: s.call.skip, extensions: m.extensions}
		}
		return noParties()
	}
	if !o.any() {
		rest.extensions = m.extensions
	}
	d := t.rules.decide(&rest)
	if d.skip == "" {
		o.with(t.begin(&rest, s, d, screenpop.Connected))
		t.fold(m, s, &o)
		return o.verdict(d.number)
	}
	if o.any() {
		t.fold(m, s, &o)
		return o.verdict(number)
	}
	if d.skip == screenpop.SkipOutOfScope {
		t.foldFor(m, s) // a colleague without pops has taken the call
	}
	s.skipped(m, d.skip)
	return verdict{result: skipped, skip: d.skip, extensions: m.extensions, number: d.number}
}

// named returns the extensions an event is about: those it names, else the
// parties that are legs of the call.
func (t *tenant) named(m *message, c *call) []screenpop.Extension {
	if len(m.extensions) > 0 || c == nil {
		return m.extensions
	}
	var legs []screenpop.Extension
	for _, user := range [...]string{m.from.user, m.to.user} {
		if e := screenpop.Extension(user); user != "" && c.leg(e) != nil {
			legs = append(legs, e)
		}
	}
	return legs
}

// fold ends the legs that still ring when one was answered.
func (t *tenant) fold(m *message, s *step, o *outcome) {
	if len(o.accepted) == 0 {
		return
	}
	if l := s.call.leg(o.accepted[0]); l != nil && l.call.State == screenpop.Connected {
		t.foldBy(m, s, l.agent)
	}
}

// foldFor is fold for an agent that is known but gets no pops.
func (t *tenant) foldFor(m *message, s *step) {
	named := m.extensions
	if len(named) == 0 {
		named = []screenpop.Extension{screenpop.Extension(m.to.user), screenpop.Extension(m.from.user)}
	}
	for _, e := range named {
		if a, ok := t.rules.directory.Agent(screenpop.AgentID{Tenant: t.domain, Extension: e}); ok {
			t.foldBy(m, s, a)
			return
		}
	}
}

func (t *tenant) foldBy(m *message, s *step, a screenpop.Agent) {
	if s.call == nil {
		return
	}
	by := t.nameOf(m.answeredBy)
	if by == "" {
		by = a.Name
	}
	if by == "" {
		by = string(a.Extension)
	}
	for _, l := range s.call.legs {
		if l.call.State == screenpop.Ringing {
			s.move(l, screenpop.Terminated, screenpop.EndAnsweredElsewhere, by)
		}
	}
}

// nameOf is what colleagues know the one who answered by. A PBX may name the
// account, plain or as a URI, and people want the name.
func (t *tenant) nameOf(answeredBy string) string {
	user, name := numbering.UserPart(answeredBy)
	if a, ok := t.rules.directory.Agent(screenpop.AgentID{Tenant: t.domain, Extension: screenpop.Extension(user)}); ok && a.Name != "" {
		return a.Name
	}
	if name != "" {
		return name
	}
	return answeredBy
}

func noParties() verdict {
	return verdict{result: malformed, refused: bad(`Send the field "from" or "to": who calls or who is called.`)}
}
