package screenpop

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// MatterFinder answers "what does this contact have with the firm?" with the
// agent's own authorisation: matters are for those who may see them.
type MatterFinder interface {
	// Matters returns the contact's open matters as the agent may see them,
	// newest first; none is no error. It ends soon after ctx does and may be
	// called from many goroutines.
	Matters(ctx context.Context, agent AgentID, contactID string) ([]Matter, error)
}

const (
	// mattersOf is how many contacts of a pop, from the best, matters are
	// fetched for: each is a request.
	mattersOf = 3
	// mattersTimeout bounds all of them. Later the agent is in the middle of
	// the conversation, and nothing should move on the card.
	mattersTimeout = 5 * time.Second
)

// matters is what came of asking for the matters of a leg's pop: for each of
// its first contacts those that were found, or why there are none.
type matters struct {
	leg   *leg
	found [][]Matter
	errs  []error
}

// opened asks for the matters of a pop whose card the agent has opened.
func (w *worker) opened(ctx context.Context, o *opening) (asking bool) {
	l := w.pops[o.popID]
	return l != nil && l.agent.AgentID == o.agent && w.askMatters(ctx, l)
}

// askMatters has the matters of a pop fetched beside the worker, once for each
// pop, and returns whether it did.
func (w *worker) askMatters(ctx context.Context, l *leg) bool {
	finder, agent := w.flow.cfg.Matters, l.agent.AgentID
	contacts := l.pop.Contacts[:min(mattersOf, len(l.pop.Contacts))]
	if l.matters || finder == nil || len(contacts) == 0 || !w.flow.cfg.Settings(agent).Matters {
		return false
	}
	l.matters = true
	ctx, l.cancel = context.WithTimeout(ctx, mattersTimeout)
	m := &matters{leg: l, found: make([][]Matter, len(contacts)), errs: make([]error, len(contacts))}
	ids := make([]string, len(contacts))
	for i, c := range contacts {
		ids[i] = c.ID
	}
	w.asking.Go(func() {
		var each sync.WaitGroup
		for i, id := range ids {
			each.Go(func() { m.found[i], m.errs[i] = finder.Matters(ctx, agent, id) })
		}
		each.Wait()
		w.put(item{matters: m})
	})
	return true
}

// known shows the matters that were found. What went wrong shows nothing: a
// pop without matters is as good as it was.
func (w *worker) known(m *matters) {
	l := m.leg
	if !w.back(l) {
		return // the call is over, and with it the card
	}
	contacts, shown, failed := slices.Clone(l.pop.Contacts), 0, 0
	var why error
	for i := range m.found {
		if m.errs[i] != nil {
			failed, why = failed+1, ErrOf(OutcomeOf(m.errs[i]))
			continue
		}
		contacts[i].Matters = m.found[i]
		shown += len(m.found[i])
	}
	if failed > 0 {
		w.trace(l.event, StepFlow, "no-matters", fmt.Sprintf("the matters of %d of %d contacts are not shown: %v", failed, len(m.found), why))
	}
	if shown == 0 {
		return
	}
	ahead(contacts[:len(m.found)])
	l.pop.Contacts = contacts
	w.trace(l.event, StepFlow, "matters", fmt.Sprintf("%d matters shown", shown))
	w.flow.cfg.Screens.Update(l.agent.AgentID, l.pop)
}

// ahead moves contacts with a matter before those without, but only among
// neighbours whom the number reaches in the same way: a matter makes nobody
// the owner of a switchboard, and no person an organisation.
func ahead(contacts []Contact) {
	alike := func(a, b Contact) bool {
		return a.Direct && b.Direct && (a.Kind == Person) == (b.Kind == Person)
	}
	for i := 0; i < len(contacts); {
		n := i + 1
		for n < len(contacts) && alike(contacts[i], contacts[n]) {
			n++
		}
		slices.SortStableFunc(contacts[i:n], func(a, b Contact) int {
			return none(a) - none(b)
		})
		i = n
	}
}

func none(c Contact) int {
	if len(c.Matters) == 0 {
		return 1
	}
	return 0
}
