package config

import (
	"slices"
	"strings"
	"testing"
)

var beforeChange = strings.Replace(minimal, "smokepop.key", "/key", 1) + `
  - domain: second.example.com
    smokeball: {client_id: id, client_secret: second-secret, api_key: ak}
log: {level: info}
`

// What has changed is told by its key, once, and never by its value.
func TestChangedNamesKeys(t *testing.T) {
	replaced := func(old, with string) string {
		if !strings.Contains(beforeChange, old) {
			t.Fatalf("there is no %q", old)
		}
		return strings.Replace(beforeChange, old, with, 1)
	}
	for _, c := range []struct {
		name, after string
		want        []string
	}{
		{"nothing", beforeChange, nil},
		{"what is written otherwise and means the same", replaced("log: {level: info}", "log: {level: \"info\", format: auto}\naudit: {file: \"\"}\nembed: {allowed_parents: []}"), nil},
		{"one key", replaced("level: info", "level: debug"), []string{"log.level"}},
		{"a secret", replaced("the-client-secret", "another-secret"), []string{"tenants[firm.example.com].smokeball.client_secret"}},
		{"a tenant's keys", replaced("second-secret, api_key: ak}", "second-secret, api_key: ak}\n    scope: {groups: [intake]}\n    pbx: {internal: {extensions: \"^[1-9]$\"}}\n    agents: [{extension: \"1\", name: P}]"),
			[]string{"tenants[second.example.com].scope", "tenants[second.example.com].pbx.internal.extensions", "tenants[second.example.com].agents"}},
		{"a tenant that is gone and one that is new", replaced("second.example.com", "third.example.com"), []string{"tenants[third.example.com]", "tenants[second.example.com]"}},
	} {
		got := Changed(mustLoad(t, beforeChange), mustLoad(t, c.after))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A secret is read from its file again: another one there is a change of the key,
// and leaves the fingerprint as it is.
func TestChangedSeesSecretsInFiles(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "secret", "first")
	content := strings.Replace(minimal, "client_secret: the-client-secret", "client_secret_file: secret", 1)
	before, problems := loadIn(t, dir, content)
	if problems != nil {
		t.Fatal(problems)
	}
	put(t, dir, "secret", "second")
	after, problems := loadIn(t, dir, content)
	if problems != nil {
		t.Fatal(problems)
	}
	if got := Changed(before, after); !slices.Equal(got, []string{"tenants[firm.example.com].smokeball.client_secret"}) {
		t.Errorf("changed: %q", got)
	}
	if a, b := Fingerprint(before), Fingerprint(after); a != b || len(a) != 16 {
		t.Errorf("fingerprints %q and %q: a secret has a part in them", a, b)
	}
	other := mustLoad(t, beforeChange)
	if a, b := Fingerprint(before), Fingerprint(other); a == b {
		t.Errorf("two configurations have the fingerprint %q", a)
	}
}
