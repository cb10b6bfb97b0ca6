package smokeball

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestClaims(t *testing.T) {
	token := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".sig"
	}
	for name, c := range map[string]struct {
		token string
		want  []string
	}{
		"both":          {token(`{"sub":"a","username":"b","client_id":"c"}`), []string{"a", "b"}},
		"the same":      {token(`{"sub":"a","username":"a"}`), []string{"a"}},
		"only username": {token(`{"username":"b"}`), []string{"b"}},
		"padded":        {"e30." + base64.URLEncoding.EncodeToString([]byte(`{"sub":"ab"}`)) + ".s", []string{"ab"}},
		"numbers":       {token(`{"sub":5,"username":null}`), nil},
		"too long":      {token(`{"sub":"` + strings.Repeat("x", 129) + `"}`), nil},
		"endless":       {token(`{"sub":"a","x":"` + strings.Repeat("x", maxClaims) + `"}`), nil},
		"array":         {token(`["sub"]`), nil},
		"null":          {token(`null`), nil},
		"not JSON":      {token(`hush`), nil},
		"not base64":    {"a.!!.c", nil},
		"opaque":        {"dmcxd329ujdmkemkd349r", nil},
		"two parts":     {"e30.e30", nil},
		"empty":         {"", nil},
	} {
		if got := ReadClaims(screenpop.Secret(c.token)).UserIDs; !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for payload, want := range map[string][]string{
		`{"scope":"contacts/read  firm/read"}`: {"contacts/read", "firm/read"}, `{"scope":""}`: {}, `{"scope":["contacts/read"]}`: nil, `{}`: nil,
	} {
		if got := ReadClaims(screenpop.Secret(token(payload))).Scopes; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", payload, got, want)
		}
	}
}

func FuzzClaims(f *testing.F) {
	f.Add("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"user-priya","scope":"contacts/read"}`)) + ".sig")
	f.Fuzz(func(t *testing.T, token string) {
		for _, id := range ReadClaims(screenpop.Secret(token)).UserIDs {
			if id == "" || len(id) > 128 {
				t.Errorf("%q", id)
			}
		}
	})
}
