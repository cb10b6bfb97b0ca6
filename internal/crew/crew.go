package crew

import (
	"context"
	"slices"
	"sync"
)

// Crew is a set of members, each of which works while it is in the set. Its
// methods may be called from many goroutines; Run is called once.
type Crew[M comparable] struct {
	mu      sync.Mutex
	members []M
	changed chan struct{} // holds one token after a change
}

// New returns a crew of members.
func New[M comparable](members ...M) *Crew[M] {
	return &Crew[M]{members: slices.Clone(members), changed: make(chan struct{}, 1)}
}

// Set makes members the set. Who stays goes on undisturbed.
func (c *Crew[M]) Set(members []M) {
	c.mu.Lock()
	c.members = slices.Clone(members)
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Run has each member do its work, which ends soon after its context does, and
// returns when ctx has ended and all have come back. Who leaves the set has come
// back before anybody who is new begins.
func (c *Crew[M]) Run(ctx context.Context, work func(context.Context, M)) {
	type job struct {
		cancel context.CancelFunc
		done   chan struct{}
	}
	working := map[M]job{}
	end := func(leaving func(M) bool) {
		var ended []job
		for m, j := range working {
			if leaving(m) {
				j.cancel()
				ended = append(ended, j)
				delete(working, m)
			}
		}
		for _, j := range ended {
			<-j.done
		}
	}
	defer end(func(M) bool { return true })
	for {
		c.mu.Lock()
		members := c.members
		c.mu.Unlock()
		end(func(m M) bool { return !slices.Contains(members, m) })
		for _, m := range members {
			if _, there := working[m]; there {
				continue
			}
			ctx, cancel := context.WithCancel(ctx)
			j := job{cancel, make(chan struct{})}
			working[m] = j
			go func() {
				defer close(j.done)
				work(ctx, m)
			}()
		}
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
	}
}
