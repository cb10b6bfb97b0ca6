package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// boltBackend keeps the blobs in one bbolt file. A record's revision stands in
// its blob's header, where the seal covers it.
type boltBackend struct {
	db       *bolt.DB
	watchers watchers
	// turn lets one writer at a time in and can be waited for with a ctx.
	turn chan struct{}
}

func newBoltBackend(db *bolt.DB) *boltBackend {
	return &boltBackend{db: db, turn: make(chan struct{}, 1)}
}

func (b *boltBackend) Get(ctx context.Context, path string) (blob []byte, revision uint64, err error) {
	err = b.view(ctx, func(tx *bolt.Tx) error {
		found := tx.Bucket(bucketRecords).Get([]byte(path))
		if found == nil {
			return nil
		}
		blob = bytes.Clone(found)
		revision, err = revisionOf(blob)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return blob, revision, nil
}

func (b *boltBackend) CompareAndSet(ctx context.Context, path string, revision uint64, seal func(next uint64) ([]byte, error)) (next uint64, err error) {
	err = b.update(ctx, func(tx *bolt.Tx) error {
		records := tx.Bucket(bucketRecords)
		old := records.Get([]byte(path))
		if err := at(old, revision); err != nil {
			return err
		}
		// The bucket's sequence, not the record's: a record that was deleted
		// and made again must not come back at an old revision.
		if next, err = records.NextSequence(); err != nil {
			return err
		}
		blob, err := seal(next)
		if err != nil {
			return err
		}
		if err := recount(tx, path, old, blob); err != nil {
			return err
		}
		return records.Put([]byte(path), blob)
	}, func() { b.watchers.tell(Change{Path: path, Revision: next}) })
	if err != nil {
		return 0, err
	}
	return next, nil
}

func (b *boltBackend) Delete(ctx context.Context, path string, revision uint64) (existed bool, err error) {
	var next uint64
	err = b.update(ctx, func(tx *bolt.Tx) error {
		records := tx.Bucket(bucketRecords)
		old := records.Get([]byte(path))
		if existed = old != nil; !existed {
			return errUnchanged
		}
		if err := at(old, revision); err != nil {
			return err
		}
		if next, err = records.NextSequence(); err != nil {
			return err
		}
		if err := recount(tx, path, old, nil); err != nil {
			return err
		}
		return records.Delete([]byte(path))
	}, func() { b.watchers.tell(Change{Path: path, Revision: next, Deleted: true}) })
	if err != nil && !errors.Is(err, errUnchanged) {
		return false, err
	}
	return existed, nil
}

func (b *boltBackend) List(ctx context.Context, prefix string) (paths []string, err error) {
	err = b.view(ctx, func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, _ = c.Next() {
			paths = append(paths, string(k))
		}
		return nil
	})
	return paths, err
}

// GetAll reads in one transaction: nothing is missing.
func (b *boltBackend) GetAll(ctx context.Context, prefixes []string, each func(path string, blob []byte, revision uint64, err error)) error {
	return b.view(ctx, func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		for _, prefix := range prefixes {
			for k, v := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
				blob := bytes.Clone(v)
				revision, err := revisionOf(blob)
				each(string(k), blob, revision, err)
			}
		}
		return nil
	})
}

func (b *boltBackend) Watch(ctx context.Context, prefix string) iter.Seq[Change] {
	return b.watchers.watch(ctx, prefix)
}

// Snapshot reads in one transaction, once the records are known to be all
// there. A file that has to grow waits for its end, and with it the writer.
func (b *boltBackend) Snapshot(ctx context.Context, each func(path string, blob []byte) error) (last uint64, err error) {
	err = b.view(ctx, func(tx *bolt.Tx) error {
		if err := checkRecords(tx); err != nil {
			return err
		}
		records := tx.Bucket(bucketRecords)
		last = records.Sequence()
		return records.ForEach(func(path, blob []byte) error { return each(string(path), blob) })
	})
	return last, err
}

func (b *boltBackend) Close() (err error) {
	b.watchers.close()
	defer guard(&err)
	return b.db.Close() // waits for transactions
}

// errUnchanged ends a writing transaction that has nothing to write.
var errUnchanged = errors.New("nothing to write")

// at returns ErrConflict when blob is not at revision.
func at(blob []byte, revision uint64) error {
	if revision == AnyRevision {
		return nil
	}
	is := uint64(0)
	if blob != nil {
		var err error
		if is, err = revisionOf(blob); err != nil {
			return err
		}
	}
	if is != revision {
		return ErrConflict
	}
	return nil
}

func (b *boltBackend) view(ctx context.Context, fn func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return ours(view(b.db, fn))
}

// update runs fn in a transaction of its own and done after it, before the next
// one begins. bbolt could put several writers into one sync, at the price of a
// delay and of running fn twice when a neighbour fails; a daemon that writes a
// few records a minute needs neither.
func (b *boltBackend) update(ctx context.Context, fn func(*bolt.Tx) error, done func()) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := ours(update(b.db, fn)); err != nil {
		return err
	}
	done()
	return nil
}

func ours(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}
