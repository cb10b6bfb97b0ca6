package directory

import (
	"maps"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// snapshot is what readers see. It is never changed.
type snapshot struct {
	tenants map[screenpop.Tenant]*copied
	list    []screenpop.Agent
}

// copied is a tenant's part of a snapshot.
type copied struct {
	agents   map[screenpop.Extension]*screenpop.Agent
	aliases  map[screenpop.Extension]*screenpop.Agent
	list     []screenpop.Agent
	accounts map[string]*Account // by number and alias
	gone     map[screenpop.Extension]screenpop.Agent
	from     map[origin]int
}

// origin is who says that there is an agent; a closed set, used as a metric
// label.
type origin string

const (
	fromConfiguration origin = "configuration"
	fromPBX           origin = "pbx"
	fromPairing       origin = "pairing" // assumed
)

// publish makes a tenant's new state visible and returns its old and new copy.
// Under d.mu.
func (d *Directory) publish(m *member) (before, after *copied) {
	old := d.current.Load()
	next := &snapshot{tenants: map[screenpop.Tenant]*copied{}}
	if old != nil {
		maps.Copy(next.tenants, old.tenants)
		before = old.tenants[m.Domain]
	}
	after = m.merge()
	if before != nil {
		m.miss(before, after)
	}
	next.tenants[m.Domain] = after
	for _, other := range d.members {
		if c := next.tenants[other.Domain]; c != nil {
			next.list = append(next.list, c.list...)
		}
	}
	d.current.Store(next)
	return before, after
}
