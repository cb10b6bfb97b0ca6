package tokens

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/vault"
)

func (r *rig) finish(q url.Values) error {
	_, _, err := r.keeper.Finish(r.t.Context(), r.session, q)
	return err
}

func (r *rig) wantKind(err error, kind PairErrorKind) {
	r.t.Helper()
	var e *PairError
	if !errors.As(err, &e) || e.Kind != kind {
		r.t.Errorf("got %v, want %s", err, kind)
	} else if strings.Contains(err.Error(), "hush-") {
		r.t.Errorf("a secret is in the error: %v", err)
	}
}

func (r *rig) wantExchanges(n int) {
	r.t.Helper()
	if got, _ := r.server.counts(); got != n {
		r.t.Errorf("%d exchanges, want %d", got, n)
	}
}

func TestPairing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		begun := time.Now()
		r.pair()
		check := func() {
			t.Helper()
			p := r.wantState(screenpop.Paired)
			if !p.Since.Equal(begun) || !p.Expires.Equal(begun.Add(30*24*time.Hour)) || p.Problem != "" || p.EmailMatches != nil {
				t.Errorf("%+v", p)
			}
		}
		check()
		token := r.token()
		if got := fmt.Sprint(r.bell.states()); got != "[paired]" {
			t.Errorf("announced %s", got)
		}
		pass(10 * time.Minute)
		r.restart()
		check()
		if r.token() != token {
			t.Error("after a restart the token is another")
		}
		r.wantExchanges(1)
		r.wantRefreshes(0)
	})
}

// The same over real sockets, and what is on the disk afterwards.
func TestPairingOverHTTP(t *testing.T) {
	server := newAuthServer()
	web := httptest.NewServer(server)
	defer web.Close()
	r := newRig(t, func(c *Config) {
		c.Tenants[0].OAuth = smokeball.NewOAuth(smokeball.OAuthConfig{
			AuthBase: web.URL, ClientID: "client", ClientSecret: "hush-client-secret", RedirectURL: redirect, HTTP: web.Client(),
		})
	})
	r.server = server
	r.pair()
	token := r.token()
	renewed, err := r.keeper.Renew(t.Context(), priya, token)
	if err != nil || renewed == token {
		t.Error(err)
	}
	refresh := r.stored().Refresh
	if files, _ := filepath.Glob(filepath.Join(filepath.Dir(t.TempDir()), "*", "state", vault.FileName)); len(files) != 1 {
		t.Errorf("database not found: %q", files)
	} else if b, err := os.ReadFile(files[0]); err != nil || bytes.Contains(b, []byte("hush-")) || bytes.Contains(b, []byte(`"refresh"`)) {
		t.Errorf("the database shows what should be sealed: %v", err)
	}
	if revoked, err := r.keeper.Unpair(t.Context(), priya); !revoked || err != nil || !server.isRevoked(refresh.Reveal()) {
		t.Errorf("unpair: %v %v", revoked, err)
	}
}

