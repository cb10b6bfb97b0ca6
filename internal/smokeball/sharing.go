package smokeball

import (
	"container/heap"
	"context"
	"errors"
	"time"
)

// Sharing says where a budget is kept that the processes of a cluster share:
// whole at one of them, which lends to the others. Its methods are called at the
// same time, and Where for each request.
type Sharing interface {
	// Where returns whom to ask, nil where this process has to go on by itself,
	// and as what: also for when nobody answers who is asked.
	Where(ctx context.Context, id BudgetID) (Role, Lender)
}

// Role is what a process has of a budget. The zero Role is nothing: it is kept
// elsewhere.
type Role struct {
	Share float64 // of the limit; more than 0, at most 1
	Lends bool    // it is the one that keeps the budget
}

// Lender is the process that keeps a budget, as another one sees it.
type Lender interface {
	// Lend waits for a request to be free, as long as ctx allows. It returns
	// ErrBusy when none is in time, ErrAway when nobody there answers, ErrElsewhere
	// when it does not keep the budget, or ctx's error.
	Lend(ctx context.Context, id BudgetID, e Endpoint, p Priority) (Loan, error)
}

// Loan is the right to send one request, lent by another process. Its methods do
// not wait for anybody.
type Loan interface {
	// Sent tells that the request has been written to the network.
	Sent()
	// Done gives the loan back. refused: the answer was a 429, which asked to
	// wait so long, 0 where it did not say.
	Done(refused bool, wait time.Duration)
}

var (
	// ErrAway: who keeps the budget does not answer.
	ErrAway = errors.New("smokeball: who keeps the budget does not answer")
	// ErrElsewhere: who was asked does not keep the budget any more, or not yet.
	ErrElsewhere = errors.New("smokeball: the budget is kept elsewhere")
	// errMoved is that a budget is kept in another way now.
	errMoved = errors.New("smokeball: the budget is kept in another way")
)

const (
	// changeTime is how long a request waits for a budget that changes hands in
	// order; then it goes out of the share.
	changeTime = 500 * time.Millisecond
	// changeLook is how often it looks.
	changeLook = 10 * time.Millisecond
)

// NewSharedBudgets returns an empty registry of budgets that are shared with
// other processes. Their limits are set by Limit.
func NewSharedBudgets(sharing Sharing) *Budgets {
	b := NewBudgets()
	b.sharing = sharing
	return b
}

// Limit sets the limits of budgets, and makes those that are not there yet.
func (b *Budgets) Limit(limits map[BudgetID]Limit) {
	for id, limit := range limits {
		budget := b.For(id.API, id.ClientID, limit.PerSecond, limit.Burst)
		budget.mu.Lock()
		if limit = limit.orDefault(); limit != budget.limit {
			budget.resize(limit)
		}
		budget.mu.Unlock()
	}
}

// Keep makes this process have that much of a budget. Requests that wait for
// what it had go the new way.
//
// Who had nothing begins with an empty bucket: whoever had the budget before may
// have spent everything the moment before.
func (b *Budgets) Keep(id BudgetID, role Role) {
	b.mu.Lock()
	budget := b.of[id]
	b.mu.Unlock()
	if budget != nil {
		budget.keep(role)
	}
}

// Sent waits, as long as ctx allows, until every request that was granted of a
// budget has been written to the network.
func (b *Budgets) Sent(ctx context.Context, id BudgetID) {
	b.mu.Lock()
	budget := b.of[id]
	b.mu.Unlock()
	for budget != nil && budget.unsent() && ctx.Err() == nil {
		select {
		case <-time.After(changeLook):
		case <-ctx.Done():
		}
	}
}

func (b *Budget) unsent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.buckets {
		k.mu.Lock()
		n := k.unsent
		k.mu.Unlock()
		if n > 0 {
			return true
		}
	}
	return false
}

// Role returns what this process has of a budget.
func (b *Budgets) Role(id BudgetID) Role {
	b.mu.Lock()
	budget := b.of[id]
	b.mu.Unlock()
	if budget == nil {
		return Role{}
	}
	budget.mu.Lock()
	defer budget.mu.Unlock()
	return budget.role
}

