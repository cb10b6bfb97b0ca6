package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// kvMark is a key that no path has: see [kvBackend.Snapshot].
	kvMark = "=mark"
	// kvSettle is how long a snapshot may take to catch up with the writers.
	kvSettle = time.Minute
)

// Snapshot reads the bucket's stream, which has the newest message of each key,
// in the order of revisions, and what comes meanwhile. A message that was
// replaced before its turn is passed over, and leaves a gap in the revisions;
// what replaced it comes later. So once the first round is over it writes a mark:
// whatever has replaced a message that was passed over until then comes before
// that. When the mark comes, and there was no further gap, all that has come is
// the bucket as of that revision, neither torn nor older than the call, also
// where a replica that is behind has sent it. With a gap it writes another mark.
//
// The servers' own count of what is outstanding does not do for this: it comes to
// zero too early when messages are replaced while they are read.
func (b *kvBackend) Snapshot(ctx context.Context, each func(path string, blob []byte) error) (last uint64, err error) {
	asked, cancel, err := b.enter(ctx)
	if err != nil {
		return 0, err
	}
	cancel()
	feed, err := b.kv.WatchAll(context.WithoutCancel(asked))
	if err != nil {
		return 0, away(err)
	}
	defer func() {
		_ = feed.Stop()            // the servers forget it by themselves if they do not hear
		for range feed.Updates() { //nolint:revive // what is on its way still
		}
	}()
	c := kvCut{blobs: map[string][]byte{}}
	if err := b.cut(ctx, feed, &c); err != nil {
		return 0, err
	}
	for _, path := range slices.Sorted(maps.Keys(c.blobs)) {
		if err := each(path, c.blobs[path]); err != nil {
			return 0, err
		}
	}
	return c.last, nil
}

// cut reads until what has come is the bucket as of one revision.
func (b *kvBackend) cut(ctx context.Context, feed jetstream.KeyWatcher, c *kvCut) error {
	ctx, cancel := context.WithTimeoutCause(ctx, kvSettle, fmt.Errorf("%w: it changes faster than it can be read; try again", ErrNoSnapshot))
	silent := time.NewTimer(kvAnswer)
	defer silent.Stop()
	marks := make(chan kvMarked, 1)
	writing := false
	defer func() {
		cancel()
		if writing {
			<-marks
		}
	}()
	for started := false; ; {
		select {
		case e, open := <-feed.Updates():
			silent.Reset(kvAnswer)
			switch {
			case !open:
				return away(errors.New("the connection was closed"))
			case e == nil: // the first round is over, more or less
				started = true
			default:
				c.take(e)
			}
		case m := <-marks:
			writing = false
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case m.err != nil:
				return away(m.err)
			}
			c.mark = m.revision
		case <-silent.C:
			return away(fmt.Errorf("nothing was heard for %v", kvAnswer))
		case <-b.closed:
			return ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if c.whole() {
			return nil
		}
		if started && !writing && (c.mark == 0 || c.last >= c.mark) {
			writing, c.mark, c.before = true, 0, c.gap
			go func() {
				asked, cancel := context.WithTimeout(ctx, kvAnswer)
				defer cancel()
				revision, err := b.kv.Put(asked, kvMark, nil)
				marks <- kvMarked{revision, err}
			}()
		}
	}
}

// kvMarked is a mark that was written, or could not be.
type kvMarked struct {
	revision uint64
	err      error
}

// kvCut is what is known of a bucket while it is read.
type kvCut struct {
	blobs map[string][]byte
	last  uint64 // the revision that came last
	gap   uint64 // the highest one that was passed over
	// mark is the revision of the newest mark, 0 while that is not known, and
	// before was the gap when it began to be written.
	mark, before uint64
}

func (c *kvCut) take(e jetstream.KeyValueEntry) {
	if e.Revision() > c.last+1 {
		c.gap = e.Revision() - 1
	}
	c.last = e.Revision()
	path, err := pathOfKey(e.Key())
	switch {
	case err != nil: // not ours
	case e.Operation() != jetstream.KeyValuePut:
		delete(c.blobs, path)
	default:
		c.blobs[path] = e.Value()
	}
}

// whole tells whether blobs is the bucket as of last.
func (c *kvCut) whole() bool { return c.mark > 0 && c.last >= c.mark && c.gap == c.before }
