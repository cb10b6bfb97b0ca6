package trace

import (
	"cmp"
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// numbered is an entry with its place among all tenants' entries.
type numbered struct {
	n     uint64
	entry screenpop.TraceEntry
}

// ring keeps the latest entries of a tenant. It grows up to its bound and then
// writes over the oldest.
type ring struct {
	most  int
	items []numbered
	at    int // where the next goes, once full
}

func (r *ring) add(e numbered) {
	if len(r.items) < r.most {
		r.items = append(r.items, e)
		return
	}
	r.items[r.at] = e
	r.at = (r.at + 1) % r.most
}

// entries returns what fits of all tenants the filter allows, in order.
func (l *Log) entries(f Filter) []screenpop.TraceEntry {
	var found []numbered
	f.Call = l.whole(f)
	for tenant, r := range l.rings {
		if f.Tenant != "" && f.Tenant != tenant {
			continue
		}
		for _, e := range r.items {
			if f.fits(e.entry) {
				found = append(found, e)
			}
		}
	}
	slices.SortFunc(found, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
	entries := make([]screenpop.TraceEntry, len(found))
	for i, e := range found {
		entries[i] = e.entry
	}
	return entries
}

// whole is the call that a filter means: where it names a leg, the leg's.
func (l *Log) whole(f Filter) screenpop.CallID {
	if f.Call == "" {
		return ""
	}
	for tenant, r := range l.rings {
		if f.Tenant != "" && f.Tenant != tenant {
			continue
		}
		for _, e := range r.items {
			if f.legOf(e.entry) {
				return e.entry.Call
			}
		}
	}
	return f.Call
}
