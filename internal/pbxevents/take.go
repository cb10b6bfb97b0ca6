package pbxevents

import (
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
}

func skip(reason screenpop.Skip) verdict { return verdict{result: skipped, skip: reason} }

// take works one event off: it decides, offers and remembers under the
// tracker's lock.
func (t *tenant) take(m *message, now time.Time) verdict {
	if m.state == "" {
		return skip(screenpop.SkipState)
	}
	tr := t.tracker
	tr.mu.Lock()
	defer tr.mu.Unlock()
	s := &step{id: m.call, call: tr.calls[m.call], now: now}
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
		return v
	}
	if !tr.commit(s) {
		return verdict{result: full, extensions: v.extensions, number: v.number}
	}
	return v
}

// ringing starts legs.
func (t *tenant) ringing(m *message, s *step) verdict {
	if !m.parties() {
		return noParties()
	}
	d := t.rules.decide(m)
	if d.skip != "" {
		s.skip = d.skip
		return verdict{result: skipped, skip: d.skip, extensions: m.extensions, number: d.number}
	}
	return t.begin(m, s, d, screenpop.Ringing)
}

// begin starts the legs of a call that counts, at agents that have none yet.
func (t *tenant) begin(m *message, s *step, d decision, state screenpop.State) verdict {
	var o outcome
	for _, a := range d.agents {
		l := s.call.leg(a.Extension)
		switch {
		case l != nil && l.call.State == state:
			l.news = s.now
			o.still(a.Extension, screenpop.SkipDuplicate)
		case l != nil || s.call != nil && s.call.ended:
			o.still(a.Extension, screenpop.SkipOutOfOrder)
		default:
			s.start(a, screenpop.Call{ID: m.call, Direction: d.direction, State: state, Number: d.number, Queue: m.queue})
			o.moved(a.Extension)
		}
	}
	return o.verdict(d.number)
}

// connected answers legs, and ends those of the call that still ring.
func (t *tenant) connected(m *message, s *step) verdict {
	var o outcome
	var number screenpop.Number
	rest := *m
	rest.extensions = nil
	for _, e := range t.named(m, s.call) {
		l := s.call.leg(e)
		if l == nil {
			rest.extensions = append(rest.extensions, e)
			continue
		}
		number = l.call.Number
		switch l.call.State {
		case screenpop.Ringing:
			s.advance(l, screenpop.Connected)
			o.moved(e)
		case screenpop.Connected:
			l.news = s.now
			o.still(e, screenpop.SkipDuplicate)
		default:
			o.still(e, screenpop.SkipOutOfOrder)
		}
	}
	if o.any() && len(rest.extensions) == 0 {
		t.fold(m, s)
		return o.verdict(number)
	}
	// Legs first seen connected: the event's parties have to tell what they are.
	if !m.parties() {
		switch {
		case o.any():
			t.fold(m, s)
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
		v := t.begin(&rest, s, d, screenpop.Connected)
		t.fold(m, s)
		return o.with(v).verdict(d.number)
	}
	if o.any() {
		t.fold(m, s)
		return o.verdict(number)
	}
	if d.skip == screenpop.SkipOutOfScope {
		t.foldFor(m, s) // a colleague without pops has taken the call
	}
	s.skip = d.skip
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
func (t *tenant) fold(m *message, s *step) {
	for i := range s.moves {
		if s.moves[i].call.State == screenpop.Connected {
			t.foldBy(m, s, s.moves[i].agent)
			return
		}
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
	answered := len(s.moves)
	for _, l := range s.call.legs {
		if l.call.State != screenpop.Ringing || s.moves[:answered].of(l) {
			continue
		}
		s.advance(l, screenpop.Terminated)
		last := &s.moves[len(s.moves)-1]
		last.end, last.by = screenpop.EndAnsweredElsewhere, by
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
