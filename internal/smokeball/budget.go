package smokeball

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// Smokeball's documented default limit, per client id and endpoint.
const (
	DefaultRequestsPerSecond = 5.0
	DefaultBurst             = 5
)

// Budgets holds the budgets of a process. Smokeball counts requests per client
// id, so tenants with the same id at the same API share one.
type Budgets struct {
	sharing Sharing // nil: they are this process's alone
	mu      sync.Mutex
	of      map[BudgetID]*Budget
}

// BudgetID names a budget.
type BudgetID struct{ API, ClientID string }

// BudgetOf returns the name of the budget of a client id at an API.
func BudgetOf(apiBase, clientID string) BudgetID {
	return BudgetID{strings.ToLower(strings.TrimRight(apiBase, "/")), clientID}
}

// NewBudgets returns an empty registry.
func NewBudgets() *Budgets { return &Budgets{of: make(map[BudgetID]*Budget)} }

// For returns the budget of a client id at an API. A rate or burst of 0 means
// Smokeball's default. When tenants who share a budget ask for different
// limits, the lowest holds for all.
func (b *Budgets) For(apiBase, clientID string, perSecond float64, burst int) *Budget {
	limit := Limit{perSecond, burst}.orDefault()
	b.mu.Lock()
	defer b.mu.Unlock()
	id := BudgetOf(apiBase, clientID)
	budget := b.of[id]
	if budget == nil {
		budget = newBudget(id, limit, b.sharing)
		b.of[id] = budget
	}
	if b.sharing == nil { // else Limit says what holds for all
		budget.lower(limit)
	}
	return budget
}

// Limit is how many requests Smokeball takes of a client id, per endpoint. 0
// means Smokeball's default.
type Limit struct {
	PerSecond float64
	Burst     int
}

func (l Limit) orDefault() Limit {
	if l.PerSecond <= 0 {
		l.PerSecond = DefaultRequestsPerSecond
	}
	if l.Burst <= 0 {
		l.Burst = DefaultBurst
	}
	return l
}

// Lower returns the lower of two limits.
func (l Limit) Lower(m Limit) Limit {
	l, m = l.orDefault(), m.orDefault()
	return Limit{min(l.PerSecond, m.PerSecond), min(l.Burst, m.Burst)}
}

// Budget is how many requests one client id may send to one API: a token
// bucket for each endpoint, with the most urgent request first in line.
type Budget struct {
	id      BudgetID
	sharing Sharing // nil: it is this process's alone

	mu      sync.Mutex
	limit   Limit
	role    Role // in a cluster
	since   time.Time
	buckets map[Endpoint]*bucket
}

func newBudget(id BudgetID, limit Limit, sharing Sharing) *Budget {
	return &Budget{id: id, limit: limit, sharing: sharing, buckets: make(map[Endpoint]*bucket)}
}

func (b *Budget) lower(limit Limit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if lower := b.limit.Lower(limit); lower != b.limit {
		b.resize(lower)
	}
}

// resize sets another limit. Under mu.
func (b *Budget) resize(limit Limit) {
	b.limit = limit
	for _, k := range b.buckets {
		if b.sharing == nil {
			k.resize(limit.PerSecond, limit.Burst)
		} else {
			k.keep(b.role, limit, b.since)
		}
	}
}

func (b *Budget) bucket(e Endpoint) *bucket {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.buckets[e]
	if k == nil {
		k = newBucket(b.limit.PerSecond, b.limit.Burst)
		if b.sharing != nil {
			k.away = true // until the line below
			k.keep(b.role, b.limit, b.since)
		}
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

// Changes returns a channel that gets a tick after Answering has changed, until
// ctx ends. Ticks do not queue up: whoever gets one asks Answering. Nothing ever
// waits for a reader.
func (b *Budget) Changes(ctx context.Context, e Endpoint) <-chan struct{} {
	k := b.bucket(e)
	k.mu.Lock()
	defer k.mu.Unlock()
	tick := make(chan struct{}, 1)
	k.watch = append(k.watch, tick)
	context.AfterFunc(ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.watch = slices.DeleteFunc(k.watch, func(c chan struct{}) bool { return c == tick })
	})
	return tick
}

// acquire waits for a request to e to be free. It fails with ErrBusy, at once
// where that can be known, when that would be after ctx's deadline; with
// ErrNotAsked while Smokeball is failing; with ctx's error when ctx ends. A
// failure costs nothing of the budget. The permit has to be given back with
// done.
func (b *Budget) acquire(ctx context.Context, e Endpoint) (*permit, error) {
	if b.sharing != nil {
		return b.acquireShared(ctx, e, priorityOf(ctx))
	}
	return b.bucket(e).acquire(ctx, priorityOf(ctx))
}
