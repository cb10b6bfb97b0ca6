package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/vault"
)

// stood is how a node stands: whether it owns the part, and is cut off.
type stood struct {
	owned, cutOff, doubts atomic.Bool
	changed               chan struct{}
}

func (s *stood) standing() (bool, <-chan struct{}) { return s.cutOff.Load(), s.changed }

// What an end waits for, and for how long, in whatever state the node is.
func TestAnEndWaitsUntilItIsWritten(t *testing.T) {
	for _, tc := range []struct {
		name   string
		during func(k *keeping, s *stood)
		want   error
		noted  bool          // the front has to offer it again
		after  time.Duration // that it is answered
	}{
		{"written", func(k *keeping, _ *stood) {
			time.Sleep(time.Millisecond)
			k.wrote(k.take(), nil)
		}, nil, false, time.Millisecond},
		{"written at the second try", func(k *keeping, _ *stood) {
			k.wrote(k.take(), vault.ErrAway)
			time.Sleep(followAgain)
			k.wrote(k.take(), nil)
		}, nil, false, followAgain},
		{"by a write that had begun", func(k *keeping, _ *stood) {
			k.wrote(nil, nil)
		}, errNotKept, true, keepTime},
		{"written, and another may own the part by then", func(k *keeping, s *stood) {
			s.owned.Store(false)
			k.wrote(k.take(), nil)
		}, errNotKept, true, keepTime},
		{"never", func(*keeping, *stood) {}, errNotKept, true, keepTime},
		{"cut off meanwhile", func(_ *keeping, s *stood) {
			time.Sleep(time.Millisecond)
			s.cutOff.Store(true)
			close(s.changed)
		}, errCutOff, true, time.Millisecond},
		{"the part is lost", func(k *keeping, _ *stood) {
			time.Sleep(time.Millisecond)
			k.end()
			k.end() // also when the follower goes
		}, errPartLost, true, time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stood{changed: make(chan struct{})}
				s.owned.Store(true)
				k := newKeeping(s.owned.Load, s.standing, s.doubts.Load)
				noted, woken, began := false, 0, time.Now()
				ctx := context.WithValue(t.Context(), notedKey{}, unkeptNote(func() { noted = true }))
				answered := make(chan error)
				go func() { answered <- k.wait(ctx, true, func() { woken++ }) }()
				synctest.Wait()
				go tc.during(k, s)
				if err := <-answered; !errors.Is(err, tc.want) || noted != tc.noted || woken != 1 {
					t.Errorf("%v, noted %v, woken %d times; want %v, %v", err, noted, woken, tc.want, tc.noted)
				}
				if took := time.Since(began); took != tc.after {
					t.Errorf("it is answered after %v, want %v", took, tc.after)
				}
			})
		})
	}
}

// While NATS is away for everybody ends are answered at once, once that is known, and
// offered again; a node that knows that it alone is cut off says so at once.
func TestAnEndDoesNotWaitForWhatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stood{changed: make(chan struct{})}
		k := newKeeping(s.owned.Load, s.standing, s.doubts.Load)
		noted := 0
		ctx := context.WithValue(t.Context(), notedKey{}, unkeptNote(func() { noted++ }))
		wait := func() (time.Duration, error) {
			began := time.Now()
			err := k.wait(ctx, true, func() {})
			return time.Since(began), err
		}
		k.wrote(k.take(), vault.ErrAway)
		if took, err := wait(); err != nil || took != keepTime || noted != 1 {
			t.Errorf("at first: %v after %v, noted %d times", err, took, noted)
		}
		if took, err := wait(); err != nil || took != 0 || noted != 2 {
			t.Errorf("later: %v after %v, noted %d times", err, took, noted)
		}
		s.cutOff.Store(true)
		if took, err := wait(); !errors.Is(err, errCutOff) || took != 0 || noted != 3 {
			t.Errorf("cut off: %v after %v, noted %d times", err, took, noted)
		}
		s.cutOff.Store(false)
		s.owned.Store(true)
		k.wrote(k.take(), nil)
		if took, err := wait(); !errors.Is(err, errNotKept) || took != keepTime {
			t.Errorf("when it is back nothing is answered before it is written: %v after %v", err, took)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := k.wait(gone, true, func() {}); !errors.Is(err, context.Canceled) {
			t.Errorf("a sender who has gone: %v", err)
		}
	})
}

// What is no end waits only while it is in doubt how the node stands, and is not offered
// again: the call may be over by then.
func TestWhatIsNoEndWaitsInDoubt(t *testing.T) {
	for _, tc := range []struct {
		name   string
		doubt  bool
		during func(k *keeping, s *stood)
		want   error
		after  time.Duration
	}{
		{"no doubt", false, func(*keeping, *stood) {}, nil, 0},
		{"written", true, func(k *keeping, _ *stood) {
			time.Sleep(time.Millisecond)
			k.wrote(k.take(), nil)
		}, nil, time.Millisecond},
		{"never", true, func(*keeping, *stood) {}, errNotKept, keepTime},
		{"cut off", true, func(_ *keeping, s *stood) {
			time.Sleep(time.Millisecond)
			s.doubts.Store(false)
			s.cutOff.Store(true)
			close(s.changed)
		}, errCutOff, time.Millisecond},
		{"nobody can take over", true, func(_ *keeping, s *stood) {
			time.Sleep(time.Millisecond)
			s.doubts.Store(false)
			s.changed <- struct{}{}
		}, nil, time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stood{changed: make(chan struct{})}
				s.owned.Store(true)
				s.doubts.Store(tc.doubt)
				k := newKeeping(s.owned.Load, s.standing, s.doubts.Load)
				ctx := context.WithValue(t.Context(), notedKey{}, unkeptNote(func() { t.Error("it is offered again") }))
				began, answered := time.Now(), make(chan error, 1)
				go func() { answered <- k.wait(ctx, false, func() {}) }()
				synctest.Wait()
				go tc.during(k, s)
				if err := <-answered; !errors.Is(err, tc.want) || time.Since(began) != tc.after {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(began), tc.want, tc.after)
				}
			})
		})
	}
}
