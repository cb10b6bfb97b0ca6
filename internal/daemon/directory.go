package daemon

import (
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// directory is the agents there are. It is read-only once made, so that many
// goroutines may ask it.
type directory struct {
	byID   map[screenpop.AgentID]screenpop.Agent
	sorted []screenpop.Agent
}

func newDirectory(tenants []config.Tenant) *directory {
	d := &directory{byID: map[screenpop.AgentID]screenpop.Agent{}}
	for _, t := range tenants {
		for _, a := range t.Agents {
			d.byID[a.AgentID] = a
			d.sorted = append(d.sorted, a)
		}
	}
	slices.SortFunc(d.sorted, func(a, b screenpop.Agent) int {
		if c := strings.Compare(string(a.Tenant), string(b.Tenant)); c != 0 {
			return c
		}
		return compareExtensions(string(a.Extension), string(b.Extension))
	})
	return d
}

// Agent returns the agent of an id.
func (d *directory) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	a, ok := d.byID[id]
	return a, ok
}

// Agents lists all agents by tenant and extension.
func (d *directory) Agents() []screenpop.Agent { return slices.Clone(d.sorted) }

// compareExtensions orders extensions as numbers: 99 before 101.
func compareExtensions(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
