package screenpop

import (
	"context"
	"slices"
	"time"
)

// Watch has looked up what calls of an agent have waited for a page. It is told
// of each page that is opened, after Watched says so, and does not block.
func (f *Flow) Watch(agent AgentID) {
	if f.unseen.Load() > 0 && f.reserve(1, true) {
		f.workerOf(agent).put(item{watcher: &agent})
	}
}

// wait has a leg wait for a page of its agent, unless one was opened in this very
// moment, and returns whether it waits.
func (w *worker) wait(l *leg, e Event) bool {
	agent := l.agent.AgentID
	// Either Watch sees the leg counted, or its page is seen here.
	w.flow.unseen.Add(1)
	if w.flow.cfg.Watched(agent) {
		w.flow.unseen.Add(-1)
		return false
	}
	l.unseen, l.event = true, e
	w.unseen[agent] = append(w.unseen[agent], l)
	w.trace(e, StepFlow, "no-page", "the agent has no page open: the number is looked up once there is one")
	return true
}

// waited takes a leg from those that wait.
func (w *worker) waited(l *leg) {
	agent := l.agent.AgentID
	l.unseen = false
	w.flow.unseen.Add(-1)
	w.unseen[agent] = slices.DeleteFunc(w.unseen[agent], func(other *leg) bool { return other == l })
	if len(w.unseen[agent]) == 0 {
		delete(w.unseen, agent)
	}
}

// watched looks the legs up that have waited for a page of the agent.
func (w *worker) watched(ctx context.Context, agent AgentID) {
	for _, l := range slices.Clone(w.unseen[agent]) {
		w.waited(l)
		e := l.event
		e.Call, e.Received = l.call, time.Time{} // it was not the look-up that took so long
		w.flow.pending.Add(1)
		if !w.find(ctx, l, e) {
			w.flow.done(1)
		}
	}
}
