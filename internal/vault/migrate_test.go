package vault

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

func kvStore(t *testing.T) *Store {
	t.Helper()
	s, err := OpenJetStream(t.Context(), natsBucket(t), testRing(t, "k1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func boltStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "state"), testRing(t, "k1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		if err := s.Put(t.Context(), fmt.Sprintf("tokens/firm.example.com/%d", i), fmt.Appendf(nil, "value %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), "carried/calls/head", []byte("x")); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, one, other *Store, n int) {
	t.Helper()
	paths, err := movable(t.Context(), other)
	if err != nil || len(paths) != n {
		t.Fatalf("%d records, %v; want %d", len(paths), err, n)
	}
	if err := compare(t.Context(), one, other, paths); err != nil {
		t.Error(err)
	}
}

// There and back again, and nothing is missing.
func TestMigrate(t *testing.T) {
	const n = 50
	bolt, kv := boltStore(t), kvStore(t)
	fill(t, bolt, n)
	m, err := Migrate(t.Context(), bolt, kv, "here")
	if err != nil || m != (Migrated{Records: n, Copied: n}) {
		t.Fatalf("%+v, %v", m, err)
	}
	same(t, bolt, kv, n)
	if _, err := Migrate(t.Context(), bolt, kv, "here"); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into a store that is in use: %v", err)
	}
	back := boltStore(t)
	if m, err := Migrate(t.Context(), kv, back, "there"); err != nil || m.Copied != n {
		t.Fatalf("back: %+v, %v", m, err)
	}
	same(t, bolt, back, n)
}

// A move that is broken off after any number of records goes on.
func TestMigrateResumes(t *testing.T) {
	const n = 20
	bolt, kv := boltStore(t), kvStore(t)
	fill(t, bolt, n)
	for _, broken := range []int{1, 4, 7} {
		ctx, cancel := context.WithCancel(t.Context())
		kv.backend = &breaks{Backend: kv.backend, after: broken, cancel: cancel}
		_, err := Migrate(ctx, bolt, kv, "here")
		kv.backend = kv.backend.(*breaks).Backend
		cancel()
		if err == nil {
			t.Fatalf("it was not broken off after %d", broken)
		}
		if _, err := Migrate(t.Context(), bolt, kv, "elsewhere"); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("a move from elsewhere goes on: %v", err)
		}
	}
	m, err := Migrate(t.Context(), bolt, kv, "here")
	if err != nil || m.Records != n || m.Copied == n || !m.Resumed {
		t.Fatalf("%+v, %v", m, err)
	}
	same(t, bolt, kv, n)
}

// breaks ends the context after so many writes.
type breaks struct {
	Backend
	after  int
	cancel context.CancelFunc
}

func (b *breaks) CompareAndSet(ctx context.Context, path string, revision uint64, seal func(uint64) ([]byte, error)) (uint64, error) {
	if b.after--; b.after < 0 {
		b.cancel()
		return 0, context.Canceled
	}
	return b.Backend.CompareAndSet(ctx, path, revision, seal)
}
