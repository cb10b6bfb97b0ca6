package tokens

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// crowd asks for a token from a hundred places at once.
func crowd(ask func() (screenpop.Secret, error)) (tokens map[screenpop.Secret]int, failures map[string]int) {
	tokens, failures = map[screenpop.Secret]int{}, map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			token, err := ask()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures[string(screenpop.OutcomeOf(err))]++
				return
			}
			tokens[token]++
		})
	}
	wg.Wait()
	return tokens, failures
}

func (r *rig) crowd() (map[screenpop.Secret]int, map[string]int) {
	return crowd(func() (screenpop.Secret, error) { return r.keeper.Token(r.t.Context(), priya) })
}

func TestNotPaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Errorf("Token: %v", err)
		}
		if _, err := r.keeper.Renew(t.Context(), priya, "x"); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Errorf("Renew: %v", err)
		}
		r.keeper.Refused(priya, "no")
		r.keeper.Accepted(priya)
		if p := r.wantState(screenpop.Unpaired); p.Since != nil || p.Expires != nil || p.Problem != "" {
			t.Errorf("%+v", p)
		}
		if revoked, err := r.keeper.Unpair(t.Context(), priya); revoked || err != nil {
			t.Errorf("Unpair: %v %v", revoked, err)
		}
	})
}

func TestHundredCallersAtAnExpiredTokenAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		first := r.token()
		r.wantRefreshes(0)
		pass(time.Hour)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		go func() { pass(3 * time.Second); close(r.server.held) }()
		tokens, failures := r.crowd()
		if len(tokens) != 1 || tokens[first] != 0 || len(failures) != 0 {
			t.Errorf("%d different tokens, failures %v", len(tokens), failures)
		}
		r.wantRefreshes(1)
		if got := r.token(); tokens[got] != 100 {
			t.Error("the next caller gets another token")
		}
		r.wantRefreshes(1)
	})
}

func TestEachFailureIsOneRequest(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		outcome screenpop.Outcome
		state   screenpop.PairingState
	}{
		{400, `{"error":"invalid_grant"}`, screenpop.OutcomeNotPaired, screenpop.Expired},
		{400, `{"error":"invalid_client"}`, screenpop.OutcomeRefused, screenpop.Attention},
		{401, `{"error":"invalid_client"}`, screenpop.OutcomeRefused, screenpop.Attention},
		{400, `{"error":"unauthorized_client"}`, screenpop.OutcomeRefused, screenpop.Attention},
		{400, `{"error":"invalid_scope"}`, screenpop.OutcomeRefused, screenpop.Attention},
		{400, `{"error":"hush-made-up"}`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{400, `<html>hush-html</html>`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{401, ``, screenpop.OutcomeRefused, screenpop.Attention},
		{403, `{"message":"Forbidden"}`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{404, ``, screenpop.OutcomeUnavailable, screenpop.Paired},
		{408, ``, screenpop.OutcomeUnavailable, screenpop.Paired},
		{429, `{}`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{500, `{"error":"invalid_grant"}`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{502, `hush-bad-gateway`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{503, ``, screenpop.OutcomeUnavailable, screenpop.Paired},
		{504, ``, screenpop.OutcomeUnavailable, screenpop.Paired},
		{200, `{}`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{200, `not json hush-`, screenpop.OutcomeUnavailable, screenpop.Paired},
		{200, strings.Repeat(" ", 2<<20), screenpop.OutcomeUnavailable, screenpop.Paired},
		{302, ``, screenpop.OutcomeUnavailable, screenpop.Paired},
	} {
		t.Run(fmt.Sprintf("%d %.40s", c.status, c.body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.pair()
				pass(time.Hour)
				r.server.set(func(s *authServer) { s.answer = func(string) (int, string) { return c.status, c.body } })
				for range 3 { // at once, and again within the second
					tokens, failures := r.crowd()
					if len(tokens) != 0 || failures[string(c.outcome)] != 100 {
						t.Errorf("%d tokens, failures %v, want %s", len(tokens), failures, c.outcome)
					}
				}
				r.wantRefreshes(1)
				r.wantState(c.state)

				// It heals by itself, without a new pairing, where tokens were kept.
				r.server.set(func(s *authServer) { s.answer = nil })
				pass(time.Second)
				if c.state == screenpop.Expired {
					if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
						t.Errorf("after the end: %v", err)
					}
					r.wantRefreshes(1)
					return
				}
				r.token()
				r.wantRefreshes(2)
				r.wantState(screenpop.Paired)
			})
		})
	}
}

func TestFailuresBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) { s.answer = func(string) (int, string) { return 502, "" } })
		asked := []time.Time{}
		for range 4 * 60 * 10 { // a caller every quarter of a second for ten minutes
			_, before := r.server.counts()
			if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrUnavailable) {
				t.Fatal(err)
			}
			if _, after := r.server.counts(); after > before {
				asked = append(asked, time.Now())
			}
			pass(250 * time.Millisecond)
		}
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60, 60}
		if len(asked) < len(want) {
			t.Fatalf("only %d requests in ten minutes", len(asked))
		}
		for i := 1; i < len(asked); i++ {
			most := want[min(i, len(want))-1] * time.Second
			gap := asked[i].Sub(asked[i-1])
			if gap < time.Second || gap < most/2 || gap > most+250*time.Millisecond {
				t.Errorf("request %d came %v after the one before, want %v to %v", i, gap, most/2, most)
			}
		}
	})
}

