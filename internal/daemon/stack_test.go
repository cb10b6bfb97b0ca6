package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// newVault is an empty store on the disk.
func newVault(t *testing.T) *vault.Store {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := vault.GenerateKey(file); err != nil {
		t.Fatal(err)
	}
	keys, err := vault.LoadKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	store, err := vault.Open(t.Context(), filepath.Join(dir, "state"), keys, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// A part reads what its own agents have chosen, also those of a tenant that the
// configuration does not have yet, and all else that is in the store.
func TestAPartReadsTheSettingsOfItsOwnTenants(t *testing.T) {
	store := newVault(t)
	tenants := []string{"a.example", "b.example", "c.example", "d.example"}
	for _, tenant := range tenants {
		if err := store.Put(t.Context(), web.SessionsPrefix+tenant[:1], []byte(`{"tenant":"`+tenant+`","extension":"40"}`)); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{web.SettingsPrefix + tenant + "/40", "other/" + tenant + "/40"} {
			if err := store.Put(t.Context(), path, []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
	}
	own := cluster.PartOf(tenants[0])
	part := fenced{learning: learning{store, newSessionParts()}, owned: func() bool { return true }, part: own, recall: newRecall(nil, nil), standing: new(stood).standing, hearing: context.Background}
	var want []string
	for _, tenant := range tenants {
		if cluster.PartOf(tenant) == own {
			want = append(want, web.SettingsPrefix+tenant+"/40")
		}
	}
	if got, err := part.List(t.Context(), web.SettingsPrefix); err != nil || !slices.Equal(got, want) || len(want) == len(tenants) {
		t.Errorf("the part lists %v, %v; its tenants have %v", got, err, want)
	}
	if got, err := part.List(t.Context(), "other/"); err != nil || len(got) != len(tenants) {
		t.Errorf("the part lists %v, %v of what is no settings", got, err)
	}
	// Whose a session is says the record alone: each is read once.
	sessions, err := part.List(t.Context(), web.SessionsPrefix)
	if err != nil || len(sessions) != len(tenants) {
		t.Errorf("the part lists %v, %v before it has read any session", sessions, err)
	}
	for _, path := range sessions {
		if _, _, err := part.Get(t.Context(), path); err != nil {
			t.Error(err)
		}
	}
	for of := range cluster.Partitions {
		other := part
		other.part = of
		want := slices.DeleteFunc(slices.Clone(sessions), func(path string) bool {
			return cluster.PartOf(strings.TrimPrefix(path, web.SessionsPrefix)+".example") != of
		})
		if got, err := other.List(t.Context(), web.SessionsPrefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("part %d lists %v, %v; its sessions are %v", of, got, err, want)
		}
	}
	if _, err := web.LoadSettings(t.Context(), part, nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

// While NATS is silent who asks is told that the store is away, and who has gone nothing.
func TestWhoIsSignedInIsAwayWithNATS(t *testing.T) {
	store, path := newVault(t), web.SessionsPrefix+"s"
	silent, silence := context.WithCancel(t.Context())
	part := fenced{learning: learning{store, newSessionParts()}, recall: newRecall(nil, nil), standing: new(stood).standing, hearing: func() context.Context { return silent }}
	if err := store.Put(t.Context(), path, []byte(`{"tenant":"a.example"}`)); err != nil {
		t.Fatal(err)
	}
	if value, _, err := part.Get(t.Context(), path); value == nil || err != nil {
		t.Errorf("%s, %v", value, err)
	}
	silence()
	for _, path := range []string{path, web.SessionsPrefix + "unknown"} {
		if _, _, err := part.Get(t.Context(), path); !errors.Is(err, vault.ErrAway) {
			t.Errorf("%s: %v", path, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := part.Get(gone, path); errors.Is(err, vault.ErrAway) || !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
}
