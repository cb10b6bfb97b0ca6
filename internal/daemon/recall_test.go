package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/vault"
)

// What the store has said of a record holds while it is away and nobody else can have
// changed it; never of one that has gone here, or may have.
func TestWhatWasReadIsRecalledWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sure, vain atomic.Bool
		rc := newRecall(sure.Load, vain.Load)
		there := func(context.Context, string) ([]byte, uint64, error) { return []byte("in"), 7, nil }
		gone := func(context.Context, string) ([]byte, uint64, error) { return nil, 0, nil }
		refused := func(context.Context, string) ([]byte, uint64, error) {
			return nil, 0, fmt.Errorf("read record: %w", vault.ErrAway)
		}
		silent := func(ctx context.Context, _ string) ([]byte, uint64, error) {
			<-ctx.Done()
			return nil, 0, ctx.Err()
		}
		damaged := func(context.Context, string) ([]byte, uint64, error) { return nil, 0, vault.ErrDamaged }
		all, none := func() bool { return true }, func() bool { return false }
		get := func(path string, read func(context.Context, string) ([]byte, uint64, error), ours func() bool) string {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			value, revision, err := rc.get(ctx, path, read, ours)
			switch {
			case err != nil:
				return fmt.Sprint("an error after ", time.Since(began))
			case value == nil:
				return "nothing"
			}
			return fmt.Sprintf("%s at %d after %s", value, revision, time.Since(began))
		}
		for _, step := range []struct {
			what string
			sure bool
			path string
			read func(context.Context, string) ([]byte, uint64, error)
			ours func() bool
			want string
		}{
			{"never read, the store refuses", true, "a", refused, all, "an error after 0s"},
			{"never read, the store is silent", true, "a", silent, all, "an error after 1m0s"},
			{"read", true, "a", there, all, "in at 7 after 0s"},
			{"the store refuses", true, "a", refused, all, "in at 7 after 0s"},
			{"the store is silent", true, "a", silent, all, "in at 7 after 500ms"},
			{"another may have it", false, "a", refused, all, "an error after 0s"},
			{"another may have it, the store is silent", false, "a", silent, all, "an error after 5s"},
			{"the record is damaged", true, "a", damaged, all, "an error after 0s"},
			{"another's is read", true, "b", there, none, "in at 7 after 0s"},
			{"another's is not kept", true, "b", refused, all, "an error after 0s"},
			{"the store says that it has gone", true, "a", gone, all, "nothing"},
			{"the store refuses after it has gone", true, "a", refused, all, "an error after 0s"},
		} {
			sure.Store(step.sure)
			if got := get(step.path, step.read, step.ours); got != step.want {
				t.Errorf("%s: %s, want %s", step.what, got, step.want)
			}
		}

		// A node that is cut off says so, as soon as it knows.
		get("a", there, all)
		sure.Store(false)
		time.AfterFunc(700*time.Millisecond, func() { vain.Store(true) })
		if got := get("a", silent, all); got != "an error after 1s" {
			t.Errorf("cut off meanwhile: %s", got)
		}
		vain.Store(false)

		// It is ended while it is being read: what the store said before is no longer so.
		sure.Store(true)
		ending := func(ctx context.Context, path string) ([]byte, uint64, error) {
			rc.forget(path)
			return there(ctx, path)
		}
		get("a", ending, all)
		if got := get("a", refused, all); got != "an error after 0s" {
			t.Errorf("ended while it was read for the first time: %s", got)
		}
		get("a", there, all)
		endingSilent := func(ctx context.Context, path string) ([]byte, uint64, error) {
			rc.forget(path)
			return silent(ctx, path)
		}
		if got := get("a", endingSilent, all); got != "an error after 1m0s" {
			t.Errorf("ended while the store was asked: %s", got)
		}

		// Who does not wait any more is told so, and not what was there.
		get("a", there, all)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := rc.get(ctx, "a", silent, all); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone is told %v", err)
		}
	})
}