func TestServerMayAskForALongerPause(t *testing.T) {
	var b backoff
	now := time.Now()
	b.failed(now, errDisk, 30*time.Second)
	if b.blocked(now.Add(29*time.Second)) == nil || b.blocked(now.Add(30*time.Second)) != nil {
		t.Error("30 s were asked for")
	}
	b.failed(now, errDisk, time.Hour)
	if b.blocked(now.Add(time.Minute)) != nil {
		t.Error("no server may silence us for an hour")
	}
}

func TestEarlyRefreshDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		old := r.token()
		pass(59*time.Minute - time.Second)
		if r.token() != old {
			t.Error("replaced too early")
		}
		synctest.Wait()
		r.wantRefreshes(0)
		pass(time.Second)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		if tokens, _ := r.crowd(); tokens[old] != 100 {
			t.Errorf("callers wait though the token is good for a minute: %v", len(tokens))
		}
		close(r.server.held)
		synctest.Wait()
		r.wantRefreshes(1)
		if r.token() == old {
			t.Error("not replaced")
		}
	})
}

func TestEarlyRefreshThatFailsHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		old := r.token()
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { return 400, `{"error":"invalid_client"}` }
		})
		for _, left := range []time.Duration{55 * time.Second, 5 * time.Second, time.Second} {
			pass(time.Until(r.stored().Expiry.Add(-left)))
			if r.token() != old {
				t.Error("another token")
			}
			synctest.Wait()
		}
		pass(time.Second)
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrRefused) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestShortTokensAreUsedUntilTheyEnd(t *testing.T) {
	for life, early := range map[int]int{1: 0, 30: 0, 60: 0, 62: 31, 90: 45, 120: 60, 3600: 60} {
		t.Run(fmt.Sprint(life), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.server.life = fmt.Sprint(life)
				r.pair()
				first := r.token()
				pass(time.Duration(life-early)*time.Second - time.Millisecond)
				if r.token() != first {
					t.Error("replaced too early")
				}
				synctest.Wait()
				r.wantRefreshes(0)
				pass(time.Millisecond)
				r.token()
				synctest.Wait()
				r.wantRefreshes(1)
			})
		})
	}
}

func TestOddLifetimes(t *testing.T) {
	for _, life := range []string{"", "0", "-5", `"1800"`, "1e400", `"soon"`} {
		t.Run(life, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.pair()
				pass(time.Hour)
				r.server.set(func(s *authServer) { s.life = life })
				for range 5 {
					if _, err := r.keeper.Token(t.Context(), priya); err != nil && !errors.Is(err, screenpop.ErrUnavailable) {
						t.Error(err)
					}
				}
				r.wantRefreshes(1)
				r.wantState(screenpop.Paired)
			})
		})
	}
}

func TestRefreshTokenIsKeptWhenNoneComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		before := r.stored()
		pass(10 * 24 * time.Hour)
		r.token()
		after := r.stored()
		if after.Refresh != before.Refresh || after.Access == before.Access {
			t.Error("the record has the wrong tokens")
		}
		if !after.Granted.Equal(before.Granted) || !after.Paired.Equal(before.Paired) {
			t.Error("a refresh has set the 30-day clock back")
		}
	})
}

func TestNewRefreshTokenStartsTheClockAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.rotate = true
		r.pair()
		paired := r.stored()
		pass(10 * 24 * time.Hour)
		first := r.token()
		if rec := r.stored(); rec.Refresh == paired.Refresh || !rec.Granted.Equal(time.Now()) || !rec.Paired.Equal(paired.Paired) {
			t.Errorf("granted %v, paired %v", rec.Granted, rec.Paired)
		}
		r.restart()
		if r.token() != first {
			t.Error("after a restart the token is another")
		}
		for range 3 {
			pass(25 * 24 * time.Hour)
			r.token()
		}
		r.wantRefreshes(4)
		r.wantState(screenpop.Paired)
	})
}

func TestCallerWhoGivesUpEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.keeper.Token(ctx, priya); !errors.Is(err, screenpop.ErrTooLate) {
			t.Errorf("the impatient: %v", err)
		}
		close(r.server.held)
		r.token()
		r.wantRefreshes(1)
	})
}

func TestSilentServerIsNotWaitedForForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		begun := time.Now()
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrUnavailable) {
			t.Error(err)
		}
		if d := time.Since(begun); d > requestTimeout {
			t.Errorf("waited %v", d)
		}
		r.wantState(screenpop.Paired)
	})
}

func TestRenewIsOneRequestForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		stale := r.token()
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		go func() { pass(time.Second); close(r.server.held) }()
		ask := func() (screenpop.Secret, error) { return r.keeper.Renew(t.Context(), priya, stale) }
		tokens, failures := crowd(ask)
		if len(tokens) != 1 || tokens[stale] != 0 || len(failures) != 0 {
			t.Errorf("%d tokens, %v", len(tokens), failures)
		}
		if late, _ := crowd(ask); len(late) != 1 || late[stale] != 0 {
			t.Error("who comes late with the stale token gets another than the new one")
		}
		r.wantRefreshes(1)
		// The new one is refused in its turn: that is another renewal.
		if token, err := r.keeper.Renew(t.Context(), priya, r.token()); err != nil || tokens[token] != 0 {
			t.Error(err)
		}
		r.wantRefreshes(2)
	})
}

func TestRenewInsideTheBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		stale := r.token()
		fail := func(string) (int, string) { return 503, "" }
		r.server.set(func(s *authServer) { s.answer = fail })
		renew := func() error { _, err := r.keeper.Renew(t.Context(), priya, stale); return err }
		for i := range 6 { // drives the pause up to half a minute and more
			if err := renew(); !errors.Is(err, screenpop.ErrUnavailable) {
				t.Fatal(err)
			}
			r.wantRefreshes(i + 1)
			if err := renew(); !errors.Is(err, screenpop.ErrUnavailable) {
				t.Fatal(err)
			}
			pass(time.Second - time.Millisecond)
			_ = renew()
			r.wantRefreshes(i + 1) // not within a second
			pass(time.Millisecond)
		}
		r.server.set(func(s *authServer) { s.answer = nil })
		if err := renew(); err != nil {
			t.Errorf("a second after the last failure: %v", err)
		}
		r.wantRefreshes(7)
	})
}

