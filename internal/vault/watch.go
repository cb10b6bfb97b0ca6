package vault

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
)

// maxPending bounds the changes that wait for one watcher, each at most a path
// long.
const maxPending = 1024

// watchers hands changes to whoever watches. The zero value is ready.
type watchers struct {
	mu     sync.Mutex
	all    map[*watcher]struct{}
	closed bool
}

// watcher is one that watches. Its fields belong to the lock of its watchers.
type watcher struct {
	prefix  string
	pending []Change
	over    bool
	news    chan struct{} // holds one token while there is something to take
}

// watch registers at once: what changes between this call and the loop is not
// lost.
func (w *watchers) watch(ctx context.Context, prefix string) iter.Seq[Change] {
	one := &watcher{prefix: prefix, news: make(chan struct{}, 1)}
	w.add(one)
	forget := func() {
		w.mu.Lock()
		delete(w.all, one)
		w.mu.Unlock()
	}
	stop := context.AfterFunc(ctx, forget) // also when nobody ever loops
	return func(yield func(Change) bool) {
		defer forget()
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-one.news:
			}
			for {
				c, some, over := w.take(one)
				if !some && !over {
					break
				}
				if !some || ctx.Err() != nil || !yield(c) {
					return
				}
			}
		}
	}
}

func (w *watchers) add(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		one.end()
		return
	}
	if w.all == nil {
		w.all = make(map[*watcher]struct{})
	}
	w.all[one] = struct{}{}
}

// take takes the oldest change, one at a time: the others can still become one
// with what comes.
func (w *watchers) take(one *watcher) (c Change, some, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(one.pending) == 0 {
		return Change{}, false, one.over
	}
	c = one.pending[0]
	one.pending = one.pending[1:]
	return c, true, one.over
}

// tell never waits. Whoever calls it does so in the order of the changes.
func (w *watchers) tell(c Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if !strings.HasPrefix(c.Path, one.prefix) {
			continue
		}
		one.add(c)
		one.wake()
	}
}

func (one *watcher) wake() {
	select {
	case one.news <- struct{}{}:
	default: // the token is there already
	}
}

func (one *watcher) end() {
	one.over = true
	one.wake()
}

// add puts c last, in place of an older change of the same record.
func (one *watcher) add(c Change) {
	if len(one.pending) == 1 && one.pending[0].Missed {
		return // reading again brings this one too
	}
	one.pending = slices.DeleteFunc(one.pending, func(old Change) bool { return old.Path == c.Path })
	if len(one.pending) == maxPending {
		one.pending = []Change{{Missed: true}}
		return
	}
	one.pending = append(one.pending, c)
}

// close ends every watch once its watcher has taken what waits for it.
func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	for one := range w.all {
		one.end()
	}
	w.all = nil
}
