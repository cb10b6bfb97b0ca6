package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// backends are all there are; what holds for one holds for the others.
var backends = map[string]func(t *testing.T) Backend{
	"bbolt": func(t *testing.T) Backend {
		dir := t.TempDir()
		path := filepath.Join(dir, FileName)
		if err := create(dir, path); err != nil {
			t.Fatal(err)
		}
		db, err := openBolt(path, &bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return newBoltBackend(db)
	},
	"jetstream": func(t *testing.T) Backend {
		b, err := newKVBackend(t.Context(), natsBucket(t))
		if err != nil {
			t.Fatal(err)
		}
		return b
	},
	"memory": func(*testing.T) Backend { return &memory{records: map[string]entry{}} },
}

func eachBackend(t *testing.T, test func(t *testing.T, b Backend)) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, b)
		})
	}
}

// memory is a Backend like a remote one: it knows a revision only once it has
// given it, so that no blob is bound to one.
type memory struct {
	mu       sync.Mutex
	records  map[string]entry
	last     uint64
	closed   bool
	watchers watchers
}

type entry struct {
	blob     []byte
	revision uint64
}

func (m *memory) enter(ctx context.Context) error {
	m.mu.Lock()
	if m.closed {
		return ErrClosed
	}
	return ctx.Err()
}

func (m *memory) Get(ctx context.Context, path string) ([]byte, uint64, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return nil, 0, err
	}
	e := m.records[path]
	return bytes.Clone(e.blob), e.revision, nil
}

func (m *memory) CompareAndSet(ctx context.Context, path string, revision uint64, seal func(uint64) ([]byte, error)) (uint64, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	if revision != AnyRevision && m.records[path].revision != revision {
		return 0, ErrConflict
	}
	blob, err := seal(0)
	if err != nil {
		return 0, err
	}
	m.last++
	m.records[path] = entry{blob, m.last}
	m.watchers.tell(Change{Path: path, Revision: m.last})
	return m.last, nil
}

func (m *memory) Delete(ctx context.Context, path string, revision uint64) (bool, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return false, err
	}
	e, existed := m.records[path]
	if !existed {
		return false, nil
	}
	if revision != AnyRevision && e.revision != revision {
		return false, ErrConflict
	}
	delete(m.records, path)
	m.last++
	m.watchers.tell(Change{Path: path, Revision: m.last, Deleted: true})
	return true, nil
}

func (m *memory) List(ctx context.Context, prefix string) (paths []string, err error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	for p := range m.records {
		if strings.HasPrefix(p, prefix) {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths, nil
}

func (m *memory) GetAll(ctx context.Context, prefixes []string, each func(string, []byte, uint64, error)) error {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return err
	}
	for p, e := range m.records {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(p, prefix) }) {
			each(p, bytes.Clone(e.blob), e.revision, nil)
		}
	}
	return nil
}

func (m *memory) Watch(ctx context.Context, prefix string) iter.Seq[Change] {
	return m.watchers.watch(ctx, prefix)
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.watchers.close()
	return nil
}

// sealing returns a seal for a blob that is told from others by value.
func sealing(t testing.TB, path, value string) func(uint64) ([]byte, error) {
	return func(next uint64) ([]byte, error) { return testRing(t, "a-key").seal(path, next, []byte(value)) }
}

