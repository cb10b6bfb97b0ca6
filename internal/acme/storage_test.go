package acme

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
)

// What certmagic expects of a storage, over a real store.
func TestStorage(t *testing.T) {
	store := openStore(t, t.TempDir())
	defer store.Close()
	s, ctx := newStorage(store), t.Context()
	for _, key := range []string{"certificates/ca/pop.firm.example/pop.firm.example.crt", "certificates/ca/pop.firm.example/pop.firm.example.key", "certificates/ca/other.example/other.example.crt", "last_clean.json"} {
		if err := s.Store(ctx, key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := s.Load(ctx, "last_clean.json"); err != nil || string(b) != "last_clean.json" {
		t.Errorf("loaded %q, %v", b, err)
	}
	if _, err := s.Load(ctx, "certificates/ca"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was loaded: %v", err)
	}
	for key, want := range map[string]bool{"certificates": true, "certificates/ca/pop.firm.example": true, "certificates/c": false, "last_clean.json": true, "none": false} {
		if got := s.Exists(ctx, key); got != want {
			t.Errorf("%s exists: %v", key, got)
		}
	}
	for _, tc := range []struct {
		key       string
		recursive bool
		want      []string
	}{
		{"certificates/ca", false, []string{"certificates/ca/other.example", "certificates/ca/pop.firm.example"}},
		{"certificates/ca/other.example", true, []string{"certificates/ca/other.example/other.example.crt"}},
		{"", false, []string{"certificates", "last_clean.json"}},
	} {
		if got, err := s.List(ctx, tc.key, tc.recursive); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("below %q: %q, %v", tc.key, got, err)
		}
	}
	if _, err := s.List(ctx, "none", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing was listed: %v", err)
	}
	if i, err := s.Stat(ctx, "certificates/ca/other.example/other.example.crt"); err != nil || !i.IsTerminal || i.Size == 0 {
		t.Errorf("stat: %+v, %v", i, err)
	}
	if i, err := s.Stat(ctx, "certificates/ca"); err != nil || i.IsTerminal {
		t.Errorf("stat of a directory: %+v, %v", i, err)
	}
	if err := s.Delete(ctx, "certificates/ca/pop.firm.example"); err != nil {
		t.Fatal(err)
	}
	if s.Exists(ctx, "certificates/ca/pop.firm.example") || !s.Exists(ctx, "certificates/ca/other.example") {
		t.Error("not what was to be deleted")
	}
	if err := s.Delete(ctx, "none"); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
}

func TestStorageLocks(t *testing.T) {
	s := newStorage(nil)
	if err := s.Lock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Lock(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Lock(over, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a lock that is held: %v", err)
	}
	got := make(chan error)
	go func() { got <- s.Lock(t.Context(), "a") }()
	_ = s.Unlock(t.Context(), "a")
	if err := <-got; err != nil {
		t.Error(err)
	}
}
