package smokeball

import (
	"context"
	"strings"
	"sync"
)

// Smokeball's documented default limit, per client id and endpoint.
const (
	DefaultRequestsPerSecond = 5.0
	DefaultBurst             = 5
)

// Budgets holds the budgets of a process. Smokeball counts requests per client
// id, so tenants with the same id at the same API share one.
type Budgets struct {
	mu sync.Mutex
	of map[budgetKey]*Budget
}

type budgetKey struct{ api, clientID string }

// NewBudgets returns an empty registry.
func NewBudgets() *Budgets { return &Budgets{of: make(map[budgetKey]*Budget)} }

// For returns the budget of a client id at an API. A rate or burst of 0 means
// Smokeball's default. When tenants who share a budget ask for different
// limits, the lowest holds for all.
func (b *Budgets) For(apiBase, clientID string, perSecond float64, burst int) *Budget {
	if perSecond <= 0 {
		perSecond = DefaultRequestsPerSecond
	}
	if burst <= 0 {
		burst = DefaultBurst
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	key := budgetKey{strings.ToLower(strings.TrimRight(apiBase, "/")), clientID}
	budget := b.of[key]
	if budget == nil {
		budget = &Budget{perSecond: perSecond, burst: burst, buckets: make(map[Endpoint]*bucket)}
		b.of[key] = budget
	}
	budget.lower(perSecond, burst)
	return budget
}

// Budget is how many requests one client id may send to one API: a token
// bucket for each endpoint, with the most urgent request first in line.
type Budget struct {
	mu        sync.Mutex
	perSecond float64
	burst     int
	buckets   map[Endpoint]*bucket
}

func (b *Budget) lower(perSecond float64, burst int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if perSecond >= b.perSecond && burst >= b.burst {
		return
	}
	b.perSecond, b.burst = min(b.perSecond, perSecond), min(b.burst, burst)
	for _, k := range b.buckets {
		k.resize(b.perSecond, b.burst)
	}
}

func (b *Budget) bucket(e Endpoint) *bucket {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.buckets[e]
	if k == nil {
		k = newBucket(b.perSecond, b.burst)
		b.buckets[e] = k
	}
	return k
}

// Failing tells whether requests to e are not sent because Smokeball has
// failed again and again.
func (b *Budget) Failing(e Endpoint) bool { return b.bucket(e).failing() }

// Answering tells whether the endpoint's breaker is closed: Smokeball has not
// failed again and again, or has been seen to answer since.
func (b *Budget) Answering(e Endpoint) bool {
	k := b.bucket(e)
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.breaker.open()
}

// Changes returns a channel that gets a tick after Answering has changed. Ticks
// do not queue up: whoever gets one asks Answering. Nothing ever waits for a
// reader.
func (b *Budget) Changes(e Endpoint) <-chan struct{} {
	k := b.bucket(e)
	k.mu.Lock()
	defer k.mu.Unlock()
	tick := make(chan struct{}, 1)
	k.watch = append(k.watch, tick)
	return tick
}

// acquire waits for a request to e to be free. It fails with ErrBusy, at once
// where that can be known, when that would be after ctx's deadline; with
// ErrNotAsked while Smokeball is failing; with ctx's error when ctx ends. A
// failure costs nothing of the budget. The permit has to be given back with
// done.
func (b *Budget) acquire(ctx context.Context, e Endpoint) (*permit, error) {
	return b.bucket(e).acquire(ctx, priorityOf(ctx))
}
