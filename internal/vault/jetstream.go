package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// kvAnswer is how long the servers may take for one record.
	kvAnswer = 5 * time.Second
	// kvTry is after which time a question is asked once more: one that was on its way to
	// a leader which has died is answered by nobody.
	kvTry = time.Second
	// kvMarker is how long the servers remember that a record was deleted.
	kvMarker = 24 * time.Hour
	// kvCatchUp is how long a write waits until its own watchers were told.
	kvCatchUp = 2 * time.Second
)

// OpenJetStream opens the store in a key-value bucket of NATS JetStream, as
// [Open] does the one in a directory. The bucket is read through its leader,
// never a replica that is behind: who reads a record again after a refusal needs
// the newest. It allows times to live for single messages, and values of
// [MaxValue] and [Overhead] bytes. NATS and its disks see sealed blobs, and paths in clear.
func OpenJetStream(ctx context.Context, bucket jetstream.KeyValue, keys KeyRing, opts Options) (*Store, error) {
	fail := func(err error) (*Store, error) {
		return nil, fmt.Errorf("open store in bucket %s: %w", bucket.Bucket(), err)
	}
	b, err := newKVBackend(ctx, bucket)
	if err != nil {
		return fail(err)
	}
	created, err := b.empty(ctx)
	if err != nil {
		return fail(errors.Join(err, b.Close()))
	}
	s, err := New(ctx, b, keys, opts)
	if err != nil {
		return fail(err)
	}
	s.created = created
	return s, nil
}

// Overhead is how much longer a sealed record is than its value, with its key
// and the header of its message, at most.
const Overhead = 4096

// kvBackend keeps the blobs in a bucket of JetStream. A record's revision is
// its number in the bucket's stream, which is known once it is stored: blobs
// are bound to their paths, not to their revisions.
type kvBackend struct {
	kv       jetstream.KeyValue
	watchers watchers
	feed     jetstream.KeyWatcher
	fed      chan struct{} // closed when the feed has ended

	mu     sync.Mutex
	seen   uint64        // the newest revision that the watchers were told of
	moved  chan struct{} // closed, and made anew, when seen moves
	closed chan struct{}
}

func newKVBackend(ctx context.Context, kv jetstream.KeyValue) (*kvBackend, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*kvAnswer)
	defer cancel()
	b := &kvBackend{kv: kv, moved: make(chan struct{}), closed: make(chan struct{}), fed: make(chan struct{})}
	// The feed outlives this call. It begins anew by itself where it was when a
	// server goes away.
	var err error
	if b.feed, err = kv.WatchAll(context.WithoutCancel(ctx), jetstream.MetaOnly()); err != nil {
		return nil, fmt.Errorf("watch the bucket: %w", err)
	}
	ready := make(chan struct{})
	go b.follow(ready)
	select {
	case <-ready:
		return b, nil
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("watch the bucket: %w", ctx.Err()), b.Close())
	}
}

// follow tells the watchers what has changed, in the order of revisions. What is
// there already comes first, and is told to nobody.
func (b *kvBackend) follow(ready chan struct{}) {
	defer close(b.fed)
	started := false
	for e := range b.feed.Updates() {
		if e == nil { // all that was there has come
			if !started {
				started = true
				close(ready)
			}
			continue
		}
		path, err := pathOfKey(e.Key())
		if err != nil {
			continue // not ours
		}
		if started {
			b.watchers.tell(Change{Path: path, Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut})
		}
		b.mu.Lock()
		if e.Revision() > b.seen {
			b.seen = e.Revision()
			close(b.moved)
			b.moved = make(chan struct{})
		}
		b.mu.Unlock()
	}
}

// caughtUp waits until the watchers were told of a revision, so that who has
// written and then watches hears nothing of what it wrote. A feed that does not
// come holds nobody up for long.
func (b *kvBackend) caughtUp(revision uint64) {
	late := time.NewTimer(kvCatchUp)
	defer late.Stop()
	for {
		b.mu.Lock()
		seen, moved := b.seen, b.moved
		b.mu.Unlock()
		if seen >= revision {
			return
		}
		select {
		case <-moved:
		case <-late.C:
			return
		case <-b.closed:
			return
		}
	}
}

// ready tells why nothing may begin any more.
func (b *kvBackend) ready(ctx context.Context) error {
	select {
	case <-b.closed:
		return cmp.Or(ctx.Err(), ErrClosed)
	default:
		return ctx.Err()
	}
}

// enter bounds one exchange with the servers.
func (b *kvBackend) enter(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := b.ready(ctx); err != nil {
		return nil, nil, err
	}
	// What has begun is finished: an answer that nobody waits for leaves open
	// whether the record was written.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), kvAnswer)
	return ctx, cancel, nil
}

