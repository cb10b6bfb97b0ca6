package pbxevents

import (
	"cmp"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Underway is a call as one agent has it now: a phone that rings, or a
// conversation. Call is as the flow was told last; its Started is when the
// agent's phone was first heard of.
type Underway struct {
	Agent screenpop.AgentID
	Call  screenpop.Call
}

// Underway returns the calls that a tenant's agents have, oldest first, those of
// one call side by side. A call that was skipped is not among them. Nil: there is
// no such tenant.
func (r *Receiver) Underway(domain screenpop.Tenant) []Underway {
	t := r.tenant(screenpop.ParseTenant(string(domain)))
	if t == nil {
		return nil
	}
	all := t.tracker.underway()
	began := map[screenpop.CallID]int64{}
	for _, u := range all {
		at := u.Call.Started.UnixNano()
		if first, there := began[u.Call.ID]; !there || at < first {
			began[u.Call.ID] = at
		}
	}
	slices.SortFunc(all, func(a, b Underway) int {
		return cmp.Or(
			cmp.Compare(began[a.Call.ID], began[b.Call.ID]), strings.Compare(string(a.Call.ID), string(b.Call.ID)),
			cmp.Compare(len(a.Agent.Extension), len(b.Agent.Extension)), strings.Compare(string(a.Agent.Extension), string(b.Agent.Extension)),
		)
	})
	return all
}

func (t *tracker) underway() []Underway {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []Underway{}
	for _, cards := range t.cards {
		for _, c := range cards {
			if c.live() {
				all = append(all, Underway{c.agent.AgentID, c.call})
			}
		}
	}
	return all
}
