package vault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Store is an open store: it seals what it puts into its backend and opens what
// it gets from there. Its methods may be called from many goroutines. They
// return ErrClosed after Close, and ctx's error when ctx ends before a write
// has begun; a write that has begun is finished.
type Store struct {
	backend Backend
	keys    atomic.Pointer[KeyRing]
	seconds prometheus.Histogram
	health  health

	rotation sync.Mutex // held to change the keys, or what they are needed for

	mu     sync.RWMutex // read-held by every operation, held to set closed and keys
	closed bool

	created bool
}

// New returns a store over backend, which it closes with itself, and also when
// it fails. An empty backend becomes a store of these keys; to any other the
// keys must fit. The errors are ErrNoKey, ErrWrongKey, ErrDamaged and the
// backend's.
func New(ctx context.Context, backend Backend, keys KeyRing, opts Options) (*Store, error) {
	s := &Store{backend: backend}
	s.keys.Store(&keys)
	if err := s.start(ctx, opts.Metrics); err != nil {
		return nil, errors.Join(err, backend.Close())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context, metrics prometheus.Registerer) error {
	s.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "smokepop_vault_write_seconds",
		Help:    "Time a write took until it was on the disk.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	})
	if metrics != nil {
		err := metrics.Register(s.seconds)
		var already prometheus.AlreadyRegisteredError
		switch {
		case errors.As(err, &already): // a store opened again goes on counting
			s.seconds = already.ExistingCollector.(prometheus.Histogram)
		case err != nil:
			return err
		}
	}
	if len(s.ring().keys) == 0 {
		return ErrNoKey
	}
	return s.tryKeys(ctx, s.ring())
}

// ring returns the keys in use at this moment.
func (s *Store) ring() KeyRing { return *s.keys.Load() }

// Created tells whether Open found no database and made a new one.
func (s *Store) Created() bool { return s.created }

// KeyIDs returns the ids of the keys the store opens records with, the one it
// seals with first.
func (s *Store) KeyIDs() []string { return s.ring().IDs() }

// Get returns the record at path and its revision, or nil, 0 and no error when
// there is none. A record that does not open is ErrDamaged or ErrWrongKey.
func (s *Store) Get(ctx context.Context, path string) (value []byte, revision uint64, err error) {
	if err := checkPath(path); err != nil {
		return nil, 0, err
	}
	err = s.reading(func() error {
		value, revision, err = s.record(ctx, path)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read record %s: %w", path, err)
	}
	return value, revision, nil
}

// CompareAndSet writes the record at path if it is at revision, or if there is
// none and revision is 0, and returns its new revision. Otherwise it returns
// ErrConflict. It does not write over a record that does not open. No revision
// is ever given twice, not even after a Delete.
func (s *Store) CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (next uint64, err error) {
	err = s.writing(path, value, func() error {
		if err := s.at(ctx, path, revision); err != nil {
			return err
		}
		next, err = s.put(ctx, path, value, revision)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write record %s: %w", path, err)
	}
	return next, nil
}

// Put writes the record at path whatever was there, damaged or not.
func (s *Store) Put(ctx context.Context, path string, value []byte) error {
	err := s.writing(path, value, func() error {
		_, err := s.put(ctx, path, value, AnyRevision)
		return err
	})
	if err != nil {
		return fmt.Errorf("write record %s: %w", path, err)
	}
	return nil
}

// Delete removes the record at path if it is at revision, or at any revision
// when that is 0, damaged or not. It tells whether there was one; at another
// revision it returns ErrConflict.
func (s *Store) Delete(ctx context.Context, path string, revision uint64) (existed bool, err error) {
	err = s.writing(path, nil, func() error {
		if revision == 0 {
			revision = AnyRevision
		} else if err := s.at(ctx, path, revision); err != nil {
			return err
		}
		start := time.Now()
		existed, err = s.backend.Delete(ctx, path, revision)
		if err == nil && !existed {
			return nil // nothing was written
		}
		return s.wrote(start, err)
	})
	if err != nil {
		return false, fmt.Errorf("delete record %s: %w", path, err)
	}
	return existed, nil
}

// List returns the paths that begin with prefix, in order.
func (s *Store) List(ctx context.Context, prefix string) (paths []string, err error) {
	err = s.reading(func() error {
		paths, err = s.backend.List(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list records %s: %w", prefix, err)
	}
	return slices.DeleteFunc(paths, reserved), nil
}

// Record is a record as GetAll found it, or why it does not open.
type Record struct {
	Path     string
	Value    []byte
	Revision uint64
	Err      error
}

// GetAll returns the records whose path begins with one of prefixes, in the order of
// their paths. The prefixes end with a slash, and none is one of another's. It is for
// reading many: a record that was written a moment ago may be missing, or be as it
// was before, which a CompareAndSet at its revision finds out.
func (s *Store) GetAll(ctx context.Context, prefixes ...string) (all []Record, err error) {
	var blobs [][]byte
	err = s.reading(func() error {
		return s.backend.GetAll(ctx, prefixes, func(path string, blob []byte, revision uint64, err error) {
			if !reserved(path) {
				all, blobs = append(all, Record{path, nil, revision, err}), append(blobs, blob)
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read records %s: %w", strings.Join(prefixes, ", "), err)
	}
	// On every processor: at the start with thousands of agents everybody waits for it.
	var next atomic.Int64
	var opening sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(all)) {
		opening.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				r := &all[i]
				if r.Err == nil {
					r.Value, r.Err = s.unsealed(r.Path, blobs[i], r.Revision)
				}
				if r.Err != nil {
					r.Err = fmt.Errorf("read record %s: %w", r.Path, r.Err)
				}
			}
		})
	}
	opening.Wait()
	slices.SortFunc(all, func(a, b Record) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// Watch returns the changes, made after this call, of records whose path
// begins with prefix, in the order they were made. It is looped over once, by
// one goroutine, and ends when ctx does, when the loop is left or when the
// store is closed; a ctx that never ends keeps a watch that nobody loops over.
//
// Writers never wait for it. For a loop that is slow, changes of the same
// record become one, the newest, in its place; of more than 1024 records, one
// Change that is Missed. After a write that returned an error there may be no
// Change though it has reached the disk.
func (s *Store) Watch(ctx context.Context, prefix string) iter.Seq[Change] {
	changes := s.backend.Watch(ctx, prefix)
	return func(yield func(Change) bool) {
		for c := range changes {
			if !reserved(c.Path) && !yield(c) {
				return
			}
		}
	}
}

// Close waits for what is under way and closes the store and its backend.
// Further calls do nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.health.wait()
	return s.backend.Close()
}

// record gets the record at path and opens it.
func (s *Store) record(ctx context.Context, path string) ([]byte, uint64, error) {
	blob, revision, err := s.backend.Get(ctx, path)
	if blob == nil || err != nil {
		return nil, 0, err
	}
	value, err := s.unsealed(path, blob, revision)
	if err != nil {
		return nil, 0, err
	}
	return value, revision, nil
}

// unsealed opens the blob that stands at path and revision.
func (s *Store) unsealed(path string, blob []byte, revision uint64) ([]byte, error) {
	value, bound, err := s.ring().open(path, blob)
	// 0: the backend did not know the revision when the record was sealed.
	if err == nil && bound != 0 && bound != revision {
		return nil, fmt.Errorf("%w: it was sealed for revision %d and stands at %d", ErrDamaged, bound, revision)
	}
	return value, err
}

// at returns ErrConflict when the record at path is not at revision. A change
// that comes after it is the backend's to find.
func (s *Store) at(ctx context.Context, path string, revision uint64) error {
	_, is, err := s.record(ctx, path)
	if err == nil && is != revision {
		err = ErrConflict
	}
	return err
}

func (s *Store) put(ctx context.Context, path string, value []byte, revision uint64) (uint64, error) {
	start := time.Now()
	next, err := s.backend.CompareAndSet(ctx, path, revision, func(next uint64) ([]byte, error) {
		return s.ring().seal(path, next, value)
	})
	return next, s.wrote(start, err)
}

// wrote notes how a write went.
func (s *Store) wrote(start time.Time, err error) error {
	if err == nil {
		s.seconds.Observe(time.Since(start).Seconds())
	}
	s.health.wrote(err)
	return err
}

func (s *Store) reading(fn func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	return fn()
}

func (s *Store) writing(path string, value []byte, fn func() error) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: it has %d bytes, more than %d", ErrInvalid, len(value), MaxValue)
	}
	return s.reading(fn)
}

// reserved tells whether the vault keeps its own records at path.
func reserved(path string) bool { return strings.HasPrefix(path, reservedPrefix) }
