package tokens

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// steered is a rig whose clock is set: by NTP, by a hypervisor, by hand.
func steered(t *testing.T, timed bool) (r *rig, set func(time.Duration)) {
	var off atomic.Int64
	r = newRig(t, func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		c.Tenants[0].OAuth = onClock{c.Tenants[0].OAuth, &off}
	})
	r.stop()
	r.timer = timed
	r.start()
	return r, func(d time.Duration) { off.Store(int64(d)) }
}

// onClock dates grants by the clock that is set: its library asks the system's.
type onClock struct {
	Authorizer
	off *atomic.Int64
}

func (o onClock) Exchange(ctx context.Context, code, verifier string) (smokeball.Grant, error) {
	return o.date(o.Authorizer.Exchange(ctx, code, verifier))
}

func (o onClock) Refresh(ctx context.Context, refreshToken string) (smokeball.Grant, error) {
	return o.date(o.Authorizer.Refresh(ctx, refreshToken))
}

func (o onClock) date(g smokeball.Grant, err error) (smokeball.Grant, error) {
	if !g.Expiry.IsZero() {
		g.Expiry = g.Expiry.Add(time.Duration(o.off.Load()))
	}
	return g, err
}

// An hour forward costs one refresh, an hour back none; neither loses
// anything, and no step makes the timer ask more than it would in the time.
func TestClockSteps(t *testing.T) {
	for name, row := range map[string]struct {
		step   time.Duration
		atOnce int
		inADay int
	}{
		"an hour forward":      {time.Hour, 1, 30},
		"an hour back":         {-time.Hour, 0, 30},
		"nine minutes forward": {9 * time.Minute, 0, 30},
	} {
		for _, timed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r, set := steered(t, timed)
					r.server.rotate = true
					r.pair()
					pass(time.Minute)
					before := r.token()
					set(row.step)
					if (r.token() != before) != (row.atOnce > 0) {
						t.Error("a token of the wrong side of the step")
					}
					r.wantRefreshes(row.atOnce)
					if timed {
						pass(day)
						synctest.Wait()
						if _, n := r.server.counts(); n < 23 || n > row.inADay {
							t.Errorf("%d refreshes in a day", n)
						}
					}
					r.token()
					r.wantState(screenpop.Paired)
					r.restart()
					r.token()
					r.wantState(screenpop.Paired)
				})
			})
		}
	}
}

// A step of the clock past the end of the authorisation, as a board without a
// battery or a wrong time server makes it, burns nothing: once the clock is
// right, the agent is paired, without a request.
func TestClockFarAheadBurnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, set := steered(t, true)
		r.pair()
		token := r.token()
		set(365 * day)
		pass(2 * time.Minute)
		synctest.Wait()
		r.wantState(screenpop.Expired)
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Error(err)
		}
		r.wantState(screenpop.Expired)
		set(0)
		pass(2 * time.Minute)
		r.wantState(screenpop.Paired)
		set(365 * day)
		r.restart()
		r.wantState(screenpop.Expired)
		set(0)
		pass(2 * time.Minute)
		synctest.Wait()
		r.wantState(screenpop.Paired)
		if r.token() != token {
			t.Error("another token")
		}
		r.wantRefreshes(0)
	})
}

// A clock put back keeps nobody waiting for a failure of the future.
func TestClockPutBackAfterFailuresAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, set := steered(t, true)
		r.pair()
		r.server.set(func(s *authServer) { s.answer = func(string) (int, string) { return 502, "" } })
		pass(70 * time.Minute)
		r.server.set(func(s *authServer) { s.answer = nil })
		set(-time.Hour - time.Minute)
		// Its token is good again by this clock, and Smokeball knows better.
		_, before := r.server.counts()
		if _, err := r.keeper.Renew(t.Context(), priya, r.keeper.wallet(priya).rec.Access); err != nil {
			t.Error(err)
		}
		r.wantRefreshes(before + 1)
		r.wantState(screenpop.Paired)
	})
}

// The hour that summer time takes or gives is none of the calendar we count
// by: a token's life is the same in every zone.
func TestSummerTimeChangesNothing(t *testing.T) {
	zone, err := time.LoadLocation("Australia/Sydney")
	if err != nil {
		t.Skipf("no time zones here: %v", err)
	}
	for name, paired := range map[string]time.Time{
		"forward": time.Date(2026, 10, 4, 1, 30, 0, 0, zone), // 2:00 is 3:00
		"back":    time.Date(2026, 4, 5, 2, 30, 0, 0, zone),  // 3:00 is 2:00
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				r := newRig(t, func(c *Config) { c.Now = func() time.Time { return paired.Add(time.Since(begun)) } })
				r.pair()
				if p := r.wantState(screenpop.Paired); !p.Expires.Equal(paired.Add(30 * 24 * time.Hour)) {
					t.Errorf("ends %v", p.Expires)
				}
			})
		})
	}
}
