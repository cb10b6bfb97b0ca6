package pbxevents

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The bounds of captures. Together they bound the memory: each entry is a few
// kilobytes at most, and only those wait that are being written out.
const (
	maxCaptureTime   = 15 * time.Minute
	maxCaptureEvents = 200
	maxCaptures      = 4 // at once, per process
	captureQueue     = 32
)

// Errors of Capture.
var (
	ErrNoTenant     = errors.New("no tenant of this domain is configured")
	ErrManyCaptures = fmt.Errorf("%d captures are under way: end one of them first", maxCaptures)
)

// captures are a tenant's captures under way. Where there is none, a webhook
// costs one look at active.
type captures struct {
	active atomic.Int32
	mu     sync.Mutex
	queues map[*captureQueueOf]struct{}
}

type captureQueueOf struct {
	entries chan Captured
	lost    int // guarded by captures.mu
}

// Capture hands over every webhook of a tenant, also those that the tenant's
// checks refused (of whose bodies nothing is looked at before the sender is let
// in), until the
// limits are reached or ctx ends; then it returns nil. each is called from
// Capture's goroutine; its error ends the capture and is returned. Several
// captures may go on at once; ErrManyCaptures tells that they are too many,
// ErrNoTenant that there is no such tenant. Nothing is written anywhere.
func (r *Receiver) Capture(ctx context.Context, domain screenpop.Tenant, limits CaptureLimits, each func(Captured) error) error {
	t := r.tenant(screenpop.ParseTenant(string(domain)))
	if t == nil {
		return ErrNoTenant
	}
	if r.capturing.Add(1) > maxCaptures {
		r.capturing.Add(-1)
		return ErrManyCaptures
	}
	defer r.capturing.Add(-1)
	if limits.For <= 0 || limits.For > maxCaptureTime {
		limits.For = maxCaptureTime
	}
	if limits.Events <= 0 || limits.Events > maxCaptureEvents {
		limits.Events = maxCaptureEvents
	}
	ctx, cancel := context.WithTimeout(ctx, limits.For)
	defer cancel()
	q := &captureQueueOf{entries: make(chan Captured, captureQueue)}
	t.captures.join(q)
	defer t.captures.leave(q)
	if limits.Began != nil {
		if err := limits.Began(); err != nil {
			return err
		}
	}
	for range limits.Events {
		c, ok := q.next(ctx)
		if !ok {
			return nil
		}
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a webhook. What is in the queue when ctx ends was seen in time.
func (q *captureQueueOf) next(ctx context.Context) (c Captured, ok bool) {
	select {
	case c = <-q.entries:
		return c, true
	case <-ctx.Done():
	}
	select {
	case c = <-q.entries:
		return c, true
	default:
		return c, false
	}
}

func (c *captures) join(q *captureQueueOf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queues == nil {
		c.queues = map[*captureQueueOf]struct{}{}
	}
	c.queues[q] = struct{}{}
	c.active.Store(int32(len(c.queues)))
}

func (c *captures) leave(q *captureQueueOf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.queues, q)
	c.active.Store(int32(len(c.queues)))
}

func (c *captures) on() bool { return c.active.Load() > 0 }

// put hands an entry to every capture. Who does not keep up loses it.
func (c *captures) put(e Captured) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for q := range c.queues {
		e.Lost = q.lost
		select {
		case q.entries <- e:
			q.lost = 0
		default:
			q.lost++
		}
	}
}
