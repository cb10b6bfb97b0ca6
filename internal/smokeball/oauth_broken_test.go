package smokeball

import (
	"strings"
	"testing"
)

// Half a token would take the place of a whole one.
func TestNoHalfTokenIsKept(t *testing.T) {
	const answer = `{"access_token":"a","refresh_token":"r\u0032","expires_in":3600}`
	for i := range len(answer) {
		if got := refreshTokenIn([]byte(answer[:i])); got != "" && got != "r2" {
			t.Errorf("%s: %q", answer[:i], got)
		}
	}
}

func FuzzRefreshTokenIn(f *testing.F) {
	for _, seed := range []string{`{"refresh_token":"r2","expires_in":1}`, `{"refresh_token":"a","refresh_token":2}`, "[]", "", "\x00", `{"refresh_token":{"refresh_token":"x"}}`, strings.Repeat("[", 20000), `{"a":` + strings.Repeat("{\"a\":", 11000)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		// What a whole answer tells, and what is read of it, are one.
		tidied := &salvage{}
		tidy(body, tidied)
		if tidied.refresh != refreshTokenIn(body) {
			t.Errorf("%q and %q", tidied.refresh, refreshTokenIn(body))
		}
	})
}
