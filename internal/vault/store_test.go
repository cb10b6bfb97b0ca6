package vault_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	. "github.com/smokepop/smokepop/internal/vault"
)

func TestMain(m *testing.M) {
	if code, is := beChild(); is {
		os.Exit(code)
	}
	if dir := writerDir(); dir != "" {
		writeForever(dir) // this process is the child of TestKilledWhileWriting
		return
	}
	goleak.VerifyTestMain(m)
}

func newKey(t testing.TB, id string) Key {
	t.Helper()
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	k, err := NewKey(id, secret[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ringOf(t testing.TB, keys ...Key) KeyRing {
	t.Helper()
	r, err := NewKeyRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t testing.TB, dir string, keys KeyRing) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, keys, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// stateDir is a directory that does not exist yet.
func stateDir(t testing.TB) string { return filepath.Join(t.TempDir(), "state") }

const token = "tokens/firm.example/101"

func TestRecordLife(t *testing.T) {
	s := open(t, stateDir(t), ringOf(t, newKey(t, "k1")))
	ctx := t.Context()

	if v, rev, err := s.Get(ctx, token); v != nil || rev != 0 || err != nil {
		t.Fatalf("absent: %q %d %v", v, rev, err)
	}
	if _, err := s.CompareAndSet(ctx, token, []byte("a"), 7); !errors.Is(err, ErrConflict) {
		t.Fatalf("compare with an absent record: %v", err)
	}
	first, err := s.CompareAndSet(ctx, token, []byte("a"), 0)
	if err != nil || first == 0 {
		t.Fatalf("create: %d %v", first, err)
	}
	if _, err := s.CompareAndSet(ctx, token, []byte("b"), 0); !errors.Is(err, ErrConflict) {
		t.Fatalf("create over a record: %v", err)
	}
	second, err := s.CompareAndSet(ctx, token, []byte("b"), first)
	if err != nil || second <= first {
		t.Fatalf("change: %d %v", second, err)
	}
	if v, rev, err := s.Get(ctx, token); string(v) != "b" || rev != second || err != nil {
		t.Fatalf("read back: %q %d %v", v, rev, err)
	}
	if _, err := s.Delete(ctx, token, first); !errors.Is(err, ErrConflict) {
		t.Fatalf("delete at an old revision: %v", err)
	}
	if existed, err := s.Delete(ctx, token, second); !existed || err != nil {
		t.Fatalf("delete: %v %v", existed, err)
	}
	if existed, err := s.Delete(ctx, token, 0); existed || err != nil {
		t.Fatalf("delete again: %v %v", existed, err)
	}
	again, err := s.CompareAndSet(ctx, token, []byte("c"), 0)
	if err != nil || again <= second {
		t.Fatalf("made again at revision %d after %d: %v", again, second, err)
	}
	if err := s.Put(ctx, token, nil); err != nil {
		t.Fatal(err)
	}
	if v, rev, err := s.Get(ctx, token); v == nil || len(v) != 0 || rev <= again || err != nil {
		t.Fatalf("empty value: %v %d %v", v, rev, err)
	}
}

func TestList(t *testing.T) {
	s := open(t, stateDir(t), ringOf(t, newKey(t, "k1")))
	for _, p := range []string{"tokens/b/2", "tokens/a/1", "tokens/ab/1", "sessions/-/x"} {
		if err := s.Put(t.Context(), p, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string][]string{
		"":          {"sessions/-/x", "tokens/a/1", "tokens/ab/1", "tokens/b/2"},
		"tokens/a/": {"tokens/a/1"},
		"tokens/a":  {"tokens/a/1", "tokens/ab/1"},
		"zebra/":    nil,
	} {
		if got, err := s.List(t.Context(), prefix); !slices.Equal(got, want) || err != nil {
			t.Errorf("List(%q) = %q, %v; want %q", prefix, got, err, want)
		}
	}
}

func TestRecordsOutliveTheStore(t *testing.T) {
	dir, keys := stateDir(t), ringOf(t, newKey(t, "k1"))
	s := open(t, dir, keys)
	want := map[string]uint64{}
	for i := range 300 { // more than one page, with pages freed in between
		p := fmt.Sprintf("tokens/firm.example/%d", i%100)
		rev, err := s.CompareAndSet(t.Context(), p, make([]byte, 10*i), want[p])
		if err != nil {
			t.Fatal(err)
		}
		want[p] = rev
		if i%7 == 0 {
			if _, err := s.Delete(t.Context(), p, rev); err != nil {
				t.Fatal(err)
			}
			delete(want, p)
		}
		if i%50 == 0 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, keys)
		}
	}
	paths, err := s.List(t.Context(), "")
	if err != nil || len(paths) != len(want) {
		t.Fatalf("%d records, want %d: %v", len(paths), len(want), err)
	}
	for _, p := range paths {
		if _, rev, err := s.Get(t.Context(), p); rev != want[p] || err != nil {
			t.Errorf("%s: revision %d, want %d: %v", p, rev, want[p], err)
		}
	}
}

func TestKeyIsReplacedStepByStep(t *testing.T) {
	dir, k1, k2 := stateDir(t), newKey(t, "k1"), newKey(t, "k2")
	put := func(keys KeyRing, path string) {
		t.Helper()
		s := open(t, dir, keys)
		if err := s.Put(t.Context(), path, []byte(path)); err != nil {
			t.Fatal(err)
		}
		if got := s.KeyIDs(); !slices.Equal(got, keys.IDs()) {
			t.Errorf("KeyIDs = %q", got)
		}
		_ = s.Close()
	}
	put(ringOf(t, k1), "tokens/a/old")
	put(ringOf(t, k2, k1), "tokens/a/new")
	s := open(t, dir, ringOf(t, k1, k2))
	for _, p := range []string{"tokens/a/old", "tokens/a/new"} {
		if v, _, err := s.Get(t.Context(), p); string(v) != p || err != nil {
			t.Errorf("%s: %q %v", p, v, err)
		}
	}
	_ = s.Close()
	for _, one := range []Key{k1, k2} {
		if _, err := Open(t.Context(), dir, ringOf(t, one), Options{}); !errors.Is(err, ErrWrongKey) {
			t.Errorf("with %v alone: %v", one, err)
		}
	}
}

func TestOneOfManyWinsACompare(t *testing.T) {
	s := open(t, stateDir(t), ringOf(t, newKey(t, "k1")))
	const writers, rounds = 8, 10
	var won atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				v, rev, err := s.Get(t.Context(), token)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = s.CompareAndSet(t.Context(), token, append(v, 'x'), rev)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrConflict):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	v, _, err := s.Get(t.Context(), token)
	if err != nil || int64(len(v)) != won.Load() || won.Load() < rounds {
		t.Errorf("%d writes won and %d arrived: %v", won.Load(), len(v), err)
	}
}

func TestClosed(t *testing.T) {
	s := open(t, stateDir(t), ringOf(t, newKey(t, "k1")))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, _, get := s.Get(t.Context(), token)
	_, cas := s.CompareAndSet(t.Context(), token, nil, 0)
	_, del := s.Delete(t.Context(), token, 0)
	_, list := s.List(t.Context(), "")
	for i, err := range []error{get, cas, del, list, s.Put(t.Context(), token, nil), s.Healthy(t.Context())} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestWriterWaitsNoLongerThanItsContext(t *testing.T) {
	s := open(t, stateDir(t), ringOf(t, newKey(t, "k1")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, token, []byte("v")); !errors.Is(err, context.Canceled) {
		t.Fatalf("put: %v", err)
	}
	if v, _, err := s.Get(t.Context(), token); v != nil || err != nil {
		t.Fatalf("written all the same: %q %v", v, err)
	}
}

func TestHealthyCountsAsAWrite(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, err := Open(t.Context(), stateDir(t), ringOf(t, newKey(t, "k1")), Options{Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := s.Healthy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "smokepop_vault_write_seconds" {
		t.Fatalf("%v %v", families, err)
	}
	if n := families[0].GetMetric()[0].GetHistogram().GetSampleCount(); n != 1 {
		t.Errorf("%d writes for 21 questions, want 1", n)
	}
}

func TestPathsThatAreNone(t *testing.T) {
	s := open(t, stateDir(t), ringOf(t, newKey(t, "k1")))
	for _, p := range []string{"", "tokens", "tokens/a", "/tokens/a/1", "tokens/a/", "tokens//1", "tokens/a/\x00", "tokens/a/\xff", "tokens/a/" + string(make([]byte, 600)), "vault/-/canary/k1"} {
		if err := s.Put(t.Context(), p, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", p, err)
		}
	}
	if err := s.Put(t.Context(), token, make([]byte, MaxValue+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a value too large: %v", err)
	}
	if err := s.Put(t.Context(), token, make([]byte, MaxValue)); err != nil {
		t.Errorf("the largest value: %v", err)
	}
}
