package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func openStore(t testing.TB, dir string, ring KeyRing) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, ring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// holds wants every one of paths to read as itself.
func holds(t testing.TB, s *Store, paths ...string) {
	t.Helper()
	got, err := s.List(t.Context(), "")
	if err != nil || !slices.Equal(got, paths) {
		t.Errorf("the store holds %q, want %q: %v", got, paths, err)
	}
	for _, p := range paths {
		if v, _, err := s.Get(t.Context(), p); string(v) != p || err != nil {
			t.Errorf("%s: %q %v", p, v, err)
		}
	}
}

var somePaths = []string{"sessions/-/x", "tokens/a/1", "tokens/a/2", "tokens/b/1"}

func TestResealNeedsTheFirstKeyOnly(t *testing.T) {
	dir, old := storeWith(t, somePaths...)
	both, now := testRing(t, "b-key", "a-key"), testRing(t, "b-key")
	s := openStore(t, dir, old)
	if err := s.Healthy(t.Context()); err != nil { // leaves a record of the vault's own
		t.Fatal(err)
	}
	_ = s.Close()
	s = openStore(t, dir, both)
	use, err := s.KeyUse(t.Context())
	if err != nil || use.Settled() || use.Records["a-key"] != 4 || use.Records["b-key"] != 0 || !slices.Equal(use.Needed, []string{"a-key"}) {
		t.Fatalf("before: %+v %v", use, err)
	}
	for range 2 { // the second time there is nothing to do
		if use, err = s.Reseal(t.Context()); err != nil || !use.Settled() || use.Records["b-key"] != 4 || len(use.Unreadable) > 0 {
			t.Fatalf("after: %+v %v", use, err)
		}
	}
	holds(t, s, somePaths...)
	_ = s.Close()
	if _, err := Open(t.Context(), dir, old, Options{}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with the old key: %v", err)
	}
	holds(t, openStore(t, dir, now), somePaths...)
}

// mortal is a backend that does no more than a number of writes.
type mortal struct {
	Backend
	lives int
}

var errDead = errors.New("killed")

func (m *mortal) CompareAndSet(ctx context.Context, path string, revision uint64, seal func(uint64) ([]byte, error)) (uint64, error) {
	if m.lives--; m.lives < 0 {
		return 0, errDead
	}
	return m.Backend.CompareAndSet(ctx, path, revision, seal)
}

func (m *mortal) Delete(ctx context.Context, path string, revision uint64) (bool, error) {
	if m.lives--; m.lives < 0 {
		return false, errDead
	}
	return m.Backend.Delete(ctx, path, revision)
}