func TestCallbacksThatDoNotPair(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(url.Values)
		kind   PairErrorKind
		usesUp bool // the state
	}{
		{"no state", func(q url.Values) { q.Del("state") }, PairIncomplete, false},
		{"empty state", func(q url.Values) { q.Set("state", "") }, PairIncomplete, false},
		{"state twice", func(q url.Values) { q.Add("state", q.Get("state")) }, PairIncomplete, false},
		{"unknown state", func(q url.Values) { q.Set("state", random()) }, PairStale, false},
		{"no code", func(q url.Values) { q.Del("code") }, PairIncomplete, true},
		{"code twice", func(q url.Values) { q.Add("code", q.Get("code")) }, PairIncomplete, true},
		{"denied", func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, PairDenied, true},
		{"denied with a code", func(q url.Values) { q.Set("error", "access_denied") }, PairDenied, true},
		{"empty error", func(q url.Values) { q.Set("error", "") }, PairRefused, true},
		{"scope", func(q url.Values) { q.Set("error", "invalid_scope") }, PairRefused, true},
		{"client", func(q url.Values) { q.Set("error", "unauthorized_client") }, PairRefused, true},
		{"server error", func(q url.Values) { q.Set("error", "server_error") }, PairFailed, true},
		{"busy", func(q url.Values) { q.Set("error", "temporarily_unavailable") }, PairFailed, true},
		{"script as error", func(q url.Values) { q.Set("error", "<script>hush-") }, PairRefused, true},
		{"issuer elsewhere", func(q url.Values) { q.Set("iss", "https://evil.example") }, PairRefused, true},
		{"issuer look-alike", func(q url.Values) { q.Set("iss", "https://auth.example.evil.example/") }, PairRefused, true},
		{"issuer twice", func(q url.Values) { q["iss"] = []string{"https://auth.example", "https://evil.example"} }, PairRefused, true},
		{"issuer empty", func(q url.Values) { q.Set("iss", "") }, PairRefused, true},
		{"wrong code", func(q url.Values) { q.Set("code", "hush-guess") }, PairRefused, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				good := r.begin()
				bad := url.Values{}
				for k, v := range good {
					bad[k] = append([]string(nil), v...)
				}
				c.change(bad)
				r.wantKind(r.finish(bad), c.kind)
				r.wantState(screenpop.Unpaired)
				if c.name != "wrong code" {
					r.wantExchanges(0)
				}
				err := r.finish(good)
				if c.usesUp {
					r.wantKind(err, PairStale)
				} else if err != nil {
					t.Errorf("the state was not used and is gone: %v", err)
				}
			})
		})
	}
}

func TestIssuerOfOurServerIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		q := r.begin()
		q.Set("iss", "https://AUTH.example/pool")
		if err := r.finish(q); err != nil {
			t.Error(err)
		}
	})
}

func TestStateWorksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		q := r.begin()
		var mu sync.Mutex
		won := 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				err := r.finish(q)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else {
					r.wantKind(err, PairStale)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d of 20 paired", won)
		}
		r.wantExchanges(1)
	})
}

func TestStateOfAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		q := r.begin()
		for _, session := range []string{"session-2", "", "session-11"} {
			_, _, err := r.keeper.Finish(t.Context(), session, q)
			if session == "session-2" {
				r.wantKind(err, PairOtherSession)
			} else {
				r.wantKind(err, PairStale)
			}
		}
		r.wantExchanges(0)
		r.wantState(screenpop.Unpaired)
	})
}

func TestStateLastsTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		q := r.begin()
		pass(10 * time.Minute)
		r.wantKind(r.finish(q), PairStale)
		q = r.begin()
		pass(10*time.Minute - time.Millisecond)
		if err := r.finish(q); err != nil {
			t.Error(err)
		}
	})
}

func TestSessionPushesOutItsOwnOldestAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.session = "quiet"
		quiet := r.begin()
		r.session = "noisy"
		var noisy []url.Values
		for range attemptsPerSession + 1 {
			pass(time.Second)
			noisy = append(noisy, r.begin())
		}
		r.wantKind(r.finish(noisy[0]), PairStale)
		if err := r.finish(noisy[1]); err != nil {
			t.Error(err)
		}
		r.session = "quiet"
		if err := r.finish(quiet); err != nil {
			t.Error(err)
		}
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	a, now := newAttempts(), time.Now()
	for i := range attemptsOverall + 10 {
		a.add(fmt.Sprint("state-", i), attempt{session: fmt.Sprint(i), begun: now.Add(time.Duration(i))})
	}
	if len(a.byState) != attemptsOverall {
		t.Errorf("%d attempts", len(a.byState))
	}
	if _, ok := a.take("state-9", now); ok {
		t.Error("the oldest is still there")
	}
	a.add("late", attempt{begun: now.Add(attemptLifetime + time.Second)})
	if len(a.byState) != 1 {
		t.Errorf("%d attempts are kept past their time", len(a.byState))
	}
}

