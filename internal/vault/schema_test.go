package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// schema1 puts a database of schema 1, written by the smokepopd of its time
// with key a-key and then b-key, into a new state directory.
func schema1(t *testing.T) (dir string) {
	t.Helper()
	file, err := os.ReadFile("testdata/schema1.db")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "state")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, FileName), file, 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSchema1IsBroughtUp(t *testing.T) {
	dir, ring := schema1(t), testRing(t, "b-key", "a-key")
	want := []string{"sessions/-/x", "tokens/firm.example/101", "tokens/firm.example/102", "tokens/firm.example/103", "tokens/firm.example/104"}
	last := uint64(0)
	for range 2 { // the second time it is of the present schema
		s, err := Open(t.Context(), dir, ring, Options{})
		if err != nil {
			t.Fatal(err)
		}
		paths, err := s.List(t.Context(), "")
		if err != nil || !slices.Equal(paths, want) {
			t.Errorf("%q %v", paths, err)
		}
		for _, p := range paths {
			v, rev, err := s.Get(t.Context(), p)
			if string(v) != p || rev == 0 || err != nil {
				t.Errorf("%s: %q %d %v", p, v, rev, err)
			}
			last = max(last, rev)
		}
		if next, err := s.CompareAndSet(t.Context(), "tokens/a/new", nil, 0); err != nil || next <= last {
			t.Errorf("revision %d after %d: %v", next, last, err)
		}
		if existed, err := s.Delete(t.Context(), "tokens/a/new", 0); !existed || err != nil {
			t.Error(err)
		}
		canaries, err := s.backend.List(t.Context(), canaryPrefix)
		if err != nil || !slices.Equal(canaries, []string{canaryPath("a-key"), canaryPath("b-key")}) {
			t.Errorf("%q %v", canaries, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range []string{"a-key", "b-key"} {
		expectRefusal(t, dir, testRing(t, one), ErrWrongKey)
	}
}

func TestSchema1IsRefusedUntouched(t *testing.T) {
	dir := schema1(t)
	expectRefusal(t, dir, testRing(t, "a-key"), ErrWrongKey)
	other, _ := NewKey("a-key", bytes.Repeat([]byte{'z'}, keySize))
	ring, _ := NewKeyRing(testRing(t, "b-key").keys[0], other)
	expectRefusal(t, dir, ring, ErrWrongKey)
	for name, fn := range map[string]func(*bolt.Bucket) error{
		"half a canary": func(b *bolt.Bucket) error { return b.Put([]byte("a-key"), []byte("half")) },
		"a torn canary": func(b *bolt.Bucket) error {
			v := bytes.Clone(b.Get([]byte("a-key")))
			v[len(v)-1] ^= 1
			return b.Put([]byte("a-key"), v)
		},
		"no canary": func(b *bolt.Bucket) error {
			return errors.Join(b.Delete([]byte("a-key")), b.Delete([]byte("b-key")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := schema1(t)
			damage(t, dir, func(tx *bolt.Tx) error { return fn(tx.Bucket(bucketCanary)) })
			expectRefusal(t, dir, testRing(t, "b-key", "a-key"), ErrDamaged)
		})
	}
}

func TestRefusalSaysWhatToDo(t *testing.T) {
	dir, ring := storeWith(t, "tokens/a/1")
	damage(t, dir, func(tx *bolt.Tx) error { return tx.Bucket(bucketRecords).Delete([]byte("tokens/a/1")) })
	_, err := Open(t.Context(), dir, ring, Options{})
	if err == nil || !strings.Contains(err.Error(), "put a backup back with `smokepopd restore`, or move "+FileName+" away") {
		t.Errorf("%v", err)
	}
}
