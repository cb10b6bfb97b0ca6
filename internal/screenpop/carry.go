package screenpop

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Age is how long ago something was, for what outlives the process that knows
// it: the clock may be set in between. A negative one stands for never.
type Age time.Duration

const never Age = -1

// AgeOf returns how long before now t was; the zero time was never.
func AgeOf(t, now time.Time) Age {
	if t.IsZero() {
		return never
	}
	return Age(max(0, now.Sub(t)))
}

// Before returns the time that was a before t.
func (a Age) Before(t time.Time) time.Time {
	if a < 0 {
		return time.Time{}
	}
	return t.Add(-time.Duration(a))
}

// Plus is the age of the same thing d later.
func (a Age) Plus(d time.Duration) Age {
	if a < 0 {
		return a
	}
	return a + Age(d)
}

// CarriedCall is a [Call] on its way over a restart.
type CarriedCall struct {
	ID        CallID    `json:"id,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	State     State     `json:"state,omitempty"`
	Number    string    `json:"number,omitempty"`
	Display   string    `json:"display,omitempty"`
	Queue     string    `json:"queue,omitempty"`
	Started   Age       `json:"started"`
}

// Carry returns the call as it is at now.
func (c Call) Carry(now time.Time) CarriedCall {
	return CarriedCall{c.ID, c.Direction, c.State, c.Number.Canonical, c.Number.Display, c.Queue, AgeOf(c.Started, now)}
}

// Call returns the call again. at is the moment it was carried, by the clock as
// it goes now.
func (c CarriedCall) Call(at time.Time) Call {
	return Call{c.ID, c.Direction, c.State, Number{c.Number, c.Display}, c.Queue, c.Started.Before(at)}
}

// CarriedLeg is what a flow hands on of a call at an agent's extension. It has
// the caller's number and nothing that was found for it.
type CarriedLeg struct {
	Agent AgentID     `json:"agent"`
	Call  CarriedCall `json:"call"`
	// Outcome is how the look-up ended; empty: it has not, or has not begun.
	Outcome Outcome `json:"outcome,omitempty"`
	PopID   string  `json:"pop,omitempty"` // of the pop the leg has; empty: none
	// Shown tells that the pop is still on the agent's screens. The flow does
	// not know; who carries the legs sets it.
	Shown bool `json:"shown,omitempty"`
}

// Carried returns the legs that were under way when a flow with
// FlowConfig.Carry stopped. It may be called once Run has returned.
func (f *Flow) Carried() []CarriedLeg {
	var legs []CarriedLeg
	for _, w := range f.workers {
		legs = append(legs, w.carried...)
	}
	return legs
}

// Resume goes on with legs that another flow was carrying at the moment at.
// Pops that are shown are put back on the screens at once, under their ids and
// with the number alone; their contacts are looked up again when Run runs. It
// is called before Run and before the first Offer.
func (f *Flow) Resume(legs []CarriedLeg, at time.Time) {
	legs = slices.Clone(legs)
	slices.SortStableFunc(legs, func(a, b CarriedLeg) int { return cmp.Compare(b.Call.Started, a.Call.Started) })
	for _, c := range legs {
		l := &leg{agent: Agent{AgentID: c.Agent}, call: c.Call.Call(at), outcome: c.Outcome, asked: c.Outcome != "", popID: c.PopID}
		if l.popID != "" {
			l.pop = Pop{ID: l.popID, Call: l.call, Pending: true}
			if c.Shown {
				f.cfg.Screens.Resume(c.Agent, l.pop)
			}
		}
		f.pending.Add(1)
		f.workerOf(c.Agent).put(item{resumed: &resumed{l, c.Shown}})
	}
}

// resumed is a leg that came over a restart.
type resumed struct {
	leg   *leg
	shown bool // its pop is on the screens
}

// resume takes a leg up and returns whether it started to ask Smokeball.
func (w *worker) resume(ctx context.Context, r *resumed) (asking bool) {
	l := r.leg
	e := Event{Agent: l.agent, Call: l.call, Received: w.flow.cfg.Now()}
	w.trace(e, StepFlow, "carried-over", "the call was under way when smokepop restarted")
	if l.outcome == "" {
		return w.event(ctx, e)
	}
	w.legs[l.id()] = l
	w.note(l.id())
	if l.popID == "" {
		return false
	}
	w.pops[l.popID] = l
	if r.shown {
		w.look(ctx, l, e)
	}
	return r.shown
}

// foundAgain shows what the look-up of a carried leg's pop has found. Without
// an answer the pop stays as it is: the screens may still know more.
func (w *worker) foundAgain(ctx context.Context, a *answer) (asking bool) {
	l := a.leg
	switch outcome := OutcomeOf(a.err); outcome {
	case OutcomeMatched:
		l.pop = Pop{ID: l.popID, Call: l.call, Contacts: a.match.Contacts, More: a.match.More}
	case OutcomeNoMatch:
		l.pop = Pop{ID: l.popID, Call: l.call, Links: w.flow.cfg.Settings(l.agent.AgentID).links(l.call.Number)}
	default:
		w.trace(l.event, StepFlow, string(outcome), "after the restart the contacts were not found again: "+ErrOf(outcome).Error())
		return false
	}
	w.flow.cfg.Screens.Update(l.agent.AgentID, l.pop)
	return l.call.State == Connected && w.askMatters(ctx, l)
}

// carry hands on what the worker has, the events that are still queued worked
// into it, instead of settling it.
func (w *worker) carry(queue []item) {
	for _, it := range queue {
		e := it.event
		key := LegID{e.Agent.AgentID, e.Call.ID}
		switch l := w.legs[key]; {
		case it.resumed != nil:
			w.legs[it.resumed.leg.id()] = it.resumed.leg
		case e.Call.State == Terminated:
			delete(w.legs, key)
		case e.Call.State == "": // no event
		case l == nil:
			w.legs[key] = &leg{agent: e.Agent, call: e.Call}
		default:
			l.call = e.Call
		}
	}
	now := w.flow.cfg.Now()
	for _, l := range w.legs {
		w.carried = append(w.carried, l.carry(now))
	}
}

func (l *leg) carry(now time.Time) CarriedLeg {
	return CarriedLeg{Agent: l.agent.AgentID, Call: l.call.Carry(now), Outcome: l.outcome, PopID: l.popID}
}