func TestRefusedAsksForAttention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		r.keeper.Refused(priya, "Check the API key.")
		r.keeper.Refused(priya, "Check the API key.")
		if p := r.wantState(screenpop.Attention); p.Problem != "Check the API key." || p.Since == nil || p.Expires == nil {
			t.Errorf("%+v", p)
		}
		r.token() // look-ups go on trying
		if _, err := r.keeper.Renew(t.Context(), priya, r.token()); err != nil {
			t.Fatal(err)
		}
		r.wantState(screenpop.Attention) // that a token was to be had says nothing of the API
		r.keeper.Accepted(priya)
		r.wantState(screenpop.Paired)
		if got := fmt.Sprint(r.bell.states()); got != "[paired attention paired]" {
			t.Errorf("announced %s", got)
		}
		r.keeper.Refused(priya, "no")
		pass(time.Hour)
		r.token()
		r.wantState(screenpop.Paired)
	})
}

func TestInvalidGrantEndsThePairing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) { clear(s.good) })
		if _, failures := r.crowd(); failures["not-paired"] != 100 {
			t.Errorf("%v", failures)
		}
		synctest.Wait()
		now := time.Now()
		check := func() {
			t.Helper()
			p := r.wantState(screenpop.Expired)
			if p.Problem != problemEnded || p.Since == nil || p.Expires == nil || !p.Expires.Equal(now) {
				t.Errorf("%+v", p)
			}
			if rec := r.stored(); rec.Refresh != "" || rec.Access != "" {
				t.Error("dead tokens are kept")
			}
			if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
				t.Error(err)
			}
			if _, err := r.keeper.Renew(t.Context(), priya, ""); !errors.Is(err, screenpop.ErrNotPaired) {
				t.Error(err)
			}
			r.wantRefreshes(1)
		}
		check()
		if got := fmt.Sprint(r.bell.states()); got != "[paired expired]" {
			t.Errorf("announced %s", got)
		}
		r.restart()
		check()
		r.pair()
		r.token()
		r.wantState(screenpop.Paired)
	})
}

func TestInvalidGrantReadsTheStoreOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		// Another record is put there behind the keeper's back.
		other := *r.stored()
		other.Refresh = "hush-other"
		b, err := other.encode()
		if err != nil {
			t.Fatal(err)
		}
		r.server.set(func(s *authServer) {
			s.good = map[string]bool{"hush-other": true}
			s.answer = func(string) (int, string) {
				if s.answer = nil; len(s.refreshes) == 1 {
					if err := r.vault.Put(t.Context(), pathOf(priya), b); err != nil {
						t.Error(err)
					}
				}
				return 0, ""
			}
		})
		r.token()
		r.wantRefreshes(2)
		if got := r.server.refreshes[1]; got != "hush-other" {
			t.Errorf("the second request sent %s", got)
		}
		// The answer has no refresh token: the one that worked stays, and so
		// does its end.
		if is := r.stored(); is.Refresh != "hush-other" || !is.Granted.Equal(other.Granted) {
			t.Errorf("the store has %s, granted %v; the other record was granted %v", is.Refresh.Reveal(), is.Granted, other.Granted)
		}
		pass(time.Hour)
		r.token()
		r.wantRefreshes(3)
	})
}

// Where the other record's token is refused too, that is the end, after one
// more request.
func TestInvalidGrantOfTheOtherRecordToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		other := *r.stored()
		other.Refresh = "hush-other"
		b, err := other.encode()
		if err != nil {
			t.Fatal(err)
		}
		r.server.set(func(s *authServer) {
			s.good = map[string]bool{}
			s.answer = func(string) (int, string) {
				s.answer = nil
				if err := r.vault.Put(t.Context(), pathOf(priya), b); err != nil {
					t.Error(err)
				}
				return 0, ""
			}
		})
		for range 3 {
			if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
				t.Errorf("%v", err)
			}
			pass(time.Hour)
		}
		r.wantRefreshes(2)
		if is := r.stored(); is.Ended.IsZero() || is.Refresh != "" {
			t.Errorf("the store has %+v", is)
		}
	})
}