// Lend waits for a request of another process to be free; see Lender. It fails
// with ErrElsewhere unless this process keeps the budget, and says so as soon as it
// does not any more.
func (b *Budgets) Lend(ctx context.Context, id BudgetID, e Endpoint, p Priority) (Loan, error) {
	b.mu.Lock()
	budget := b.of[id]
	b.mu.Unlock()
	if budget == nil {
		return nil, ErrElsewhere
	}
	granted, err := budget.bucket(e).wait(ctx, &waiter{priority: p, ready: make(chan error, 1), lent: true})
	switch {
	case errors.Is(err, errMoved):
		return nil, ErrElsewhere
	case err != nil:
		return nil, err
	}
	return lent{granted}, nil
}

// lent is a permit of another process's request.
type lent struct{ *permit }

func (l lent) Sent() { l.sent() }

func (l lent) Done(refused bool, wait time.Duration) {
	b := l.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	if refused {
		b.throttled(time.Now(), min(wait, maxRetryAfter)) // another process says so
	} else {
		b.refusal = 0
	}
	l.leave()
	b.dispatch(time.Now())
}

func (b *Budget) keep(role Role) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if role == b.role {
		return
	}
	if b.role.Share == 0 {
		b.since = time.Now()
	}
	b.role = role
	for _, k := range b.buckets {
		k.keep(role, b.limit, b.since)
	}
}

// acquireShared is acquire for a budget that is shared with other processes.
func (b *Budget) acquireShared(ctx context.Context, e Endpoint, p Priority) (*permit, error) {
	k := b.bucket(e)
	changes := 0 // looks in vain at one that changes hands
	changing := func() bool {
		if changes++; changes > int(changeTime/changeLook) {
			return false
		}
		select {
		case <-time.After(changeLook):
		case <-ctx.Done():
		}
		return true
	}
	for {
		if k.failing() {
			return nil, ErrNotAsked
		}
		role, lender := b.sharing.Where(ctx, b.id)
		if lender != nil {
			began := time.Now()
			loan, err := lender.Lend(ctx, b.id, e, p)
			if time.Since(began) > 10*changeLook {
				changes = 0
			}
			if err == nil {
				b.keep(Role{})
				return k.borrowed(loan)
			}
			switch {
			case errors.Is(err, ErrElsewhere) && changing():
				continue
			case !errors.Is(err, ErrElsewhere) && !errors.Is(err, ErrAway):
				return nil, err
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !role.Lends { // only Keep makes one that does: it is told when it does no more
			b.keep(role)
		}
		began := time.Now()
		granted, err := k.acquire(ctx, p)
		if time.Since(began) > 10*changeLook {
			changes = 0 // it had settled
		}
		if !errors.Is(err, errMoved) {
			return granted, err
		}
		if role.Lends && !changing() {
			return nil, ErrBusy
		}
	}
}

// role is what of its budget a bucket has. Under the bucket's lock.
type role struct {
	away  bool // nothing: it is kept elsewhere
	lends bool // to other processes
}

// keep makes the bucket hold a share of a limit. One that held nothing begins
// empty at that time.
func (b *bucket) keep(as Role, limit Limit, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	was := b.role
	b.role = role{away: as.Share == 0, lends: as.Lends}
	if !b.away {
		perSecond, burst := limit.PerSecond*as.Share, max(1, int(float64(limit.Burst)*as.Share))
		b.size(now, perSecond, burst)
		if was.away {
			b.lost, b.still = 0, now // no request of before counts
			b.empty(since)
		}
	}
	if was != b.role {
		for len(b.queue) > 0 {
			heap.Pop(&b.queue).(*waiter).ready <- errMoved
		}
	}
	b.dispatch(now)
}

// borrowed makes a permit of a loan, unless the breaker has opened meanwhile.
func (b *bucket) borrowed(loan Loan) (*permit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if err := b.breaker.check(now); err != nil {
		loan.Done(false, 0)
		return nil, err
	}
	return &permit{bucket: b, granted: now, probe: b.breaker.granted(), loan: loan}, nil
}