func unseal(t testing.TB, path string, blob []byte) string {
	t.Helper()
	v, _, err := testRing(t, "a-key").open(path, blob)
	if err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func TestBackendRecordLife(t *testing.T) {
	const path = "tokens/a/1"
	eachBackend(t, func(t *testing.T, b Backend) {
		ctx := t.Context()
		if blob, rev, err := b.Get(ctx, path); blob != nil || rev != 0 || err != nil {
			t.Fatalf("absent: %x %d %v", blob, rev, err)
		}
		if _, err := b.CompareAndSet(ctx, path, 7, sealing(t, path, "x")); !errors.Is(err, ErrConflict) {
			t.Fatalf("compare with an absent record: %v", err)
		}
		var last uint64
		for i, at := range []func() uint64{func() uint64 { return 0 }, func() uint64 { return last }, func() uint64 { return AnyRevision }} {
			value, told := fmt.Sprint("value ", i), uint64(0)
			next, err := b.CompareAndSet(ctx, path, at(), func(next uint64) ([]byte, error) {
				told = next
				return sealing(t, path, value)(next)
			})
			if err != nil || next <= last || next == AnyRevision || told != 0 && told != next {
				t.Fatalf("write %d: revision %d after %d, seal was told %d: %v", i, next, last, told, err)
			}
			blob, rev, err := b.Get(ctx, path)
			if rev != next || err != nil || unseal(t, path, blob) != value {
				t.Fatalf("write %d: got revision %d: %v", i, rev, err)
			}
			clear(blob) // it is ours
			for _, stale := range []uint64{0, last} {
				if _, err := b.CompareAndSet(ctx, path, stale, sealing(t, path, "x")); !errors.Is(err, ErrConflict) {
					t.Fatalf("write at old revision %d: %v", stale, err)
				}
			}
			last = next
		}
		failed := errors.New("cannot seal")
		if _, err := b.CompareAndSet(ctx, path, last, func(uint64) ([]byte, error) { return nil, failed }); !errors.Is(err, failed) {
			t.Errorf("seal fails: %v", err)
		}
		if blob, rev, err := b.Get(ctx, path); rev != last || err != nil || unseal(t, path, blob) != "value 2" {
			t.Errorf("after what failed: revision %d, want %d: %v", rev, last, err)
		}
		if _, err := b.Delete(ctx, path, last-1); !errors.Is(err, ErrConflict) {
			t.Errorf("delete at an old revision: %v", err)
		}
		if existed, err := b.Delete(ctx, path, last); !existed || err != nil {
			t.Errorf("delete: %v %v", existed, err)
		}
		if existed, err := b.Delete(ctx, path, AnyRevision); existed || err != nil {
			t.Errorf("delete again: %v %v", existed, err)
		}
		if next, err := b.CompareAndSet(ctx, path, 0, sealing(t, path, "new")); err != nil || next <= last {
			t.Errorf("made again at revision %d after %d: %v", next, last, err)
		}
		if existed, err := b.Delete(ctx, path, AnyRevision); !existed || err != nil {
			t.Errorf("delete at any revision: %v %v", existed, err)
		}
	})
}

func TestBackendList(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		for _, p := range []string{"tokens/b/2", "vault/-/x", "tokens/a/1", "tokens/ab/1", "sessions/-/x"} {
			if _, err := b.CompareAndSet(t.Context(), p, 0, sealing(t, p, "")); err != nil {
				t.Fatal(err)
			}
		}
		for prefix, want := range map[string][]string{
			"":         {"sessions/-/x", "tokens/a/1", "tokens/ab/1", "tokens/b/2", "vault/-/x"},
			"tokens/a": {"tokens/a/1", "tokens/ab/1"},
			"vault/":   {"vault/-/x"},
			"zebra/":   nil,
		} {
			if got, err := b.List(t.Context(), prefix); !slices.Equal(got, want) || err != nil {
				t.Errorf("List(%q) = %q, %v; want %q", prefix, got, err, want)
			}
		}
	})
}

