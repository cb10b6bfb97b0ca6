package tokens

import (
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Who pairs again and does not get through keeps what there was.
func TestPairingAgainThatFailsLosesNothing(t *testing.T) {
	answer := func(status int, body string) func(*rig, url.Values) url.Values {
		return func(r *rig, back url.Values) url.Values {
			r.server.set(func(s *authServer) { s.answer = func(string) (int, string) { return status, body } })
			return back
		}
	}
	for name, spoil := range map[string]func(*rig, url.Values) url.Values{
		"abandoned": func(*rig, url.Values) url.Values { return nil },
		"denied": func(_ *rig, back url.Values) url.Values {
			return url.Values{"state": back["state"], "error": {"access_denied"}}
		},
		"code refused":   answer(400, `{"error":"invalid_grant"}`),
		"client refused": answer(400, `{"error":"invalid_client"}`),
		"502":            answer(502, ``),
		"no token":       answer(200, `{}`),
		"too late": func(_ *rig, back url.Values) url.Values {
			pass(attemptLifetime)
			return back
		},
		"not saved": func(r *rig, back url.Values) url.Values {
			r.store.noWrites.Store(true)
			return back
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.pair()
				before, token := r.raw(), r.token()
				if back := spoil(r, r.begin()); back != nil {
					if err := r.finish(back); err == nil {
						t.Error("it went well")
					}
				}
				synctest.Wait()
				r.store.noWrites.Store(false)
				r.server.set(func(s *authServer) { s.answer = nil })
				if string(r.raw()) != string(before) || r.token() != token {
					t.Error("the earlier pairing has changed")
				}
				r.wantState(screenpop.Paired)
				if got := fmt.Sprint(r.bell.states()); got != "[paired]" {
					t.Errorf("announced %s", got)
				}
				pass(time.Hour)
				r.token()
			})
		})
	}
}

// The earlier grant is in use until the new one is saved.
func TestEarlierPairingServesUntilTheNewOneIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		old := r.token()
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		done := make(chan error)
		go func() { done <- r.finish(r.begin()) }()
		synctest.Wait()
		r.wantExchanges(2)
		if r.token() != old || len(r.server.revoked) != 0 {
			t.Error("the earlier pairing is gone")
		}
		close(r.server.held)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r.token() == old || len(r.server.revoked) != 1 {
			t.Error("the new pairing does not count")
		}
	})
}

// A server may answer a second sign-in with the same refresh token; revoking
// the earlier one would end both.
func TestSameRefreshTokenAgainIsNotRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		same := r.stored().Refresh
		pass(10 * day)
		r.server.set(func(s *authServer) {
			s.answer = func(kind string) (int, string) {
				if kind != "authorization_code" {
					return 0, ""
				}
				return 200, s.grant(same.Reveal())
			}
		})
		r.pair()
		synctest.Wait()
		if len(r.server.revoked) != 0 {
			t.Error("revoked")
		}
		pass(2 * time.Hour)
		r.token()
	})
}

// A grant that comes with an answer of no other use is not left behind.
func TestGrantOfAUselessExchangeIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { return 200, `{"refresh_token":"hush-left"}` }
		})
		r.wantKind(r.finish(r.begin()), PairFailed)
		synctest.Wait()
		if !r.server.isRevoked("hush-left") {
			t.Error("the grant is left behind")
		}
		r.wantState(screenpop.Unpaired)
	})
}

// Questions about a pairing that has been replaced are dropped: they go out
// with a token that is revoked, and count against the firm's rate limit.
func TestQuestionsEndWithTheirPairing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{staff: []smokeball.Staff{{ID: "s", UserID: "user-priya", Name: "Priya Shah", Email: "priya@firm.example"}}, slow: 10 * time.Second}
		r := newRig(t, func(c *Config) { c.Tenants[0].API = o })
		for range 5 {
			r.pair()
			synctest.Wait()
		}
		if n := o.waiting.Load(); n != 1 {
			t.Errorf("%d questions wait, want the latest pairing's", n)
		}
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := o.waiting.Load(); n != 0 {
			t.Errorf("%d questions wait after unpairing", n)
		}
		o.slow = time.Second
		r.pair()
		pass(5 * time.Second)
		synctest.Wait()
		if p := r.wantState(screenpop.Paired); p.Account != "Priya Shah" {
			t.Errorf("%+v", p)
		}
	})
}
