package smokeball

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// server is Smokeball's bucket, as strict as can be.
type server struct {
	limiter *rate.Limiter
	refused int
	seen    int
}

func newServer(perSecond float64, burst int) *server {
	return &server{limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

func (s *server) arrive() {
	s.seen++
	if !s.limiter.AllowN(time.Now(), 1) {
		s.refused++
	}
}

// Whatever the network does to the spacing of our requests within the margin,
// and however long a connection takes to open, the server never sees more than
// 5 a second after a burst of 5.
func TestTheServersBucketNeverRunsOver(t *testing.T) {
	for _, c := range []struct {
		name              string
		connect, latest   time.Duration // until the first request is written; jitter of the way
		requests, pauseAt int
	}{
		{"even network", 0, 0, 40, 0},
		{"jitter", 0, 45 * time.Millisecond, 60, 0},
		{"slow connection", 700 * time.Millisecond, 20 * time.Millisecond, 40, 0},
		{"bursts with rests", 300 * time.Millisecond, 45 * time.Millisecond, 60, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, 2))
				b, s := newBucket(5, 5), newServer(5, 5)
				var mu sync.Mutex
				var wg sync.WaitGroup
				start := time.Now()
				connected := start.Add(c.connect)
				for i := range c.requests {
					if c.pauseAt > 0 && i%c.pauseAt == c.pauseAt-1 {
						pass(time.Duration(random.IntN(1500)) * time.Millisecond)
					}
					jitter := time.Duration(random.Int64N(int64(c.latest) + 1))
					wg.Go(func() {
						p, err := b.acquire(t.Context(), Priority{})
						if err != nil {
							t.Error(err)
							return
						}
						pass(time.Until(connected)) // nothing is written before
						p.sent()
						pass(10*time.Millisecond + jitter)
						mu.Lock()
						s.arrive()
						mu.Unlock()
						pass(100 * time.Millisecond)
						p.done(nil)
					})
				}
				wg.Wait()
				if s.refused != 0 || s.seen != c.requests {
					t.Errorf("%d of %d refused", s.refused, s.seen)
				}
				// and it is no slower than it has to be: the burst, then five a
				// second, the margin and what the connection took
				bound := c.connect + time.Duration(c.requests-5)*200*time.Millisecond + margin + c.latest + 120*time.Millisecond
				if took := time.Since(start); c.pauseAt == 0 && took > bound {
					t.Errorf("took %v, want at most %v", took, bound)
				}
			})
		})
	}
}

// Smokeball may allow less than its default, or more: a bucket too small to
// spare the margin is kept within all the same.
func TestNarrowLimits(t *testing.T) {
	for _, c := range []struct {
		perSecond float64
		burst     int
	}{{5, 1}, {1, 1}, {5, 2}, {20, 2}, {30, 1}, {100, 5}, {200, 3}, {0.5, 1}} {
		t.Run(fmt.Sprint(c.perSecond, " ", c.burst), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(3, 4))
				b, s := newBucket(c.perSecond, c.burst), newServer(c.perSecond, c.burst)
				var mu sync.Mutex
				var wg sync.WaitGroup
				start := time.Now()
				const requests = 60
				for i := range requests {
					// The first is late and those behind it are not: the worst there is.
					jitter := time.Duration(random.Int64N(int64(margin)))
					if i%7 == 0 {
						jitter = margin
					}
					wg.Go(func() {
						p, err := b.acquire(t.Context(), Priority{})
						if err != nil {
							t.Error(err)
							return
						}
						p.sent()
						pass(jitter)
						mu.Lock()
						s.arrive()
						mu.Unlock()
						p.done(nil)
					})
				}
				wg.Wait()
				if s.refused != 0 || s.seen != requests {
					t.Errorf("%d of %d refused", s.refused, s.seen)
				}
				each := time.Duration(float64(time.Second) / c.perSecond)
				if took, bound := time.Since(start), (each+margin)*requests; took > bound {
					t.Errorf("took %v, want at most %v", took, bound)
				}
			})
		})
	}
}

// drained returns a bucket whose burst is used up.
func drained(t *testing.T) *bucket {
	t.Helper()
	b := newBucket(5, 5)
	for range 4 { // the fifth waits for the margin
		p, err := b.acquire(t.Context(), Priority{})
		if err != nil {
			t.Fatal(err)
		}
		p.sent()
		p.done(nil)
	}
	pass(margin)
	p, err := b.acquire(t.Context(), Priority{})
	if err != nil {
		t.Fatal(err)
	}
	p.sent()
	p.done(nil)
	return b
}

func TestTheMostUrgentGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drained(t)
		now := time.Now()
		asked := []struct {
			name string
			p    Priority
		}{
			{"matters", Priority{Class: Background, Since: now}},
			{"talking, we called", Priority{Class: ConnectedOutbound, Since: now}},
			{"talking", Priority{Class: ConnectedInbound, Since: now}},
			{"we ring", Priority{Class: RingingOutbound, Since: now}},
			{"rings for 9 s", Priority{Class: RingingInbound, Since: now.Add(-9 * time.Second)}},
			{"rings for 1 s", Priority{Class: RingingInbound, Since: now.Add(-time.Second)}},
			{"rings", Priority{Class: RingingInbound, Since: now}},
		}
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for _, a := range asked {
			wg.Go(func() {
				p, err := b.acquire(t.Context(), a.p)
				if err != nil {
					t.Error(err)
					return
				}
				p.sent()
				mu.Lock()
				order = append(order, a.name)
				mu.Unlock()
				p.done(nil)
			})
			synctest.Wait()
		}
		wg.Wait()
		want := []string{"rings", "rings for 1 s", "rings for 9 s", "we ring", "talking", "talking, we called", "matters"}
		if !slices.Equal(order, want) {
			t.Errorf("order %q\nwant  %q", order, want)
		}
	})
}

func TestWhatCannotBeInTimeFailsAtOnceAndCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drained(t)
		start := time.Now()
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 240*time.Millisecond) // the next is free in 200 ms
			_, err := b.acquire(ctx, Priority{})
			if !errors.Is(err, ErrBusy) || time.Since(start) != 0 {
				t.Fatalf("%v after %v", err, time.Since(start))
			}
			cancel()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 260*time.Millisecond)
		defer cancel()
		p, err := b.acquire(ctx, Priority{})
		if err != nil || time.Since(start) > 201*time.Millisecond {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		p.done(nil)
	})
}

func TestACallThatEndedLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drained(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := b.acquire(ctx, Priority{})
			ended <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		start := time.Now()
		p, err := b.acquire(t.Context(), Priority{Class: Background})
		if err != nil || time.Since(start) > 201*time.Millisecond {
			t.Errorf("%v after %v: the one who left was served", err, time.Since(start))
		}
		p.done(nil)
	})
}

// One who is overtaken until his time is up costs nothing either.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drained(t)
		late := make(chan error)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		go func() {
			_, err := b.acquire(ctx, Priority{Class: Background})
			late <- err
		}()
		synctest.Wait()
		for i := range 2 {
			p, err := b.acquire(t.Context(), Priority{Class: RingingInbound})
			if err != nil {
				t.Fatal(i, err)
			}
			p.sent()
			p.done(nil)
		}
		if err := <-late; !errors.Is(err, ErrBusy) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if len(b.queue) != 0 {
			t.Errorf("%d left in the queue", len(b.queue))
		}
	})
}

func TestRefusedThenSlower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(5, 5)
		one := func(err error) time.Duration {
			start := time.Now()
			p, e := b.acquire(t.Context(), Priority{})
			if e != nil {
				t.Fatal(e)
			}
			p.sent()
			p.done(err)
			return time.Since(start)
		}
		one(&StatusError{Status: 429, RetryAfter: 3 * time.Second})
		if waited := one(nil); waited != 3*time.Second {
			t.Errorf("waited %v, want the 3 s of Retry-After", waited)
		}
		for one(nil) == 0 {
		}
		if waited := one(nil); waited < 400*time.Millisecond-time.Microsecond || waited > 401*time.Millisecond {
			t.Errorf("spaced by %v, want half the rate: 400 ms", waited)
		}
		pass(slowFor + 3*time.Second)
		for one(nil) == 0 {
		}
		if waited := one(nil); waited > 201*time.Millisecond {
			t.Errorf("still slow after the spell: %v", waited)
		}
		// without Retry-After the pause grows
		one(&StatusError{Status: 429})
		first := one(&StatusError{Status: 429})
		second := one(nil)
		if first < 500*time.Millisecond || first > 760*time.Millisecond || second < time.Second || second > 1510*time.Millisecond {
			t.Errorf("paused %v, then %v", first, second)
		}
		// whoever cannot wait so long is told at once
		one(&StatusError{Status: 429, RetryAfter: 10 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := b.acquire(ctx, Priority{}); !errors.Is(err, ErrBusy) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestBreaker(t *testing.T) {
	failures := map[string]error{
		"500":     &StatusError{Status: 500},
		"504":     &StatusError{Status: 504},
		"reset":   &ConnectionError{cause: errors.New("reset")},
		"timeout": &ConnectionError{cause: context.DeadlineExceeded},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(1000, 1000)
				ask := func(err error) error {
					p, e := b.acquire(t.Context(), Priority{})
					if e != nil {
						return e
					}
					pass(2 * time.Second)
					p.done(err)
					return nil
				}
				must := func(want error, err error) {
					t.Helper()
					if got := ask(err); !errors.Is(got, want) {
						t.Fatalf("%v, want %v", got, want)
					}
				}
				for range tripAfter - 1 {
					must(nil, failure)
				}
				must(nil, nil) // one that is well starts the count again
				for range tripAfter {
					must(nil, failure)
				}
				must(ErrNotAsked, nil)
				if !b.failing() {
					t.Error("does not say that it is failing")
				}
				pass(restFor)
				// one may go and see, the others may not
				p, err := b.acquire(t.Context(), Priority{})
				if err != nil {
					t.Fatal(err)
				}
				must(ErrNotAsked, nil)
				pass(2 * time.Second)
				p.done(failure)
				pass(2*restFor - time.Second)
				must(ErrNotAsked, nil)
				pass(time.Second)
				must(nil, &ConnectionError{cause: context.Canceled}) // told nothing: the next may see
				must(nil, nil)
				must(nil, failure)
				must(nil, nil)
				if b.failing() {
					t.Error("still failing")
				}
			})
		})
	}
}

