package tokens

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestUseTellsHowTheTokenStood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		stood := func(when string, want screenpop.TokenState) {
			t.Helper()
			token, got, err := r.keeper.Use(t.Context(), priya)
			if got != want || (err == nil) != (token != "") {
				t.Errorf("%s: %s (%v), want %s", when, got, err, want)
			}
		}
		stood("before pairing", screenpop.TokenUnpaired)
		r.pair()
		stood("after pairing", screenpop.TokenFresh)
		pass(time.Hour)
		stood("after an hour", screenpop.TokenRefreshed)
		stood("and again", screenpop.TokenFresh)
		pass(time.Hour)
		r.server.set(func(s *authServer) { s.answer = func(string) (int, string) { return 502, "" } })
		stood("while the server fails", screenpop.TokenNotRefreshed)
		stood("while that backs off", screenpop.TokenNotRefreshed)
		pass(time.Minute)
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { return 400, `{"error":"invalid_grant"}` }
		})
		stood("when the authorisation has ended", screenpop.TokenExpired)
		stood("and later", screenpop.TokenExpired)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		stood("after unpairing", screenpop.TokenUnpaired)
	})
}
