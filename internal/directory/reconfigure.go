package directory

import (
	"reflect"
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Reconfigure puts other tenants in the place of those there are, and tells of
// the agents whom that changes. What a PBX has told of a tenant that stays
// remains; a tenant that changes has its PBX read at once. It is called by one
// goroutine at a time.
func (d *Directory) Reconfigure(tenants []Tenant) {
	type news struct {
		domain screenpop.Tenant
		list   []Change
	}
	var all []news
	d.mu.Lock()
	before, shown := d.members, d.current.Load()
	d.members = nil
	var reading []*member
	for _, t := range tenants {
		m := succeed(find(before, t.Domain), t)
		d.members = append(d.members, m)
		if m.Source != nil {
			reading = append(reading, m)
		}
	}
	d.show("", nil) // without those that are gone
	for _, m := range d.members {
		if slices.Contains(before, m) {
			continue
		}
		old, now := d.publish(m)
		if old == nil {
			old = &copied{}
		}
		all = append(all, news{m.Domain, changes(old, now)})
	}
	for _, m := range before {
		if slices.Contains(d.members, m) {
			continue
		}
		close(m.replaced)
		if find(d.members, m.Domain) == nil {
			all = append(all, news{m.Domain, changes(shown.tenants[m.Domain], &copied{})})
		}
	}
	d.readers.Set(reading)
	d.mu.Unlock()
	if shown == nil { // the first configuration is no news
		return
	}
	for _, n := range all {
		if len(n.list) > 0 {
			d.announce(n.domain, n.list)
		}
	}
}

// succeed returns the member for a tenant as it is configured now: the one there
// was, where nothing has changed, else one that knows what it knew.
func succeed(was *member, t Tenant) *member {
	if t.Refresh <= 0 {
		t.Refresh = defaultRefresh
	}
	if was != nil && was.same(t) {
		return was
	}
	m := &member{Tenant: t, ask: make(chan chan struct{}), replaced: make(chan struct{})}
	if was != nil && t.Source != nil {
		m.known = was.known
	}
	return m
}

// same tells whether a tenant is configured as the member is.
func (m *member) same(t Tenant) bool {
	a, b := m.Tenant, t
	a.Source, b.Source = nil, nil
	return m.Source == t.Source && reflect.DeepEqual(a, b)
}

func find(members []*member, t screenpop.Tenant) *member {
	for _, m := range members {
		if m.Domain == t {
			return m
		}
	}
	return nil
}

// member returns a tenant's; nil: there is none.
func (d *Directory) member(t screenpop.Tenant) *member {
	d.mu.Lock()
	defer d.mu.Unlock()
	return find(d.members, t)
}
