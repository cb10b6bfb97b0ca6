package vault

import (
	"context"
	"iter"
	"math"
)

// AnyRevision stands for whatever revision a record has, or that there is no
// such record.
const AnyRevision uint64 = math.MaxUint64

// Backend keeps blobs that are sealed already, by path. It needs to know
// nothing of keys: what it hands out wrongly does not open.
//
// Its methods may be called from many goroutines. A change is on the disk, as
// durable as the backend knows how, when the method returns nil; after an error
// it may or may not be. A method returns ctx's error when ctx ends before its
// work has begun, ErrClosed after Close, and ErrDamaged for what it finds
// broken. What a method returns belongs to the caller.
type Backend interface {
	// Get returns the blob at path and its revision, which is never 0 nor
	// AnyRevision; nil, 0 and no error when there is none.
	Get(ctx context.Context, path string) (blob []byte, revision uint64, err error)

	// CompareAndSet stores what seal returns at path if the record there is at
	// revision (0: there is none; AnyRevision: whatever is there), and returns
	// its new revision, higher than any the path has had, deleted or not.
	// Otherwise it returns ErrConflict. seal is told the new revision, or 0 by a
	// backend that does not know it beforehand; it may be called more than
	// once, and not at all in a conflict.
	CompareAndSet(ctx context.Context, path string, revision uint64, seal func(next uint64) ([]byte, error)) (uint64, error)

	// Delete removes the record at path if it is at revision, or whatever it is
	// at for AnyRevision, and tells whether there was one. At another revision
	// it returns ErrConflict.
	Delete(ctx context.Context, path string, revision uint64) (existed bool, err error)

	// List returns the paths that begin with prefix, in the order of their
	// bytes.
	List(ctx context.Context, prefix string) ([]string, error)

	// GetAll calls each, one call at a time, with every record whose path begins
	// with one of prefixes, which end with a slash and do not overlap. A record
	// that was written a moment ago may be missing, or come as it was before.
	GetAll(ctx context.Context, prefixes []string, each func(path string, blob []byte, revision uint64, err error)) error

	// Watch returns the changes, made after this call, of records whose path
	// begins with prefix; see [Store.Watch].
	Watch(ctx context.Context, prefix string) iter.Seq[Change]

	// Close waits for what is under way, ends every watch and gives the
	// backend's files or connections back. Further calls do nothing.
	Close() error
}

// Snapshotter is a Backend that can show itself as it is at one moment, while
// writers go on.
type Snapshotter interface {
	// Snapshot calls each with every record as of one moment, in the order of
	// paths, and returns the highest revision it has given out by then. A blob
	// is only lent to each. each has to be quick: it may hold up writers.
	Snapshot(ctx context.Context, each func(path string, blob []byte) error) (last uint64, err error)
}

// Change is a change of one record.
type Change struct {
	Path string
	// Revision is the record's new revision; of a deletion, one between the
	// record's last and its next.
	Revision uint64
	Deleted  bool
	// Missed: more records have changed than are kept for a slow watcher. Path
	// is empty then and the watcher reads again whatever it watches.
	Missed bool
}
