package vault

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

func TestSlowWatcherIsToldToReadAgain(t *testing.T) {
	var w watchers
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := w.watch(ctx, "")
	for i := range maxPending + 100 {
		w.tell(Change{Path: fmt.Sprint("tokens/a/", i), Revision: uint64(i)})
	}
	n := 0
	for c := range changes {
		switch n++; n {
		case 1:
			if c != (Change{Missed: true}) {
				t.Errorf("%+v", c)
			}
			w.tell(Change{Path: "tokens/a/last", Revision: 1 << 20})
		case 2:
			if c.Path != "tokens/a/last" {
				t.Errorf("after that: %+v", c)
			}
			cancel()
		}
	}
	if n != 2 {
		t.Errorf("%d changes", n)
	}
}

// A watcher that is full of one record's changes has one.
func TestChangesOfARecordBecomeOne(t *testing.T) {
	var w watchers
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := w.watch(ctx, "")
	for i := range 10 * maxPending {
		w.tell(Change{Path: "tokens/a/1", Revision: uint64(i)})
	}
	for c := range changes {
		if c != (Change{Path: "tokens/a/1", Revision: 10*maxPending - 1}) {
			t.Errorf("%+v", c)
		}
		cancel()
	}
}

func TestWatchThatNobodyLoopsOverIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watchers
		ctx, cancel := context.WithCancel(t.Context())
		changes := w.watch(ctx, "")
		_ = w.watch(ctx, "")
		if len(w.all) != 2 {
			t.Errorf("%d watchers", len(w.all))
		}
		cancel()
		synctest.Wait()
		if len(w.all) != 0 {
			t.Errorf("%d watchers left", len(w.all))
		}
		for c := range changes {
			t.Errorf("after the end: %+v", c)
		}
	})
}

func TestWatchersAndWritersAtOnce(t *testing.T) {
	var w watchers
	const writes = 500
	var wg sync.WaitGroup
	for range 4 {
		changes := w.watch(t.Context(), "tokens/")
		wg.Go(func() {
			last := uint64(0)
			for c := range changes {
				if !c.Missed && c.Revision <= last {
					t.Errorf("%d after %d", c.Revision, last)
				}
				last = c.Revision
			}
			if last != writes {
				t.Errorf("the last change is %d of %d", last, writes)
			}
		})
	}
	for i := range uint64(writes) {
		w.tell(Change{Path: fmt.Sprint("tokens/a/", i%7), Revision: i + 1})
	}
	w.close()
	wg.Wait()
}
