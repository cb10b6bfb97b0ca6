package screenpop

import (
	"context"
	"errors"
	"time"
)

// LegID names a call at an agent's extension.
type LegID struct {
	Agent AgentID
	Call  CallID
}

func (l *leg) id() LegID { return LegID{l.agent.AgentID, l.call.ID} }

// leg is a call at one agent's extension as the flow follows it.
type leg struct {
	agent   Agent
	call    Call
	popID   string // set once the pop was shown
	pop     Pop
	event   Event              // the event that started the look-up
	cancel  context.CancelFunc // of what is asked of Smokeball; nil while nothing is
	asked   bool               // the look-up was started, or never will be
	unseen  bool               // it is not, because the agent has no page open
	outcome Outcome            // how the leg ended up; empty until that is certain
	matters bool               // they were asked for
}

// event moves a leg and returns whether it started to ask Smokeball.
func (w *worker) event(ctx context.Context, e Event) (asking bool) {
	key := LegID{e.Agent.AgentID, e.Call.ID}
	w.note(key)
	l := w.legs[key]
	if e.Call.State == Terminated {
		if l != nil {
			delete(w.legs, key)
			delete(w.pops, l.popID)
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
		return l.call.State == Connected && w.askMatters(ctx, l)
	}
	if l.asked || l.unseen {
		return false // the answer, or the page, will find the leg's newer state
	}
	settings := w.flow.cfg.Settings(e.Agent.AgentID)
	switch {
	case !settings.wants(e.Call.Direction):
		l.asked = true // nothing more will come of this leg
		w.decide(l, OutcomePopsOff)
		w.traceBy("pops."+string(e.Call.Direction), e, string(OutcomePopsOff), "the agent's settings show no pops for "+string(e.Call.Direction)+" calls")
		return false
	case settings.On == Connected && e.Call.State == Ringing:
		w.traceBy("pops.on", e, "waiting", "the agent's settings show pops when the call is answered")
		return false
	}
	return w.find(ctx, l, e)
}

// find looks a leg's number up, now or once its agent has a page open, and
// returns whether it started to ask Smokeball.
func (w *worker) find(ctx context.Context, l *leg, e Event) (asking bool) {
	if w.flow.cfg.Memory != nil {
		if match, err, known := w.flow.cfg.Memory.Known(e.Agent.AgentID, e.Call); known {
			l.asked, l.event = true, e
			return w.answered(ctx, &answer{leg: l, match: match, err: err})
		}
	}
	if !w.flow.cfg.Watched(e.Agent.AgentID) && w.wait(l, e) {
		return false
	}
	w.look(ctx, l, e)
	return true
}

// look starts the look-up of a leg beside the worker.
func (w *worker) look(ctx context.Context, l *leg, e Event) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.asked, l.event = true, e
	w.asking.Go(func() {
		match, err := w.flow.cfg.Finder.Find(ctx, e.Agent.AgentID, e.Call)
		for errors.Is(err, ErrStoreAway) && w.pause(ctx) {
			match, err = w.flow.cfg.Finder.Find(ctx, e.Agent.AgentID, e.Call)
		}
		w.put(item{answer: &answer{leg: l, match: match, err: err}})
	})
}

// againAfter is how long after one that found the store away a look-up is made
// again.
const againAfter = time.Second

// pause waits before a look-up is made again; false when nobody waits for it any
// more, or the flow stops.
func (w *worker) pause(ctx context.Context) bool {
	again := time.NewTicker(againAfter / 10)
	defer again.Stop()
	for range 10 {
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
		if w.flow.closing.Load() {
			return false
		}
	}
	return true
}

// answered shows the pop of a leg whose look-up has come back, if the leg is
// still there to be shown. It returns whether its matters are asked for.
func (w *worker) answered(ctx context.Context, a *answer) (asking bool) {
	l := a.leg
	w.note(l.id())
	if !w.back(l) {
		return false // ended meanwhile; end has told the trace
	}
	if l.popID != "" {
		return w.foundAgain(ctx, a)
	}
	settings := w.flow.cfg.Settings(l.agent.AgentID)
	outcome := OutcomeOf(a.err)
	w.decide(l, outcome)
	pop := Pop{Call: l.call, Contacts: a.match.Contacts, More: a.match.More}
	switch outcome {
	case OutcomeMatched:
	case OutcomeNoMatch:
		if !settings.UnknownCard {
			w.traceBy("pops.unknown", l.event, string(outcome), "no pop: no contact has this number")
			return false
		}
		pop.Links = settings.links(l.call.Number)
	default:
		w.trace(l.event, StepFlow, string(outcome), "no pop: "+ErrOf(outcome).Error())
		return false
	}
	pop.ID = w.flow.cfg.NewID(l.agent.AgentID, l.call.ID)
	l.popID, l.pop = pop.ID, pop
	w.pops[l.popID] = l
	w.flow.cfg.Screens.Pop(l.agent.AgentID, l.pop, l.event.Received)
	return l.call.State == Connected && w.askMatters(ctx, l)
}

// back ends what was asked for a leg and tells whether the leg is still there.
func (w *worker) back(l *leg) bool {
	if l.cancel != nil { // else the answer was at hand
		l.cancel()
		l.cancel = nil
	}
	return w.legs[l.id()] == l
}

// end takes a leg's pop away, or its look-up. A call without a pop goes to the
// recent ones, except where the agent's settings did not want it shown.
func (w *worker) end(l *leg, e Event) {
	if l.cancel != nil {
		l.cancel()
	}
	switch {
	case l.outcome != "":
	case l.unseen:
		w.waited(l)
		w.decide(l, OutcomeUnwatched)
		w.trace(e, StepFlow, string(OutcomeUnwatched), "the agent had no page open during the call: nobody was looked up")
	case l.asked:
		w.decide(l, OutcomeTooLate)
		w.trace(e, StepFlow, string(OutcomeTooLate), "the call ended before the look-up did")
	default:
		w.decide(l, OutcomePopsOff)
		w.traceBy("pops.on", e, string(OutcomePopsOff), "the call ended before it was answered")
	}
	switch {
	case l.popID != "":
		w.flow.cfg.Screens.End(l.agent.AgentID, l.popID, e.End, e.AnsweredBy)
	case l.outcome != OutcomePopsOff:
		w.flow.cfg.Screens.Past(l.agent.AgentID, EndedPop{
			Pop:   Pop{ID: w.flow.cfg.NewID(l.agent.AgentID, l.call.ID), Call: l.call},
			Ended: w.flow.cfg.Now(), Reason: e.End, AnsweredBy: e.AnsweredBy, Outcome: l.outcome,
		})
	}
}

// decide settles how a leg ended up. It is called once for each.
func (w *worker) decide(l *leg, o Outcome) {
	l.outcome = o
	w.flow.cfg.Outcome(o)
}

func (w *worker) trace(e Event, step Step, verdict, detail string) {
	w.record(e, TraceEntry{Step: step, Verdict: verdict, Detail: detail})
}

// traceBy is trace for what a setting has decided.
func (w *worker) traceBy(rule string, e Event, verdict, detail string) {
	w.record(e, TraceEntry{Step: StepFlow, Verdict: verdict, Detail: detail, Rule: rule})
}

func (w *worker) record(e Event, t TraceEntry) {
	t.Time, t.Tenant, t.Extension, t.Call, t.Number = w.flow.cfg.Now(), e.Agent.Tenant, e.Agent.Extension, e.Call.ID, e.Call.Number.Masked()
	w.flow.cfg.Trace.Record(t)
}
