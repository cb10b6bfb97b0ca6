package lookup_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// busy uses the burst up, and leaves the plan with what it has learnt.
func (h *house) busy() {
	h.t.Helper()
	h.wants(maria, nil)
	for _, n := range []string{"+16175559001", "+16175559002", "+16175559003", "+16175559004"} {
		h.wants(n, screenpop.ErrNoMatch)
	}
	h.searches()
}

// Who hangs up while others are served first costs nothing, and the newest of
// those who go on ringing is served first.
func TestBehindInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{options: simulator.Options{RateLimit: simulator.RateLimit{Slack: -1}}})
		h.busy()
		ended := make(chan error, 3)
		var hangUp context.CancelFunc
		start := time.Now()
		for i, n := range []string{"+16175559101", "+16175559102", "+16175559103"} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i == 1 {
				hangUp = cancel
			}
			ringing := call(h.number(n))
			ringing.Started = start.Add(time.Duration(i) * time.Millisecond)
			go func() {
				_, err := h.finder.Find(ctx, h.first(), ringing)
				ended <- err
			}()
			synctest.Wait()
		}
		hangUp()
		if err := <-ended; !errors.Is(err, screenpop.ErrTooLate) || time.Since(start) != 0 {
			t.Errorf("who hung up: %v after %v", err, time.Since(start))
		}
		for range 2 {
			if err := <-ended; !errors.Is(err, screenpop.ErrNoMatch) {
				t.Error(err)
			}
		}
		if got := h.searches(); !slices.Equal(got, []string{"*9103*", "*9101*"}) {
			t.Errorf("asked for %q", got)
		}
	})
}

// A look-up whose turn comes after its time is over at once.
func TestNoTurnInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{tenant: TenantConfig{Timeout: 150 * time.Millisecond}})
		for {
			if _, err := h.find(stranger); errors.Is(err, screenpop.ErrTooLate) {
				break
			}
			h.finder.Forget(h.first().Tenant)
		}
		h.searches()
		start := time.Now()
		h.wants(maria, screenpop.ErrTooLate)
		if n := len(h.searches()); n != 0 || time.Since(start) != 0 {
			t.Errorf("%d requests, after %v", n, time.Since(start))
		}
	})
}

// A phone that rings while a search for the number waits in vain has its own
// time, not what is left of the search's.
func TestJoinedWhatCameTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{
			options: simulator.Options{RateLimit: simulator.RateLimit{Slack: -1}}, tenant: TenantConfig{Timeout: time.Second},
		})
		h.busy()
		find := func(number string) <-chan error {
			ended, ringing := make(chan error, 1), call(h.number(number))
			ringing.Started = time.Now()
			go func() {
				_, err := h.finder.Find(t.Context(), h.first(), ringing)
				ended <- err
			}()
			synctest.Wait()
			return ended
		}
		first := find("+16175559101")
		pass(time.Millisecond)
		for i := range 5 { // newer rings overtake
			find("+1617555920" + string(rune('0'+i)))
		}
		pass(700 * time.Millisecond)
		second := find("+16175559101")
		if err := <-first; !errors.Is(err, screenpop.ErrTooLate) {
			t.Errorf("first: %v", err)
		}
		if err := <-second; !errors.Is(err, screenpop.ErrNoMatch) {
			t.Errorf("second: %v", err)
		}
	})
}
