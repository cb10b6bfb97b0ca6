package daemon

import (
	"slices"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// directory is the agents there are. It is read-only once made, so that many
// goroutines may ask it.
type directory struct {
	byID map[screenpop.AgentID]screenpop.Agent
	list []screenpop.Agent
}

func newDirectory(tenants []config.Tenant) *directory {
	d := &directory{byID: map[screenpop.AgentID]screenpop.Agent{}}
	for _, t := range tenants {
		for _, a := range t.Agents {
			d.byID[a.AgentID] = a
			d.list = append(d.list, a)
		}
	}
	return d
}

// Agent returns the agent of an id.
func (d *directory) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	a, ok := d.byID[id]
	return a, ok
}

// Agents lists all agents.
func (d *directory) Agents() []screenpop.Agent { return slices.Clone(d.list) }
