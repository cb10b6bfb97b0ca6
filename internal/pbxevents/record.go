package pbxevents

import (
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
		Number: v.number.Masked(),
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
