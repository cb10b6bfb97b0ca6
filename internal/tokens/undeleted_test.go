package tokens

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// wantGone is what an agent and Smokeball see of an unpairing.
func (r *rig) wantGone(refresh screenpop.Secret) {
	r.t.Helper()
	if !r.server.isRevoked(refresh.Reveal()) {
		r.t.Error("not revoked")
	}
	if _, err := r.keeper.Token(r.t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
		r.t.Error(err)
	}
	if _, err := r.keeper.Renew(r.t.Context(), priya, "any"); !errors.Is(err, screenpop.ErrNotPaired) {
		r.t.Error(err)
	}
}

// Who unpairs is unpaired, whatever the disk says; the record goes when it can.
func TestUnpairOnAFullDiskDeletesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.pair()
		refresh := r.stored().Refresh
		r.store.noDeletes.Store(true)
		if revoked, err := r.keeper.Unpair(t.Context(), priya); !revoked || err != nil {
			t.Errorf("%v %v", revoked, err)
		}
		r.wantGone(refresh)
		if p := r.wantState(screenpop.Unpaired); p.Problem != problemUndeleted {
			t.Errorf("%+v", p)
		}
		pass(3 * time.Hour)
		r.wantGone(refresh)
		if n := r.logged("cannot delete the record"); n == 0 || n > 3*60+1 {
			t.Errorf("%d lines in three hours", n)
		}
		r.store.noDeletes.Store(false)
		pass(eraseEvery + time.Second)
		synctest.Wait()
		r.wantNothingStored()
		if p := r.wantState(screenpop.Unpaired); p.Problem != "" {
			t.Errorf("%+v", p)
		}
		r.wantRefreshes(0)
		r.restart()
		r.wantState(screenpop.Unpaired)
		r.pair()
	})
}

func TestUnpairAgainDeletesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		r.store.noDeletes.Store(true)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		r.store.noDeletes.Store(false)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		r.wantNothingStored()
	})
}

// A record that should be gone is deleted at the latest when smokepop stops.
func TestWhatIsLeftIsDeletedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		r.store.noDeletes.Store(true)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		r.store.noDeletes.Store(false)
		r.restart()
		r.wantState(screenpop.Unpaired)
		r.wantNothingStored()
	})
}

// Killed before the record could be deleted: Smokeball says that it is over,
// once asked.
func TestUndeletedRecordAfterARestartEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.pair()
		r.store.noDeletes.Store(true)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		r.restart()
		if n := r.logged("level=ERROR", "is still on the disk"); n != 1 {
			t.Errorf("%d lines at the end", n)
		}
		pass(2 * day)
		synctest.Wait()
		r.wantRefreshes(1)
		if p := r.wantState(screenpop.Expired); p.Problem != problemEnded {
			t.Errorf("%+v", p)
		}
	})
}

// A new pairing takes the place of the record that should be gone, and stays.
func TestPairingOverAnUndeletedRecordStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.pair()
		r.store.noDeletes.Store(true)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		r.pair()
		r.store.noDeletes.Store(false)
		pass(time.Hour)
		r.token()
		if p := r.wantState(screenpop.Paired); p.Problem != "" {
			t.Errorf("%+v", p)
		}
		r.restart()
		r.wantState(screenpop.Paired)
		r.token()
		if r.stored().Refresh == "" {
			t.Error("nothing stored")
		}
	})
}

// A clock that is put back an hour holds the deletion up by seconds.
func TestClockPutBackDeletesAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Int64
		r := newRig(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) } })
		r.pair()
		r.store.noDeletes.Store(true)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		back.Store(int64(time.Hour))
		r.store.noDeletes.Store(false)
		pass(time.Minute + time.Second)
		synctest.Wait()
		r.wantNothingStored()
	})
}