// A refusal is an answer, a call that ended says nothing, and a deadline of
// ours that left no time is not Smokeball's fault.
func TestWhatDoesNotTripTheBreaker(t *testing.T) {
	for _, harmless := range []error{
		&StatusError{Status: 401}, &StatusError{Status: 403}, &StatusError{Status: 404},
		&AnswerError{}, &ConnectionError{cause: context.Canceled}, &ConnectionError{cause: context.DeadlineExceeded},
	} {
		t.Run(fmt.Sprintf("%T %v", harmless, harmless), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(1000, 1000)
				for range 3 * tripAfter {
					p, err := b.acquire(t.Context(), Priority{})
					if err != nil {
						t.Fatal(err)
					}
					p.done(harmless)
				}
			})
		})
	}
}

// Those who wait when the breaker opens are let go.
func TestTheQueueIsToldWhenTheBreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drained(t)
		b.breaker.failures = tripAfter - 1
		p, err := b.acquire(t.Context(), Priority{})
		if err != nil {
			t.Fatal(err)
		}
		p.sent()
		told := make(chan error)
		go func() {
			_, err := b.acquire(t.Context(), Priority{})
			told <- err
		}()
		synctest.Wait()
		p.done(&StatusError{Status: 503})
		if err := <-told; !errors.Is(err, ErrNotAsked) {
			t.Errorf("%v", err)
		}
	})
}

func TestBudgetsAreSharedByKey(t *testing.T) {
	all := NewBudgets()
	a := all.For("https://api.smokeball.com", "app", 0, 0)
	if b := all.For("https://API.smokeball.com/", "app", 5, 5); a != b {
		t.Error("two tenants with one client id do not share")
	}
	if b := all.For("https://api.smokeball.com", "other", 0, 0); a == b {
		t.Error("two client ids share")
	}
	if b := all.For("https://api.smokeball.com.au", "app", 0, 0); a == b {
		t.Error("two hosts share")
	}
	if a.bucket(EndpointContacts) == a.bucket(EndpointMatters) {
		t.Error("two endpoints share")
	}
	k := a.bucket(EndpointContacts)
	all.For("https://api.smokeball.com", "app", 2, 3)
	if k.limiter.Limit() != 2*unit || k.limiter.Burst() != 2900 {
		t.Errorf("limit %v, burst %d after a tenant asked for less", k.limiter.Limit(), k.limiter.Burst())
	}
	for _, burst := range []int{50, 2} {
		all.For("https://api.smokeball.com", "app", 50, burst)
		if want := min(3, burst)*unit - 100; k.limiter.Limit() != 2*unit || k.limiter.Burst() != want {
			t.Errorf("limit %v, burst %d, want %d: a tenant raised the limit of others", k.limiter.Limit(), k.limiter.Burst(), want)
		}
	}
}

// In a flood nobody waits whose turn comes too late even if nobody else turns
// up: the queue is as long as what can be sent in time, and the newest, who are
// the most urgent, are in it.
func TestFloodIsTurnedAwayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(5, 5)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var busy, granted atomic.Int64
		var wg sync.WaitGroup
		const flood = 2000
		for i := range flood {
			wg.Go(func() {
				p, err := b.acquire(ctx, Priority{Since: time.Now().Add(time.Duration(i))})
				switch {
				case err == nil:
					granted.Add(1)
					p.sent()
					p.done(nil)
				case errors.Is(err, ErrBusy):
					busy.Add(1)
				default:
					t.Errorf("waiter %d: %v", i, err)
				}
			})
			synctest.Wait()
		}
		b.mu.Lock()
		waiting := len(b.queue)
		oldest := slices.MinFunc(b.queue, func(v, w *waiter) int { return v.priority.Since.Compare(w.priority.Since) })
		since := time.Now().Add(flood).Sub(oldest.priority.Since)
		b.mu.Unlock()
		if waiting < 10 || waiting > 20 || since > time.Duration(waiting) {
			t.Errorf("%d wait after a flood, the oldest came %d before the last; 15 can be sent in time", waiting, since)
		}
		if n := busy.Load(); int(n) < flood-30 {
			t.Errorf("%d were turned away at once", n)
		}
		wg.Wait()
		if n := granted.Load(); int(n) < waiting {
			t.Errorf("%d of those who waited were let in, want %d", n, waiting)
		}
	})
}
