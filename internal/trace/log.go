package trace

import (
	"context"
	"sync"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Config bounds a Log. A field that is zero takes its default.
type Config struct {
	// PerTenant is how many entries are kept of one tenant. Each tenant has
	// room of its own, so that a busy one cannot push another's out.
	PerTenant int
	// Behind is how many entries a follower may be behind before it is let go.
	Behind int
}

const (
	defaultPerTenant = 5_000
	defaultBehind    = 1_000
)

// Log is the trace. It is safe for concurrent use.
type Log struct {
	cfg Config

	mu        sync.Mutex
	rings     map[screenpop.Tenant]*ring
	next      uint64 // the number of the next entry, over all tenants
	followers map[*follower]struct{}
}

// Filter picks entries; an empty field fits every entry. An entry that concerns
// a whole call, with no extension, fits every extension. Call may also be the PBX's
// id of a leg: Entries has the whole call then.
type Filter struct {
	Tenant    screenpop.Tenant
	Extension screenpop.Extension
	Call      screenpop.CallID
}

func (f Filter) fits(e screenpop.TraceEntry) bool {
	return (f.Tenant == "" || f.Tenant == e.Tenant) &&
		(f.Extension == "" || e.Extension == "" || f.Extension == e.Extension) &&
		(f.Call == "" || f.Call == e.Call || f.legOf(e))
}

// legOf tells whether an entry is of an event of the leg that the filter names.
func (f Filter) legOf(e screenpop.TraceEntry) bool {
	return f.Call != "" && e.TraceFacts != nil && f.Call == e.Leg
}

type follower struct {
	filter Filter
	out    chan screenpop.TraceEntry
}

// New returns an empty log.
func New(cfg Config) *Log {
	if cfg.PerTenant <= 0 {
		cfg.PerTenant = defaultPerTenant
	}
	if cfg.Behind <= 0 {
		cfg.Behind = defaultBehind
	}
	return &Log{cfg: cfg, rings: map[screenpop.Tenant]*ring{}, followers: map[*follower]struct{}{}}
}

// Record implements screenpop.Recorder. It never waits for a follower: one that
// is too far behind is let go.
func (l *Log) Record(e screenpop.TraceEntry) {
	e.Timing = nil // it is no part of the line, and thousands are kept
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rings[e.Tenant]
	if r == nil {
		r = &ring{most: l.cfg.PerTenant}
		l.rings[e.Tenant] = r
	}
	r.add(numbered{l.next, e})
	l.next++
	for f := range l.followers {
		if !f.filter.fits(e) {
			continue
		}
		select {
		case f.out <- e:
		default:
			l.letGo(f)
		}
	}
}

// letGo ends a follower. Only holders of the lock send and close.
func (l *Log) letGo(f *follower) {
	if _, there := l.followers[f]; there {
		delete(l.followers, f)
		close(f.out)
	}
}

// Entries returns the entries on record that fit, oldest first.
func (l *Log) Entries(f Filter) []screenpop.TraceEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries(f)
}

// Follow returns the entries on record that fit, oldest first, and a channel of
// those that come later, with no gap between the two. The channel is closed
// when ctx ends, or when its reader falls too far behind.
func (l *Log) Follow(ctx context.Context, f Filter) (past []screenpop.TraceEntry, next <-chan screenpop.TraceEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fo := &follower{filter: f, out: make(chan screenpop.TraceEntry, l.cfg.Behind)}
	l.followers[fo] = struct{}{}
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.letGo(fo)
	})
	return l.entries(f), fo.out
}
