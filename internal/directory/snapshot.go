package directory

import (
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
	if old := d.current.Load(); old != nil {
		before = old.tenants[m.Domain]
	}
	after = m.merge()
	if before != nil {
		m.miss(before, after)
	}
	d.show(m.Domain, after)
	return before, after
}

// show makes a copy of a tenant visible, and takes the tenants away that are
// not members any more. Under d.mu.
func (d *Directory) show(t screenpop.Tenant, c *copied) {
	next := &snapshot{tenants: map[screenpop.Tenant]*copied{}}
	old := d.current.Load()
	for _, m := range d.members {
		one := c
		if m.Domain != t {
			if old == nil || old.tenants[m.Domain] == nil {
				continue
			}
			one = old.tenants[m.Domain]
		}
		next.tenants[m.Domain] = one
		next.list = append(next.list, one.list...)
	}
	d.current.Store(next)
}