func TestBackendGetAll(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		revisions := map[string]uint64{}
		for _, p := range []string{"tokens/b/2", "vault/-/x", "tokens/a/1", "tokens/a/2", "tokens/a/3", "tokens/ab/1", "sessions/-/x"} {
			var err error
			if revisions[p], err = b.CompareAndSet(t.Context(), p, 0, sealing(t, p, p)); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if revisions["tokens/a/1"], err = b.CompareAndSet(t.Context(), "tokens/a/1", AnyRevision, sealing(t, "tokens/a/1", "tokens/a/1")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Delete(t.Context(), "tokens/a/3", AnyRevision); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct{ prefixes, want []string }{
			{nil, nil},
			{[]string{"zebra/"}, nil},
			{[]string{"tokens/a/"}, []string{"tokens/a/1", "tokens/a/2"}},
			{[]string{"tokens/b/", "zebra/", "vault/", "tokens/a/"}, []string{"tokens/a/1", "tokens/a/2", "tokens/b/2", "vault/-/x"}},
		} {
			var got []string
			err := b.GetAll(t.Context(), test.prefixes, func(path string, blob []byte, revision uint64, err error) {
				if got = append(got, path); revision != revisions[path] || unseal(t, path, blob) != path || err != nil {
					t.Errorf("%s comes as %q at revision %d, %v; want %d", path, unseal(t, path, blob), revision, err, revisions[path])
				}
			})
			if slices.Sort(got); !slices.Equal(got, test.want) || err != nil {
				t.Errorf("GetAll(%q) = %q, %v; want %q", test.prefixes, got, err, test.want)
			}
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.GetAll(over, []string{"tokens/a/"}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits any more: %v", err)
		}
	})
}

func TestBackendOneOfManyWins(t *testing.T) {
	const path, writers, rounds = "tokens/a/1", 8, 10
	eachBackend(t, func(t *testing.T, b Backend) {
		var won sync.Map
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range rounds {
					_, rev, err := b.Get(t.Context(), path)
					if err != nil {
						t.Error(err)
						return
					}
					next, err := b.CompareAndSet(t.Context(), path, rev, sealing(t, path, "v"))
					if errors.Is(err, ErrConflict) {
						continue
					}
					if from, twice := won.LoadOrStore(rev, next); err != nil || twice {
						t.Errorf("two writers won at revision %d (%d and %d): %v", rev, from, next, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestBackendWatch(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		put := func(p string) uint64 {
			rev, err := b.CompareAndSet(t.Context(), p, AnyRevision, sealing(t, p, ""))
			if err != nil {
				t.Fatal(err)
			}
			return rev
		}
		put("tokens/a/0")
		changes := b.Watch(ctx, "tokens/a/")
		put("tokens/a/1") // changed again before anybody looks
		two := put("tokens/a/2")
		put("tokens/b/1")
		_, _ = b.CompareAndSet(t.Context(), "tokens/a/2", 0, sealing(t, "tokens/a/2", "conflict"))
		one := put("tokens/a/1")
		if _, err := b.Delete(t.Context(), "tokens/a/0", AnyRevision); err != nil {
			t.Fatal(err)
		}
		var got []Change
		for c := range changes {
			if got = append(got, c); len(got) == 3 {
				cancel() // ends the loop
			}
		}
		if len(got) != 3 {
			t.Fatalf("%+v", got)
		}
		deleted := got[2].Revision
		want := []Change{{Path: "tokens/a/2", Revision: two}, {Path: "tokens/a/1", Revision: one}, {Path: "tokens/a/0", Revision: deleted, Deleted: true}}
		if !slices.Equal(got, want) || deleted <= one {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if next := put("tokens/a/0"); next <= deleted {
			t.Errorf("made again at %d, deleted at %d", next, deleted)
		}
	})
}

func TestBackendWatchEndsWithTheBackend(t *testing.T) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			changes := b.Watch(t.Context(), "")
			if _, err := b.CompareAndSet(t.Context(), "tokens/a/1", 0, sealing(t, "tokens/a/1", "")); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			n := 0
			for range changes {
				n++
			}
			for range b.Watch(t.Context(), "") {
				n += 10
			}
			if n != 1 {
				t.Errorf("%d changes, want the one from before the end", n)
			}
		})
	}
}

func TestBackendClosedOrCancelled(t *testing.T) {
	all := func(ctx context.Context, b Backend) []error {
		_, _, get := b.Get(ctx, "tokens/a/1")
		_, cas := b.CompareAndSet(ctx, "tokens/a/1", AnyRevision, sealing(t, "tokens/a/1", ""))
		_, del := b.Delete(ctx, "tokens/a/1", AnyRevision)
		_, list := b.List(ctx, "")
		return []error{get, cas, del, list}
	}
	eachBackend(t, func(t *testing.T, b Backend) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for i, err := range all(ctx, b) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled, %d: %v", i, err)
			}
		}
		if paths, err := b.List(t.Context(), ""); len(paths) > 0 || err != nil {
			t.Errorf("written all the same: %q %v", paths, err)
		}
		for range 2 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for i, err := range all(t.Context(), b) {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("closed, %d: %v", i, err)
			}
		}
	})
}

