package daemon

import (
	"context"
	"errors"
	"sync"
	"time"
)

// keepTime is how long an event waits until it is written for the next owner.
const keepTime = time.Second

var (
	errCutOff   = errors.New("this node is cut off from the others")
	errNotKept  = errors.New("the store has not said in time that it has the event")
	errPartLost = errors.New("the part has changed hands")
)

// keeping lets events wait until they are written for the next owner of their part: the
// ends of calls always, others while this node may be cut off and not know it yet.
type keeping struct {
	// owned tells whether the part is this node's for sure; standing whether the node
	// is cut off from others, and when that may have changed.
	owned    func() bool
	standing func() (cutOff bool, changed <-chan struct{})
	doubts   func() bool   // the node may be cut off, and not know it yet
	urgent   chan struct{} // holds one token while somebody waits

	mu      sync.Mutex
	waiting []chan struct{}
	failing time.Time     // since when nothing can be written; zero: it can
	over    chan struct{} // closed when nothing is written any more
}

func newKeeping(owned func() bool, standing func() (bool, <-chan struct{}), doubts func() bool) *keeping {
	return &keeping{owned: owned, standing: standing, doubts: doubts, urgent: make(chan struct{}, 1), over: make(chan struct{})}
}

// wait returns nil once all that was taken in before is written, by a write that was
// finished while the part was owned: who owns it next reads it. It is also nil for what
// is no end while there is no doubt how this node stands, and when nothing can be
// written while nobody can take over: NATS has been away for everybody for a while. Of
// an end that is not written ctx is noted on: it is offered again. No other event is,
// which may be of a call that is long over by then.
func (k *keeping) wait(ctx context.Context, over bool, wake func()) error {
	if !over && !k.doubts() {
		return nil
	}
	written := make(chan struct{})
	k.mu.Lock()
	k.waiting = append(k.waiting, written)
	k.mu.Unlock()
	select {
	case k.urgent <- struct{}{}:
	default:
	}
	wake()
	err := k.until(ctx, over, written)
	if err != nil && over {
		noteUnkept(ctx)
	}
	if errors.Is(err, errAwayForAll) {
		return nil
	}
	return err
}

// errAwayForAll is that an event is not written and nobody has to know: there is no
// owner who could have missed it.
var errAwayForAll = errors.New("NATS is away")

func (k *keeping) until(ctx context.Context, over bool, written <-chan struct{}) error {
	late := time.NewTimer(keepTime)
	defer late.Stop()
	for {
		cutOff, changed := k.standing()
		switch {
		case cutOff:
			return errCutOff
		case k.behind():
			return errAwayForAll
		case !over && !k.doubts():
			return nil
		}
		select {
		case <-written:
			return nil
		case <-changed:
		case <-late.C:
			if k.behind() {
				return errAwayForAll
			}
			return errNotKept
		case <-k.over:
			return errPartLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// behind tells whether nothing can be written for so long that it would be known
// if this node alone could not.
func (k *keeping) behind() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.failing.IsZero() && time.Since(k.failing) >= keepTime
}

// take returns who waits for a write that begins now.
func (k *keeping) take() []chan struct{} {
	select {
	case <-k.urgent:
	default:
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	taken := k.waiting
	k.waiting = nil
	return taken
}

// wrote tells those who were taken what came of the write. When it has failed they
// wait for the next, those who are there still.
func (k *keeping) wrote(taken []chan struct{}, err error) {
	kept := err == nil && k.owned()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.failing = time.Time{}
	case k.failing.IsZero():
		k.failing = time.Now()
	}
	if !kept {
		k.waiting = append(taken, k.waiting...)
		if len(k.waiting) > keptMost {
			k.waiting = k.waiting[len(k.waiting)-keptMost:] // the oldest have gone
		}
		return
	}
	for _, written := range taken {
		close(written)
	}
}

// keptMost is how many may wait: more than there are in keepTime. Those who wait no
// longer are forgotten with the next write.
const keptMost = 8192

// end lets nobody wait any more.
func (k *keeping) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.over:
	default:
		close(k.over)
	}
}

// notedKey is where the context of a request has its [unkeptNote].
type notedKey struct{}

// unkeptNote is what the front of a webhook is told beside its answer: an end in it
// has to be offered again.
type unkeptNote func()

func noteUnkept(ctx context.Context) {
	if note, ok := ctx.Value(notedKey{}).(unkeptNote); ok {
		note()
	}
}
