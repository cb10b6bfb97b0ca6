package directory

import (
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// ChangeKind is what has become of an agent.
type ChangeKind string

// The kinds of a Change.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed" // the name, the e-mail or the groups
)

// Change is one agent's. Before is empty of one who was added, After of one who
// was removed.
type Change struct {
	Kind          ChangeKind
	Agent         screenpop.AgentID
	Before, After screenpop.Agent
}

// changes tells two copies of a tenant apart.
func changes(before, after *copied) []Change {
	var out []Change
	for _, a := range before.list {
		switch now, ok := after.agents[a.Extension]; {
		case !ok:
			out = append(out, Change{Kind: Removed, Agent: a.AgentID, Before: a})
		case now.Name != a.Name || now.Email != a.Email || !slices.Equal(now.Groups, a.Groups):
			out = append(out, Change{Changed, a.AgentID, a, *now})
		}
	}
	for _, a := range after.list {
		if _, ok := before.agents[a.Extension]; !ok {
			out = append(out, Change{Kind: Added, Agent: a.AgentID, After: a})
		}
	}
	return out
}
