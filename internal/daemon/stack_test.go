package daemon

import (
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// A part reads what its own agents have chosen, also those of a tenant that the
// configuration does not have yet, and all else that is in the store.
func TestAPartReadsTheSettingsOfItsOwnTenants(t *testing.T) {
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
	defer store.Close()
	tenants := []string{"a.example", "b.example", "c.example", "d.example"}
	for _, tenant := range tenants {
		for _, path := range []string{web.SettingsPrefix + tenant + "/40", "other/" + tenant + "/40"} {
			if err := store.Put(t.Context(), path, []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
	}
	own := cluster.PartOf(tenants[0])
	part := fenced{store, func() bool { return true }, own}
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
	if _, err := web.LoadSettings(t.Context(), part, nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}
