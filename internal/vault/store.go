package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Store is an open store. Its methods may be called from many goroutines.
// They return ErrClosed after Close, and ctx's error when ctx ends before a
// write has begun; a write that has begun is finished.
type Store struct {
	db      *bolt.DB
	keys    KeyRing
	seconds prometheus.Histogram
	health  health

	// turn lets one writer at a time in and can be waited for with a ctx.
	turn chan struct{}

	mu     sync.RWMutex // read-held by every operation, held to set closed
	closed bool
}

func newStore(db *bolt.DB, keys KeyRing, opts Options) (*Store, error) {
	s := &Store{db: db, keys: keys, turn: make(chan struct{}, 1)}
	s.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "smokepop_vault_write_seconds",
		Help:    "Time a write took until it was on the disk.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	})
	if opts.Metrics != nil {
		err := opts.Metrics.Register(s.seconds)
		var already prometheus.AlreadyRegisteredError
		switch {
		case errors.As(err, &already): // a store opened again goes on counting
			s.seconds = already.ExistingCollector.(prometheus.Histogram)
		case err != nil:
			return nil, err
		}
	}
	// The file was inspected before it was locked for good: look once more.
	if err := view(db, func(tx *bolt.Tx) error { return verify(tx, keys) }); err != nil {
		return nil, err
	}
	return s, s.announceKey()
}

// announceKey writes a canary for a sealing key that is new to the store, so
// that the store never opens without it again.
func (s *Store) announceKey() error {
	known := false
	err := view(s.db, func(tx *bolt.Tx) error {
		known = tx.Bucket(bucketCanary).Get([]byte(s.keys.keys[0].ID)) != nil
		return nil
	})
	if err != nil || known {
		return err
	}
	return s.write(context.Background(), func(tx *bolt.Tx) error { return putCanary(tx, s.keys) })
}

// KeyIDs returns the ids of the keys the store opens records with, the one it
// seals with first.
func (s *Store) KeyIDs() []string { return s.keys.IDs() }

// Get returns the record at path and its revision, or nil, 0 and no error when
// there is none. A record that does not open is ErrDamaged or ErrWrongKey.
func (s *Store) Get(ctx context.Context, path string) (value []byte, revision uint64, err error) {
	if err := checkPath(path); err != nil {
		return nil, 0, err
	}
	err = s.read(ctx, func(tx *bolt.Tx) error {
		value, revision, err = s.record(tx, path)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read record %s: %w", path, err)
	}
	return value, revision, nil
}

// CompareAndSet writes the record at path if it is at revision, or if there is
// none and revision is 0, and returns its new revision. Otherwise it returns
// ErrConflict. No revision is ever given twice, not even after a Delete.
func (s *Store) CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error) {
	return s.put(ctx, path, value, func(tx *bolt.Tx) error {
		_, at, err := s.record(tx, path)
		if err == nil && at != revision {
			err = ErrConflict
		}
		return err
	})
}

// Put writes the record at path whatever was there, damaged or not.
func (s *Store) Put(ctx context.Context, path string, value []byte) error {
	_, err := s.put(ctx, path, value, func(*bolt.Tx) error { return nil })
	return err
}

// Delete removes the record at path if it is at revision, or at any revision
// when that is 0, damaged or not. It tells whether there was one; at another
// revision it returns ErrConflict.
func (s *Store) Delete(ctx context.Context, path string, revision uint64) (existed bool, err error) {
	if err := checkPath(path); err != nil {
		return false, err
	}
	err = s.write(ctx, func(tx *bolt.Tx) error {
		records := tx.Bucket(bucketRecords)
		if existed = records.Get([]byte(path)) != nil; !existed {
			return errUnchanged
		}
		if revision != 0 {
			_, at, err := s.record(tx, path)
			if err != nil {
				return err
			}
			if at != revision {
				return ErrConflict
			}
		}
		return records.Delete([]byte(path))
	})
	if err != nil {
		return false, fmt.Errorf("delete record %s: %w", path, err)
	}
	return existed, nil
}

// List returns the paths that begin with prefix, in order.
func (s *Store) List(ctx context.Context, prefix string) (paths []string, err error) {
	err = s.read(ctx, func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, _ = c.Next() {
			paths = append(paths, string(k))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list records %s: %w", prefix, err)
	}
	return paths, nil
}

// Close waits for what is under way and closes the store. Further calls do
// nothing.
func (s *Store) Close() (err error) {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.health.wait()
	defer guard(&err)
	return s.db.Close()
}

// record opens the record at path inside tx.
func (s *Store) record(tx *bolt.Tx, path string) ([]byte, uint64, error) {
	blob := tx.Bucket(bucketRecords).Get([]byte(path))
	if blob == nil {
		return nil, 0, nil
	}
	return s.keys.open(path, blob)
}

func (s *Store) put(ctx context.Context, path string, value []byte, allowed func(*bolt.Tx) error) (revision uint64, err error) {
	if err := checkPath(path); err != nil {
		return 0, err
	}
	if len(value) > MaxValue {
		return 0, fmt.Errorf("%w: record %s has %d bytes, more than %d", ErrInvalid, path, len(value), MaxValue)
	}
	err = s.write(ctx, func(tx *bolt.Tx) error {
		if err := allowed(tx); err != nil {
			return err
		}
		records := tx.Bucket(bucketRecords)
		// The bucket's sequence, not the record's: a record that was deleted
		// and made again must not come back at an old revision.
		if revision, err = records.NextSequence(); err != nil {
			return err
		}
		blob, err := s.keys.seal(path, revision, value)
		if err != nil {
			return err
		}
		return records.Put([]byte(path), blob)
	})
	if err != nil {
		return 0, fmt.Errorf("write record %s: %w", path, err)
	}
	return revision, nil
}

// errUnchanged ends a writing transaction that has nothing to write.
var errUnchanged = errors.New("nothing to write")

func (s *Store) read(ctx context.Context, fn func(*bolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return view(s.db, fn)
}

// write runs fn in a transaction of its own. bbolt could put several writers
// into one sync, at the price of a delay and of running fn twice when a
// neighbour fails; a daemon that writes a few records a minute needs neither.
func (s *Store) write(ctx context.Context, fn func(*bolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	start := time.Now()
	err := update(s.db, fn)
	switch {
	case errors.Is(err, errUnchanged):
		return nil
	case err == nil:
		s.seconds.Observe(time.Since(start).Seconds())
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		err = ErrClosed
	}
	s.health.wrote(err)
	return err
}
