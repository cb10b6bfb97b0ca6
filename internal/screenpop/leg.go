package screenpop

import "context"

type legKey struct {
	agent AgentID
	call  CallID
}

// leg is a call at one agent's extension as the flow follows it.
type leg struct {
	agent  Agent
	call   Call
	popID  string // set once the pop was shown
	pop    Pop
	event  Event              // the event that started the look-up
	cancel context.CancelFunc // of the look-up; nil before and after it
	asked  bool               // the look-up was started
}

// event moves a leg and returns whether it started a look-up.
func (w *worker) event(ctx context.Context, e Event) (lookup bool) {
	key := legKey{e.Agent.AgentID, e.Call.ID}
	l := w.legs[key]
	if e.Call.State == Terminated {
		if l != nil {
			delete(w.legs, key)
			w.end(l, e)
		}
		return false
	}
	if l == nil {
		l = &leg{agent: e.Agent}
		w.legs[key] = l
	}
	l.call = e.Call
	if l.popID != "" {
		l.pop.Call = e.Call
		w.flow.cfg.Screens.Update(l.agent.AgentID, l.pop)
		return false
	}
	if l.asked {
		return false // the answer will find the leg's newer state
	}
	settings := w.flow.cfg.Settings(e.Agent.Tenant)
	switch {
	case !settings.wants(e.Call.Direction):
		l.asked = true // nothing more will come of this leg
		w.trace(e, StepFlow, "pops-off", "the tenant shows no pops for "+string(e.Call.Direction)+" calls")
		return false
	case settings.On == Connected && e.Call.State == Ringing:
		w.trace(e, StepFlow, "waiting", "the tenant shows pops when the call is answered")
		return false
	}
	w.look(ctx, l, e)
	return true
}

// look starts the look-up of a leg beside the worker.
func (w *worker) look(ctx context.Context, l *leg, e Event) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.asked = true
	l.event = e
	w.lookups.Go(func() {
		match, err := w.flow.cfg.Finder.Find(ctx, e.Agent.AgentID, e.Call)
		w.put(item{answer: &answer{leg: l, match: match, err: err}})
	})
}

// answered shows the pop of a leg whose look-up has come back, if the leg is
// still there to be shown.
func (w *worker) answered(a *answer) {
	l := a.leg
	l.cancel()
	l.cancel = nil
	if w.legs[legKey{l.agent.AgentID, l.call.ID}] != l {
		return // ended meanwhile; end has told the trace
	}
	switch outcome := OutcomeOf(a.err); outcome {
	case OutcomeMatched:
	case OutcomeNoMatch:
		if !w.flow.cfg.Settings(l.agent.Tenant).UnknownCard {
			w.trace(l.event, StepFlow, string(outcome), "no pop: no contact has this number")
			return
		}
	default:
		w.trace(l.event, StepFlow, string(outcome), "no pop: "+ErrOf(outcome).Error())
		return
	}
	l.popID = w.flow.cfg.NewID()
	l.pop = Pop{ID: l.popID, Call: l.call, Contacts: a.match.Contacts, More: a.match.More}
	w.flow.cfg.Screens.Pop(l.agent.AgentID, l.pop, l.event.Received)
}

// end takes a leg's pop away, or its look-up.
func (w *worker) end(l *leg, e Event) {
	if l.cancel != nil {
		l.cancel()
		w.trace(e, StepFlow, string(OutcomeTooLate), "the call ended before the look-up did")
	}
	if l.popID != "" {
		w.flow.cfg.Screens.End(l.agent.AgentID, l.popID, e.End, e.AnsweredBy)
	}
}

func (w *worker) trace(e Event, step Step, verdict, detail string) {
	w.flow.cfg.Trace.Record(TraceEntry{
		Time: w.flow.cfg.Now(), Tenant: e.Agent.Tenant, Extension: e.Agent.Extension, Call: e.Call.ID,
		Step: step, Verdict: verdict, Detail: detail, Number: e.Call.Number.Masked(),
	})
}