func (b *kvBackend) Get(ctx context.Context, path string) ([]byte, uint64, error) {
	asked, cancel, err := b.enter(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer context.AfterFunc(ctx, cancel)() // but for reading, which leaves nothing open
	var e jetstream.KeyValueEntry
	got := make(chan error, 1)
	go func() {
		defer cancel()
		for {
			try, end := context.WithTimeout(asked, kvTry)
			var err error
			e, err = b.kv.Get(try, keyOf(path))
			lost := err != nil && try.Err() != nil && asked.Err() == nil
			end()
			if !lost {
				got <- err
				return
			}
		}
	}()
	// nats.go looks at no context while it connects to a server that does not
	// answer: who waits for it waits with it.
	select {
	case err = <-got:
	case <-asked.Done():
		select {
		case err = <-got:
		default:
			return nil, 0, away(asked.Err())
		}
	}
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, away(err)
	}
	return e.Value(), e.Revision(), nil
}

func (b *kvBackend) CompareAndSet(ctx context.Context, path string, revision uint64, seal func(next uint64) ([]byte, error)) (uint64, error) {
	ctx, cancel, err := b.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	blob, err := seal(0)
	if err != nil {
		return 0, err
	}
	var next uint64
	switch revision {
	case AnyRevision:
		next, err = b.kv.Put(ctx, keyOf(path), blob)
	case 0:
		next, err = b.kv.Create(ctx, keyOf(path), blob)
	default:
		next, err = b.kv.Update(ctx, keyOf(path), blob, revision)
	}
	if err != nil {
		return 0, away(err)
	}
	b.caughtUp(next)
	return next, nil
}

func (b *kvBackend) Delete(ctx context.Context, path string, revision uint64) (existed bool, err error) {
	ctx, cancel, err := b.enter(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	for {
		e, err := b.kv.Get(ctx, keyOf(path))
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			return false, nil
		case err != nil:
			return false, away(err)
		case revision != AnyRevision && e.Revision() != revision:
			return false, ErrConflict
		}
		// The deleted blob goes from the servers' disks with its marker's coming.
		err = away(b.kv.Purge(ctx, keyOf(path), jetstream.LastRevision(e.Revision()), jetstream.PurgeTTL(kvMarker)))
		if errors.Is(err, ErrConflict) && revision == AnyRevision {
			continue // changed meanwhile
		}
		if err != nil {
			return false, err
		}
		b.caughtUp(e.Revision() + 1)
		return true, nil
	}
}

func (b *kvBackend) List(ctx context.Context, prefix string) (paths []string, err error) {
	ctx, cancel, err := b.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	filter := ">"
	if at := strings.LastIndexByte(prefix, '/'); at > 0 {
		filter = keyOf(prefix[:at]) + ".>"
	}
	keys, err := b.kv.ListKeysFiltered(ctx, filter)
	if err != nil {
		return nil, away(err)
	}
	for key := range keys.Keys() {
		if path, err := pathOfKey(key); err == nil && strings.HasPrefix(path, prefix) {
			paths = append(paths, path)
		}
	}
	if err := keys.Stop(); err != nil && !errors.Is(err, nats.ErrBadSubscription) {
		return nil, away(err)
	}
	if err := ctx.Err(); err != nil {
		return nil, away(err) // the list is cut short
	}
	slices.Sort(paths)
	return paths, nil
}

// GetAll reads by one consumer, which costs the servers and the way to them far less
// than a question for each record. They may take kvAnswer for the next record, however
// many there are.
func (b *kvBackend) GetAll(ctx context.Context, prefixes []string, each func(path string, blob []byte, revision uint64, err error)) error {
	if len(prefixes) == 0 {
		return nil
	}
	filters := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		filters[i] = keyOf(strings.TrimSuffix(prefix, "/")) + ".>"
	}
	if err := b.ready(ctx); err != nil {
		return err
	}
	asked, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(kvAnswer, cancel)
	defer late.Stop()
	records, err := b.kv.WatchFiltered(asked, filters, jetstream.IgnoreDeletes())
	if err != nil {
		return away(err)
	}
	defer func() { _ = records.Stop() }() // the servers forget it by themselves if they do not hear
	for {
		select {
		case e, more := <-records.Updates():
			switch {
			case !more:
				return away(errors.Join(nats.ErrConnectionClosed, asked.Err()))
			case e == nil: // all that was there has come
				return nil
			}
			late.Reset(kvAnswer)
			if path, err := pathOfKey(e.Key()); err == nil {
				each(path, e.Value(), e.Revision(), nil)
			}
		case <-asked.Done():
			return away(asked.Err())
		}
	}
}

func (b *kvBackend) Watch(ctx context.Context, prefix string) iter.Seq[Change] {
	return b.watchers.watch(ctx, prefix)
}

func (b *kvBackend) Close() error {
	b.mu.Lock()
	select {
	case <-b.closed:
		b.mu.Unlock()
		return nil
	default:
	}
	close(b.closed)
	b.mu.Unlock()
	_ = b.feed.Stop() // the servers forget it by themselves if they do not hear
	<-b.fed
	b.watchers.close()
	return nil
}

// empty tells whether nothing was ever kept here.
func (b *kvBackend) empty(ctx context.Context) (bool, error) {
	paths, err := b.List(ctx, "")
	return len(paths) == 0, err
}

// away puts what the servers answer into the words of this package.
func away(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrKeyExists),
		errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return ErrConflict
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}
