package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// A backup of a bucket is one moment of it, however fast writers are: no record
// is missing, and of two that are written one after the other it never has the
// second without the first.
func TestBackupOfABucketUnderLoad(t *testing.T) {
	s := kvStore(t)
	const pairs, still = 24, 200
	path := func(kind string, i int) string { return fmt.Sprintf("tokens/firm.example.com/%d-%s", i, kind) }
	put := func(path string, n uint64) error {
		return s.Put(t.Context(), path, binary.BigEndian.AppendUint64(nil, n))
	}
	for i := range still {
		if err := put(path("still", i), 1); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var writers sync.WaitGroup
	var written [pairs]atomic.Uint64
	for from := range 4 {
		writers.Go(func() {
			for n := uint64(1); !stop.Load(); n++ {
				for i := from; i < pairs; i += 4 {
					if err := errors.Join(put(path("first", i), n), put(path("second", i), n)); err != nil {
						t.Error(err)
						return
					}
					written[i].Store(n)
				}
			}
		})
	}
	for written[pairs-1].Load() == 0 {
		if t.Failed() {
			break
		}
	}
	for range 30 {
		var before [pairs]uint64
		for i := range before {
			before[i] = written[i].Load()
		}
		b, err := s.Backup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := b.Write(&file); err != nil {
			t.Fatal(err)
		}
		holds := map[string]uint64{}
		if _, err := readBackup(&file, s.ring(), func(backupHead) error { return nil }, func(path string, v []byte) error {
			holds[path] = binary.BigEndian.Uint64(v)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(holds) != 2*pairs+still {
			t.Errorf("%d records, want %d", len(holds), 2*pairs+still)
		}
		for i := range pairs {
			first, second := holds[path("first", i)], holds[path("second", i)]
			if second > first || first > second+1 {
				t.Errorf("pair %d is torn: the second is at %d, the first at %d", i, second, first)
			}
			if second < before[i] {
				t.Errorf("pair %d is of before the backup began: at %d, written %d", i, second, before[i])
			}
		}
	}
	stop.Store(true)
	writers.Wait()
}

// come is a message of a bucket.
type come struct {
	jetstream.KeyValueEntry
	revision uint64
}

func (c come) Key() string                     { return "k" }
func (c come) Value() []byte                   { return nil }
func (c come) Revision() uint64                { return c.revision }
func (c come) Operation() jetstream.KeyValueOp { return jetstream.KeyValuePut }

// A message that was replaced while the mark was on its way may have been
// replaced by one after the mark, which is not in what has come.
func TestCutWithAGapBeforeTheMark(t *testing.T) {
	c := kvCut{blobs: map[string][]byte{}}
	take := func(revisions ...uint64) {
		for _, r := range revisions {
			c.take(come{revision: r})
		}
	}
	take(3, 4, 6)
	c.before = c.gap // a mark is written
	take(7)
	if c.whole() {
		t.Error("whole before the mark is known")
	}
	c.mark = 10
	if take(8); c.whole() {
		t.Error("whole before the mark has come")
	}
	if take(10); c.whole() { // and 9 has not
		t.Error("whole with a gap before the mark")
	}
	c.mark, c.before = 12, c.gap // another
	if take(11); c.whole() {
		t.Error("whole before the second mark has come")
	}
	if take(12); !c.whole() || c.last != 12 {
		t.Errorf("not whole, as of %d", c.last)
	}
}

// What was deleted, what belongs to a moment and what is somebody else's is not
// in a backup, and a backup of an empty bucket is one.
func TestBackupOfABucketHasWhatIsThere(t *testing.T) {
	s := kvStore(t)
	if b, err := s.Backup(t.Context()); err != nil || b.Records() != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	fill(t, s, 5)
	if _, err := s.Delete(t.Context(), "tokens/firm.example.com/2", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.backend.(*kvBackend).kv.Put(t.Context(), "=no-path", []byte("x")); err != nil {
		t.Fatal(err)
	}
	file := backedUp(t, s)
	dir := t.TempDir() + "/state"
	if done := restored(t, dir, file, RestoreOptions{Keys: s.ring()}); done.Records != 4 {
		t.Errorf("%+v", done)
	}
	back, err := Open(t.Context(), dir, s.ring(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close() })
	same(t, s, back, 4)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the store was closed: %v", err)
	}
}