// Stopped before any of its writes, a rotation leaves a store that opens with
// the keys it opened with before, and can be taken up again.
func TestResealStoppedAtEveryWrite(t *testing.T) {
	both, swapped := testRing(t, "b-key", "a-key"), testRing(t, "a-key", "b-key")
	for lives := 0; ; lives++ {
		dir, _ := storeWith(t, somePaths...)
		db, err := openBolt(filepath.Join(dir, FileName), &bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(t.Context(), &mortal{newBoltBackend(db), lives}, both, Options{})
		if err == nil {
			_, err = s.Reseal(t.Context())
			_ = s.Close()
		}
		for _, ring := range []KeyRing{swapped, both} {
			again := openStore(t, dir, ring)
			holds(t, again, somePaths...)
			_ = again.Close()
		}
		if err == nil {
			if lives != 1+len(somePaths)+1 { // a canary, the records, the old canary
				t.Errorf("it took %d writes", lives)
			}
			break
		}
		if !errors.Is(err, errDead) {
			t.Fatalf("%d: %v", lives, err)
		}
		again := openStore(t, dir, both)
		if use, err := again.Reseal(t.Context()); err != nil || !use.Settled() {
			t.Fatalf("%d: taken up again: %+v %v", lives, use, err)
		}
		_ = again.Close()
		again = openStore(t, dir, testRing(t, "b-key"))
		holds(t, again, somePaths...)
		_ = again.Close()
	}
}

// What no key opens is lost already: it is named and does not hold up the
// others.
func TestResealLeavesWhatNoKeyOpens(t *testing.T) {
	dir, _ := storeWith(t, somePaths...)
	db, err := openBolt(filepath.Join(dir, FileName), &bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := newBoltBackend(db)
	blob, _, err := b.Get(t.Context(), "tokens/a/1")
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.Clone(blob)
	torn[len(torn)-1] ^= 1
	if _, err := b.CompareAndSet(t.Context(), "tokens/a/1", AnyRevision, func(uint64) ([]byte, error) { return torn, nil }); err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), b, testRing(t, "b-key", "a-key"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	use, err := s.Reseal(t.Context())
	if err != nil || !use.Settled() || !slices.Equal(use.Unreadable, []string{"tokens/a/1"}) || use.Records["b-key"] != 3 {
		t.Fatalf("%+v %v", use, err)
	}
	_ = s.Close()
	s = openStore(t, dir, testRing(t, "b-key"))
	if _, _, err := s.Get(t.Context(), "tokens/a/1"); err == nil {
		t.Error("the damaged record opens")
	}
	if v, _, err := s.Get(t.Context(), "tokens/a/2"); string(v) != "tokens/a/2" || err != nil {
		t.Errorf("its neighbour: %q %v", v, err)
	}
}

func TestUseKeysWantsEveryKeyTheStoreNeeds(t *testing.T) {
	dir, old := storeWith(t, somePaths...)
	s := openStore(t, dir, old)
	imposter, _ := NewKey("a-key", bytes.Repeat([]byte{'z'}, keySize))
	wrong, _ := NewKeyRing(imposter)
	for name, ring := range map[string]KeyRing{"another": testRing(t, "b-key"), "of the same id": wrong} {
		if err := s.UseKeys(t.Context(), ring); !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.UseKeys(t.Context(), KeyRing{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("none: %v", err)
	}
	holds(t, s, somePaths...)
	if err := s.UseKeys(t.Context(), testRing(t, "b-key", "a-key")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.UseKeys(t.Context(), testRing(t, "b-key")); err != nil {
		t.Fatal(err)
	}
	holds(t, s, somePaths...)
	_ = s.Close()
	for name, err := range map[string]error{"UseKeys": s.UseKeys(t.Context(), old), "Reseal": second(s.Reseal(t.Context())), "KeyUse": second(s.KeyUse(t.Context()))} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s of a closed store: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Keys change while agents are at work: nothing they write is lost, and
// nothing is left that the old key is needed for.
func TestKeysChangeUnderLoad(t *testing.T) {
	const writers, changes = 6, 8
	dir, ring := storeWith(t)
	s := openStore(t, dir, ring)
	var stop atomic.Bool
	var wg sync.WaitGroup
	counts := make([]int, writers)
	path := func(i int) string { return fmt.Sprintf("tokens/firm.example/%d", i) }
	for i := range writers {
		wg.Go(func() {
			for counts[i] == 0 || !stop.Load() {
				v, rev, err := s.Get(t.Context(), path(i))
				if err != nil || len(v) != counts[i] {
					t.Errorf("writer %d reads %d bytes of %d: %v", i, len(v), counts[i], err)
					return
				}
				_, err = s.CompareAndSet(t.Context(), path(i), append(v, 'x'), rev)
				switch {
				case err == nil:
					counts[i]++
				case !errors.Is(err, ErrConflict): // with the re-sealing
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
	old := "a-key"
	for n := range changes {
		now := fmt.Sprintf("k%d-key", n)
		if err := s.UseKeys(t.Context(), testRing(t, now, old)); err != nil {
			t.Fatal(err)
		}
		if use, err := s.Reseal(t.Context()); err != nil || !use.Settled() {
			t.Fatalf("%+v %v", use, err)
		}
		if err := s.UseKeys(t.Context(), testRing(t, now)); err != nil {
			t.Fatal(err)
		}
		old = now
	}
	stop.Store(true)
	wg.Wait()
	_ = s.Close()
	s = openStore(t, dir, testRing(t, old))
	for i := range writers {
		if v, _, err := s.Get(t.Context(), path(i)); len(v) != counts[i] || err != nil || counts[i] == 0 {
			t.Errorf("writer %d: %d bytes of %d: %v", i, len(v), counts[i], err)
		}
	}
}

// The store goes on needing a key as long as a record does.
func TestSettleKeepsAKeyThatSeals(t *testing.T) {
	dir, _ := storeWith(t, somePaths...)
	s := openStore(t, dir, testRing(t, "b-key", "a-key"))
	use, err := s.settle(t.Context())
	if err != nil || use.Settled() {
		t.Fatalf("%+v %v", use, err)
	}
	_ = s.Close()
	if _, err := Open(t.Context(), dir, testRing(t, "b-key"), Options{}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("without the old key: %v", err)
	}
}

// slowWriter has sealed a blob and takes its time to write it.
type slowWriter struct {
	Backend
	path     string
	meantime func()
}

func (b *slowWriter) CompareAndSet(ctx context.Context, path string, revision uint64, seal func(uint64) ([]byte, error)) (uint64, error) {
	if path == b.path {
		blob, err := seal(0)
		if err != nil {
			return 0, err
		}
		b.meantime()
		seal = func(uint64) ([]byte, error) { return blob, nil }
	}
	return b.Backend.CompareAndSet(ctx, path, revision, seal)
}

// A write that has been sealed with the old key, and is on its way, is waited
// for: after it nothing is sealed with that key any more.
func TestUseKeysWaitsForWritesUnderWay(t *testing.T) {
	dir, ring := storeWith(t)
	db, err := openBolt(filepath.Join(dir, FileName), &bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &slowWriter{Backend: newBoltBackend(db), path: "tokens/a/slow"}
	s, err := New(t.Context(), b, ring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	changed := make(chan error, 1)
	b.meantime = func() {
		go func() { changed <- s.UseKeys(t.Context(), testRing(t, "b-key", "a-key")) }()
		select {
		case err := <-changed:
			t.Errorf("the keys changed under the write: %v", err)
			changed <- err
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := s.Put(t.Context(), b.path, []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "tokens/a/next", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if use, err := s.KeyUse(t.Context()); err != nil || use.Records["a-key"] != 1 || use.Records["b-key"] != 1 {
		t.Errorf("%+v %v", use, err)
	}
}