// A store over any backend is the same store.
func TestStoreOverBackend(t *testing.T) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			b, ring := open(t), testRing(t, "a-key")
			s, err := New(t.Context(), b, ring, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			changes := s.Watch(ctx, "")
			first, err := s.CompareAndSet(ctx, blobPath, []byte("one"), 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Healthy(ctx); err != nil {
				t.Error(err)
			}
			s.health.wrote(errors.New("so that Healthy has to write"))
			if err := s.Healthy(ctx); err != nil {
				t.Error(err)
			}
			old, _, _ := b.Get(ctx, blobPath)
			second, err := s.CompareAndSet(ctx, blobPath, []byte("two"), first)
			if err != nil || second <= first {
				t.Fatalf("%d after %d: %v", second, first, err)
			}
			if _, err := s.CompareAndSet(ctx, blobPath, []byte("three"), first); !errors.Is(err, ErrConflict) {
				t.Errorf("at an old revision: %v", err)
			}
			if v, rev, err := s.Get(ctx, blobPath); string(v) != "two" || rev != second || err != nil {
				t.Errorf("%q %d %v", v, rev, err)
			}
			if paths, err := s.List(ctx, ""); !slices.Equal(paths, []string{blobPath}) || err != nil {
				t.Errorf("%q %v", paths, err)
			}
			for c := range changes { // none of the vault's own records
				if c.Path != blobPath || c.Revision != second {
					t.Errorf("%+v", c)
				}
				break
			}
			// What stands at another record's place does not open, nor is it
			// written over.
			other := blobPath + "0"
			if _, err := b.CompareAndSet(ctx, other, 0, func(uint64) ([]byte, error) { return old, nil }); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Get(ctx, other); !errors.Is(err, ErrDamaged) {
				t.Errorf("a blob that was moved: %v", err)
			}
			if _, err := s.CompareAndSet(ctx, other, nil, first); !errors.Is(err, ErrDamaged) {
				t.Errorf("written over: %v", err)
			}
		})
	}
}

func TestStoreOverBackendTriesItsKeys(t *testing.T) {
	b := &memory{records: map[string]entry{}}
	again := func(keys KeyRing) error {
		b.closed, b.watchers = false, watchers{}
		_, err := New(t.Context(), b, keys, Options{})
		return err
	}
	ring := testRing(t, "a-key")
	s, err := New(t.Context(), b, ring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Put(t.Context(), blobPath, nil), again(ring)); err != nil {
		t.Fatal(err)
	}
	if err := again(testRing(t, "b-key")); !errors.Is(err, ErrWrongKey) || !b.closed {
		t.Errorf("another key: %v", err)
	}
	if err := again(KeyRing{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	e := b.records[canaryPath("a-key")]
	b.records[canaryPath("a-key")] = entry{e.blob[:len(e.blob)-1], e.revision}
	if err := again(ring); !errors.Is(err, ErrDamaged) {
		t.Errorf("half a canary: %v", err)
	}
	delete(b.records, canaryPath("a-key"))
	if err := again(ring); !errors.Is(err, ErrDamaged) {
		t.Errorf("no canary: %v", err)
	}
}