func TestExchangeIsNeverRepeated(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   PairErrorKind
	}{
		{400, `{"error":"invalid_grant"}`, PairRefused},
		{400, `{"error":"invalid_client"}`, PairRefused},
		{401, `{"error":"invalid_client"}`, PairRefused},
		{400, `{"error":"redirect_mismatch"}`, PairRefused},
		{400, `hush-`, PairFailed},
		{429, ``, PairFailed},
		{500, ``, PairFailed},
		{502, `<html>hush-</html>`, PairFailed},
		{200, `{}`, PairFailed},
		{200, `{"access_token":"","refresh_token":"hush-x"}`, PairFailed},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.server.answer = func(string) (int, string) { return c.status, c.body }
			r.wantKind(r.finish(r.begin()), c.kind)
			r.wantExchanges(1)
			r.wantState(screenpop.Unpaired)
			if len(r.bell.states()) != 0 {
				t.Errorf("announced %v", r.bell.states())
			}
		})
	}
}

func TestPairingThatCannotBeSavedIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		old, token := r.stored(), r.token()
		r.store.noWrites.Store(true)
		r.wantKind(r.finish(r.begin()), PairUnsaved)
		synctest.Wait()
		if len(r.server.revoked) != 1 || r.server.isRevoked(old.Refresh.Reveal()) {
			t.Errorf("revoked %d grants", len(r.server.revoked))
		}
		r.wantState(screenpop.Paired)
		if r.token() != token {
			t.Error("the pairing there was is gone")
		}
	})
}

func TestPairingAnewRevokesTheEarlierGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		old := r.stored().Refresh
		pass(time.Hour)
		r.keeper.Refused(priya, "no")
		r.pair()
		synctest.Wait()
		now := r.stored().Refresh
		if !r.server.isRevoked(old.Reveal()) || r.server.isRevoked(now.Reveal()) {
			t.Error("the wrong grant was revoked")
		}
		if p := r.wantState(screenpop.Paired); !p.Since.Equal(time.Now()) {
			t.Errorf("%+v", p)
		}
		pass(time.Hour)
		r.token()
	})
}

func TestTwoTabsPairingAtOnceLeaveOneGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		var wg sync.WaitGroup
		for range 2 {
			q := r.begin()
			wg.Go(func() {
				if err := r.finish(q); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if kept := r.stored().Refresh; len(r.server.good) != 1 || !r.server.good[kept.Reveal()] {
			t.Errorf("%d grants are good at Smokeball", len(r.server.good))
		}
		pass(time.Hour)
		r.token()
	})
}

func TestWhoWaitsGetsTheTokenOfTheNewPairing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		held := make(chan struct{})
		r.server.set(func(s *authServer) { s.held = held })
		got := make(chan screenpop.Secret)
		go func() { token, _ := r.keeper.Token(t.Context(), priya); got <- token }()
		synctest.Wait()
		r.server.set(func(s *authServer) { s.held = nil })
		r.pair()
		now := r.token()
		if token := <-got; token != now {
			t.Error("not the new token")
		}
		close(held)
		synctest.Wait()
		if r.token() != now || r.stored().Access != now {
			t.Error("the refresh of the old pairing has changed the new one")
		}
	})
}

func TestGrantWithoutARefreshTokenLastsAsLongAsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.answer = func(string) (int, string) { return 200, r.server.grant("") }
		r.pair()
		r.token()
		if p := r.wantState(screenpop.Paired); !p.Expires.Equal(time.Now().Add(time.Hour)) || p.Problem != "" {
			t.Errorf("%+v", p)
		}
		pass(time.Hour)
		synctest.Wait()
		r.wantState(screenpop.Expired)
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Error(err)
		}
		r.wantRefreshes(0)
	})
}

func TestBeginForAnUnknownTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		if _, err := r.keeper.Begin(t.Context(), screenpop.AgentID{Tenant: "other.example", Extension: "1"}, "s"); !errors.Is(err, ErrUnknownTenant) {
			t.Error(err)
		}
	})
}
