package tokens

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func (r *rig) wantNothingStored() {
	r.t.Helper()
	if paths, err := r.vault.List(r.t.Context(), ""); len(paths) != 0 || err != nil {
		r.t.Errorf("stored: %q %v", paths, err)
	}
}

func TestUnpair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		refresh := r.stored().Refresh
		revoked, err := r.keeper.Unpair(t.Context(), priya)
		if !revoked || err != nil || !r.server.isRevoked(refresh.Reveal()) {
			t.Errorf("%v %v", revoked, err)
		}
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Error(err)
		}
		r.wantNothingStored()
		if got := fmt.Sprint(r.bell.states()); got != "[paired unpaired]" {
			t.Errorf("announced %s", got)
		}
		if revoked, err := r.keeper.Unpair(t.Context(), priya); revoked || err != nil {
			t.Errorf("again: %v %v", revoked, err)
		}
		r.restart()
		r.wantState(screenpop.Unpaired)
		r.pair()
	})
}

func TestUnpairWhenSmokeballDoesNotRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		r.server.noRevoke = true
		if revoked, err := r.keeper.Unpair(t.Context(), priya); revoked || err != nil {
			t.Errorf("%v %v", revoked, err)
		}
		r.wantState(screenpop.Unpaired)
		r.wantNothingStored()
	})
}

// The answer of a refresh that comes after the unpairing must not bring the
// record back, and its new refresh token is not left behind at Smokeball.
func TestUnpairDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.rotate = true
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		waiting := make(chan error)
		go func() { _, err := r.keeper.Token(t.Context(), priya); waiting <- err }()
		synctest.Wait()
		r.wantRefreshes(1)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		if err := <-waiting; !errors.Is(err, screenpop.ErrNotPaired) { // at once, the answer is still held
			t.Error(err)
		}
		close(r.server.held)
		synctest.Wait()
		r.wantState(screenpop.Unpaired)
		r.wantNothingStored()
		if len(r.server.good) != 0 {
			t.Errorf("%d refresh tokens are good at Smokeball", len(r.server.good))
		}
		if got := fmt.Sprint(r.bell.states()); got != "[paired unpaired]" {
			t.Errorf("announced %s", got)
		}
	})
}

// Who unpairs while another tab's pairing waits for its tokens has had the last
// word.
func TestUnpairWhileAnotherTabPairs(t *testing.T) {
	for name, paired := range map[string]bool{"again": true, "for the first time": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				if paired {
					r.pair()
				}
				back := r.begin()
				r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
				finished := make(chan error)
				go func() { _, _, err := r.keeper.Finish(t.Context(), r.session, back); finished <- err }()
				synctest.Wait()
				if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
					t.Fatal(err)
				}
				close(r.server.held)
				if failed := (*PairError)(nil); !errors.As(<-finished, &failed) || failed.Kind != PairStale {
					t.Errorf("the other tab gets %v", failed)
				}
				synctest.Wait()
				r.wantState(screenpop.Unpaired)
				r.wantNothingStored()
				if len(r.server.good) != 0 {
					t.Errorf("%d refresh tokens are good at Smokeball", len(r.server.good))
				}
				r.server.set(func(s *authServer) { s.held = nil })
				r.pair()
			})
		})
	}
}

// The same race, not arranged but run into.
func TestUnpairRacesRefresh(t *testing.T) {
	r := newRig(t, nil)
	r.server.rotate = true
	for range 20 {
		r.pair()
		stale := r.token()
		renewed := make(chan error)
		go func() { _, err := r.keeper.Renew(t.Context(), priya, stale); renewed <- err }()
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		if err := <-renewed; err != nil && !errors.Is(err, screenpop.ErrNotPaired) {
			t.Error(err)
		}
		r.wantNothingStored()
		r.wantState(screenpop.Unpaired)
	}
	r.stop() // waits for the last revocations
	if len(r.server.good) != 0 {
		t.Errorf("%d refresh tokens are good at Smokeball", len(r.server.good))
	}
}

func TestUnpairAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(31 * 24 * time.Hour)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Error(err)
		}
		r.wantState(screenpop.Unpaired)
		r.wantNothingStored()
	})
}
