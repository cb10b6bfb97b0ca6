package smokeball

import (
	"container/heap"
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// unit is one request in the limiter's tokens, so that fractions of a
	// request can be counted.
	unit = 1000
	// margin is how far the network may change the spacing of our requests
	// without Smokeball's bucket running over: a full bucket hands out burst
	// requests less what refills in this time, which delays each request of a
	// longer queue by it, once.
	margin = 50 * time.Millisecond
	// swift is how long a request may be on its way out before the bucket's
	// clock is stopped for it. It is a part of the margin: requests that go out
	// one by one would else each delay those behind them, for nothing.
	swift = 5 * time.Millisecond
	// useful is the least time that has to be left for an answer to come: a
	// request sent later would be spent for nothing.
	useful = 50 * time.Millisecond
	// slowFor is how long a bucket that was told off by a 429 runs at half its
	// rate.
	slowFor = 30 * time.Second
)

// bucket is the budget of one endpoint: a token bucket behind a queue ordered
// by urgency. It needs no goroutine of its own.
//
// The bucket's clock stands still while a request is on its way out (waiting
// for a connection, say): Smokeball's own bucket does not refill for requests
// it has not seen yet, and those held up would arrive in one heap.
type bucket struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	normal  rate.Limit // in tokens a second
	queue   waiters
	timer   *time.Timer
	breaker breaker
	watch   []chan struct{} // told when the breaker opens or closes
	role                    // in a cluster

	unsent int       // requests granted and not yet written
	still  time.Time // since when the clock stands, while unsent > 0
	lost   time.Duration

	paused  time.Time // nothing goes out before
	slow    time.Time // half the rate until then
	refusal int       // 429s in a row
}

func newBucket(perSecond float64, burst int) *bucket {
	limit, size := within(perSecond, burst)
	return &bucket{normal: limit, limiter: rate.NewLimiter(limit, size), role: role{lends: true}}
}

// within returns the rate, in tokens a second, and the size of a bucket that
// keeps within Smokeball's, margin included. Where Smokeball's is too small to
// spare the margin, the rate pays for it: with a burst of 1 and 5 a second two
// requests are 200 ms and the margin apart.
func within(perSecond float64, burst int) (rate.Limit, int) {
	size := burst*unit - int(perSecond*margin.Seconds()*unit)
	if size >= unit {
		return rate.Limit(perSecond * unit), size
	}
	slower := float64(burst) / (1/perSecond + margin.Seconds())
	return rate.Limit(min(perSecond, slower) * unit), unit
}

func (b *bucket) resize(perSecond float64, burst int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.size(now, perSecond, burst)
	b.dispatch(now)
}

func (b *bucket) size(now time.Time, perSecond float64, burst int) {
	limit, size := within(perSecond, burst)
	b.normal = limit
	if b.slow.IsZero() {
		b.limiter.SetLimitAt(b.clock(now), limit)
	} else {
		b.limiter.SetLimitAt(b.clock(now), limit/2)
	}
	b.limiter.SetBurstAt(b.clock(now), size)
}

// empty takes all that is free.
func (b *bucket) empty(clock time.Time) {
	if tokens := int(b.limiter.TokensAt(clock)); tokens > 0 {
		b.limiter.ReserveN(clock, tokens)
	}
}

// clock is the time by which tokens refill.
func (b *bucket) clock(now time.Time) time.Time {
	if b.unsent > 0 {
		now = b.still
	}
	return now.Add(-b.lost)
}

// acquire is Budget.acquire for this endpoint.
func (b *bucket) acquire(ctx context.Context, p Priority) (*permit, error) {
	return b.wait(ctx, &waiter{priority: p, ready: make(chan error, 1)})
}

func (b *bucket) wait(ctx context.Context, w *waiter) (*permit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.deadline, w.hasDeadline = ctx.Deadline()
	b.mu.Lock()
	now := time.Now()
	if err := b.check(w, now); err != nil {
		b.mu.Unlock()
		return nil, err
	}
	if b.hopeless(w, now) {
		b.mu.Unlock()
		return nil, ErrBusy
	}
	heap.Push(&b.queue, w)
	b.dispatch(now)
	b.shed(now)
	b.mu.Unlock()

	select {
	case err := <-w.ready:
		if err != nil {
			return nil, err
		}
		return &permit{bucket: b, granted: time.Now(), probe: w.probe}, nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&b.queue, w.index)
		b.dispatch(time.Now())
		return nil, ctx.Err()
	}
	if err := <-w.ready; err != nil {
		return nil, err
	}
	b.written(time.Now()) // granted in the same moment; nothing will be sent
	if w.probe {
		b.breaker.abandon()
	}
	b.dispatch(time.Now())
	return nil, ctx.Err()
}

