package pbxevents

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Receiver takes in the events of all tenants.
type Receiver struct {
	tenants atomic.Pointer[map[screenpop.Tenant]*tenant]
	deps    Deps
	trace   screenpop.Recorder
	metrics *metrics
	log     *slog.Logger
	now     func() time.Time
	since   time.Time // it was made

	retry     chan struct{} // a list of live calls waits to be taken in again
	capturing atomic.Int32  // captures under way, of all tenants
}

// tenant is one PBX domain: how it proves itself, its rules and its calls.
type tenant struct {
	domain screenpop.Tenant
	gate   gate
	rules  rules
	names  *names

	// What a tenant keeps when it is configured anew.
	tracker  *tracker
	live     *liveList
	captures *captures
	heard    *heard
}

// New returns a Receiver for tenants. It refuses a tenant that is there twice
// or lacks what is required.
func New(tenants []Tenant, deps Deps) (*Receiver, error) {
	if deps.Directory == nil || deps.Sink == nil {
		return nil, errors.New("pbxevents: a directory and a sink are required")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Trace == nil {
		deps.Trace = discard{}
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	r := &Receiver{
		deps: deps, trace: deps.Trace, metrics: m, log: deps.Log,
		now: deps.Now, retry: make(chan struct{}, 1),
	}
	r.since = r.now()
	put, err := r.Prepare(tenants)
	if err != nil {
		return nil, err
	}
	put()
	return r, watch(deps.Metrics, r)
}

// Prepare makes ready for other tenants in the place of those there are; it
// refuses what New refuses. Nothing has changed until the function it returns is
// called, which cannot fail; one call of Prepare at a time. Calls under way of a
// tenant that stays go on, those of one that is taken out end.
func (r *Receiver) Prepare(tenants []Tenant) (put func(), err error) {
	before := r.all()
	after := make(map[screenpop.Tenant]*tenant, len(tenants))
	for _, t := range tenants {
		t.Domain = screenpop.ParseTenant(string(t.Domain))
		switch _, twice := after[t.Domain]; {
		case t.Domain == "":
			return nil, errors.New("pbxevents: a tenant without a domain")
		case twice:
			return nil, fmt.Errorf("pbxevents: tenant %s is there twice", t.Domain)
		case t.Numbers == nil:
			return nil, fmt.Errorf("pbxevents: tenant %s has no number plan", t.Domain)
		}
		rules, err := newRules(t, r.deps.Directory)
		if err != nil {
			return nil, fmt.Errorf("pbxevents: tenant %s: %w", t.Domain, err)
		}
		names, err := newNames(t.Aliases, t.EventNames)
		if err != nil {
			return nil, fmt.Errorf("pbxevents: tenant %s: %w", t.Domain, err)
		}
		one := &tenant{domain: t.Domain, gate: newGate(t.Auth), rules: rules, names: names}
		if was := before[t.Domain]; was != nil {
			one.tracker, one.live, one.captures, one.heard = was.tracker, was.live, was.captures, was.heard
		} else {
			one.tracker, one.live, one.captures, one.heard = newTracker(r.deps.Sink, maxCalls), &liveList{}, &captures{}, &heard{}
		}
		after[t.Domain] = one
	}
	return func() {
		r.tenants.Store(&after)
		for domain, t := range before {
			if after[domain] == nil {
				t.tracker.endAll(r.now())
			}
		}
	}, nil
}

// Tenants lists the domains that are served, in alphabetical order.
func (r *Receiver) Tenants() []screenpop.Tenant { return slices.Sorted(maps.Keys(r.all())) }

// all are the tenants there are now.
func (r *Receiver) all() map[screenpop.Tenant]*tenant {
	if m := r.tenants.Load(); m != nil {
		return *m
	}
	return nil
}

// tenant returns a tenant; nil: it is not configured.
func (r *Receiver) tenant(domain screenpop.Tenant) *tenant { return r.all()[domain] }

// Run sweeps calls whose end never came, so that no pop stays for ever, and takes
// lists of live calls in again that the flow had no room for. It returns nil when
// ctx ends.
func (r *Receiver) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.sweep()
		case <-r.retry:
			again = time.After(liveRetry)
		case <-again:
			again = nil
			r.retryLive()
		}
	}
}

func (r *Receiver) sweep() {
	for _, t := range r.all() {
		if n := t.tracker.sweep(r.now()); n > 0 {
			r.log.Info("legs ended whose end never came", "tenant", string(t.domain), "legs", n)
		}
	}
}

type discard struct{}

func (discard) Record(screenpop.TraceEntry) {}
