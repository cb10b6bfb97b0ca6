package pbxevents

import (
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxRecorded bounds the trace entries of one event: a list of extensions can
// be as long as a body.
const maxRecorded = 32

// spent is what an event took: when it was received, read and decided about.
type spent struct {
	received time.Time
	read     time.Time // zero for one that did not come by itself
	decided  time.Time
}

func (s spent) timing() *screenpop.Timing {
	t := &screenpop.Timing{Began: s.received, Ended: s.decided}
	if !s.read.IsZero() {
		t.Stages = []screenpop.Stage{{Name: "receive", Began: s.received, Ended: s.read}, {Name: "decide", Began: s.read, Ended: s.decided}}
	}
	return t
}

// record leaves one line in the decision trace per extension concerned, and one
// more where the agent has the call already. The stages of what it took are
// those of the first line: the others have them in common with it.
func (r *Receiver) record(t *tenant, m *message, v verdict, took spent) {
	e := screenpop.TraceEntry{
		Time: took.received, Tenant: t.domain, Call: m.call, Step: screenpop.StepEvent,
		Number: v.number.Masked(), TraceFacts: t.facts(m, &v),
	}
	if v.call != "" {
		e.Call = v.call
	}
	var whole *screenpop.Timing
	if screenpop.Measuring(r.trace) {
		whole = &screenpop.Timing{Began: took.received, Ended: took.decided}
		e.Timing = took.timing()
	}
	switch v.result {
	case accepted:
		e.Verdict, e.Detail = string(accepted), string(m.state)
	case full:
		e.Verdict, e.Detail = string(full), "too many events were waiting: the PBX was told to send this one again"
	default:
		e.Verdict, e.Detail = string(v.skip), explain(v.skip)
		e.Rule = t.rules.ruleOf(v.skip, m)
	}
	if m.test {
		e.Detail = "a test by smokepopd doctor: nothing follows from it"
	}
	if len(v.extensions) == 0 {
		r.trace.Record(e)
		return
	}
	for _, x := range v.extensions[:min(len(v.extensions), maxRecorded)] {
		e.Extension = x
		r.trace.Record(e)
		e.Timing = whole
	}
	for _, j := range v.joined[:min(len(v.joined), maxRecorded)] {
		e.Extension, e.Verdict, e.Detail = j.extension, "joined", "no second pop: "+j.why+": "+string(j.call)
		r.trace.Record(e)
	}
}

// facts are the event as it came and whom it is for.
func (t *tenant) facts(m *message, v *verdict) *screenpop.TraceFacts {
	f := &screenpop.TraceFacts{Listed: m.source == byLiveList, Unknown: m.other}
	if m.came != nil {
		f.Fields = screenpop.FieldsOf(m.came)
	}
	if v.call != "" && v.call != m.call {
		f.Leg = m.call
	}
	if v.result == accepted {
		f.Agents = slices.Clip(v.extensions[:min(len(v.extensions), maxRecorded)])
	}
	return f
}

// recordRefused leaves a line of a webhook that could not be taken for an event, or
// for a whole one, which m then is. It is for senders who were let in: what
// strangers send must not push out what an admin looks for.
func (r *Receiver) recordRefused(t *tenant, m *message, refused *refusal, at time.Time) {
	e := screenpop.TraceEntry{
		Time: at, Tenant: t.domain, Step: screenpop.StepEvent, Verdict: string(refused.result), Detail: refused.detail,
	}
	if m != nil {
		e.Call, e.TraceFacts = m.call, t.facts(m, &verdict{})
	}
	r.trace.Record(e)
}

// letIn tells whether a refusal is of a sender who has shown to be the tenant's PBX.
func (e *refusal) letIn() bool {
	return e.result == malformed || e.result == unsupportedType || e.result == tooLarge
}

// The names of rules that are no key of the configuration, and of some that are.
const (
	ruleAgents     = "agents" // the directory: agents of the configuration and of the PBX
	ruleMailbox    = "pbx.internal.mailbox_prefix"
	ruleExtensions = "pbx.internal.extensions"
	ruleOrder      = "order of events"
	ruleCallerID   = "caller id"
)

// ruleOf names what has skipped an event.
func (r *rules) ruleOf(s screenpop.Skip, m *message) string {
	switch s {
	case screenpop.SkipInternalCall:
		rule := ruleAgents
		for _, user := range [...]string{m.from.user, m.to.user} {
			// What only looks like an extension is what an admin may want to change.
			if by := r.oursBy(user); by != "" && by != ruleAgents {
				rule = by
			}
		}
		return rule
	case screenpop.SkipStarCode:
		return "pbx.star_prefixes"
	case screenpop.SkipState:
		return "pbx.event_names"
	case screenpop.SkipDuplicate, screenpop.SkipOutOfOrder:
		return ruleOrder
	case screenpop.SkipUnknownExtension:
		return ruleAgents
	case screenpop.SkipOutOfScope:
		return "scope"
	case screenpop.SkipNoNumber:
		return ruleCallerID
	case screenpop.SkipIgnoredNumber:
		return "pbx.ignore_numbers"
	}
	return ""
}

// explain says what a reason means, in one plain sentence.
func explain(s screenpop.Skip) string {
	switch s {
	case screenpop.SkipInternalCall:
		return "both parties are extensions of the tenant"
	case screenpop.SkipStarCode:
		return "a party is a feature code"
	case screenpop.SkipState:
		return "the event is none of ringing, connected and terminated"
	case screenpop.SkipDuplicate:
		return "the leg was in this state already"
	case screenpop.SkipOutOfOrder:
		return "the leg was past this state, or its start was never heard of"
	case screenpop.SkipUnknownExtension:
		return "no extension of the directory is concerned"
	case screenpop.SkipOutOfScope:
		return "the extension is not in the tenant's scope"
	case screenpop.SkipNoNumber:
		return "the other party's number is withheld or is no number"
	case screenpop.SkipIgnoredNumber:
		return "the number is in ignore_numbers"
	}
	return ""
}