// check returns why w may not go out now, whatever is free: the bucket is kept
// elsewhere, or the breaker is open. Another process's requests are a matter of
// its own breaker.
func (b *bucket) check(w *waiter, now time.Time) error {
	switch {
	case b.away, w.lent && !b.lends:
		return errMoved
	case w.lent:
		return nil
	}
	return b.breaker.check(now)
}

// hopeless tells whether w's turn comes too late even if nobody more urgent
// turns up.
func (b *bucket) hopeless(w *waiter, now time.Time) bool {
	if !w.hasDeadline {
		return false
	}
	ahead := 1
	for _, q := range b.queue {
		if !w.priority.before(q.priority) {
			ahead++
		}
	}
	turn := now.Add(b.refill(now, ahead))
	if turn.Before(b.paused) {
		turn = b.paused
	}
	return w.late(turn)
}

// shed turns those away whose turn has become hopeless because others came
// before them: they would wait in vain, and in a flood there are thousands.
func (b *bucket) shed(now time.Time) {
	for {
		var last *waiter
		for _, q := range b.queue {
			if q.hasDeadline && (last == nil || last.priority.before(q.priority)) {
				last = q
			}
		}
		if last == nil {
			return
		}
		heap.Remove(&b.queue, last.index)
		if !b.hopeless(last, now) {
			heap.Push(&b.queue, last)
			return
		}
		last.ready <- ErrBusy
	}
}

// refill is how long it takes until n requests are free.
func (b *bucket) refill(now time.Time, n int) time.Duration {
	b.tune(now)
	missing := float64(n*unit) - b.limiter.TokensAt(b.clock(now))
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(b.limiter.Limit()) * float64(time.Second)))
}

// tune ends a slow spell.
func (b *bucket) tune(now time.Time) {
	if !b.slow.IsZero() && !now.Before(b.slow) {
		b.slow = time.Time{}
		b.limiter.SetLimitAt(b.clock(now), b.normal)
	}
}

// dispatch grants what can be granted and sets the timer for the next.
func (b *bucket) dispatch(now time.Time) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.tune(now)
	for len(b.queue) > 0 {
		w := b.queue[0]
		if err := b.check(w, now); err != nil {
			heap.Pop(&b.queue)
			w.ready <- err
			continue
		}
		if w.late(now) {
			heap.Pop(&b.queue)
			w.ready <- ErrBusy
			continue
		}
		wait := max(b.paused.Sub(now), 0)
		if wait == 0 {
			if b.limiter.AllowN(b.clock(now), unit) {
				heap.Pop(&b.queue)
				b.grant(w, now)
				continue
			}
			if b.unsent > 0 {
				return // the clock stands: written goes on from here
			}
			wait = b.refill(now, 1)
		}
		b.timer = time.AfterFunc(max(wait, time.Microsecond), func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.dispatch(time.Now())
		})
		return
	}
}

func (b *bucket) grant(w *waiter, now time.Time) {
	w.probe = !w.lent && b.breaker.granted()
	if b.unsent == 0 {
		b.still = now
	}
	b.unsent++
	w.ready <- nil
}

// written lets the clock go on when the last request on its way out has left.
func (b *bucket) written(now time.Time) {
	b.unsent--
	if b.unsent == 0 {
		b.lost += max(0, now.Sub(b.still)-swift)
	}
}

// throttled slows down after a 429: a pause as long as Smokeball asks for,
// else one that doubles with each refusal, then half the rate for a while.
func (b *bucket) throttled(now time.Time, wait time.Duration) {
	if wait <= 0 {
		wait = (500 * time.Millisecond) << min(b.refusal, 4)
		wait += rand.N(wait / 2)
	}
	b.refusal++
	if until := now.Add(wait); until.After(b.paused) {
		b.paused = until
	}
	clock := b.clock(now)
	b.empty(clock) // theirs is, so is ours
	b.slow = b.paused.Add(slowFor)
	b.limiter.SetLimitAt(clock, b.normal/2)
}

func (b *bucket) failing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.breaker.check(time.Now()) != nil
}

// turn lets change move the breaker, and tells who watches when that opened or
// closed it. It never waits for them.
func (b *bucket) turn(change func()) {
	was := b.breaker.open()
	change()
	if b.breaker.open() == was {
		return
	}
	for _, told := range b.watch {
		select {
		case told <- struct{}{}:
		default: // one is on its way
		}
	}
}
