package tokens

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func refuseClient(string) (int, string) { return 401, `{"error":"invalid_client"}` }

// A wrong client secret concerns the tenant: one request at a time finds out,
// one line tells the admin, one gauge raises the alarm, and no token is lost.
func TestClientThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.server.rotate = true
		ids := r.crew(100, time.Now())
		problem := func() float64 { return gathered(t, r.reg, "smokepop_tenant_problem")[problemClient] }
		if problem() != 0 {
			t.Error("a problem before there is one")
		}
		r.server.set(func(s *authServer) { s.answer = refuseClient })
		pass(2 * time.Hour)
		synctest.Wait()
		if _, n := r.server.counts(); n < 60 || n > 150 { // every half to whole minute
			t.Errorf("%d requests in little more than an hour", n)
		}
		if n := r.logged("level=ERROR", "client id or secret", "tenant=firm.example", "code=invalid_client"); n < 6 || n > 8 {
			t.Errorf("%d lines", n)
		}
		if r.logged("client id or secret", "held_back=") == 0 {
			t.Error("nothing tells how many lines were held back")
		}
		if problem() != 1 {
			t.Error("no gauge tells")
		}
		for _, id := range ids {
			if p := r.keeper.Pairing(id); p.State != screenpop.Attention || p.Problem != problemMisknown {
				t.Errorf("%v: %+v", id, p)
			}
		}
		_, before := r.server.counts()
		for _, id := range ids {
			if _, err := r.keeper.Token(t.Context(), id); !errors.Is(err, screenpop.ErrRefused) {
				t.Errorf("%v: %v", id, err)
			}
		}
		if _, n := r.server.counts(); n > before+1 {
			t.Errorf("%d callers made %d requests", len(ids), n-before)
		}

		r.server.set(func(s *authServer) { s.answer = nil })
		pass(3 * time.Minute)
		synctest.Wait()
		for _, id := range ids {
			if p := r.keeper.Pairing(id); p.State != screenpop.Paired || p.Problem != "" {
				t.Errorf("%v: %+v", id, p)
			}
			if _, err := r.keeper.Token(t.Context(), id); err != nil {
				t.Errorf("%v: %v", id, err)
			}
		}
		if problem() != 0 || r.logged("level=INFO", "again", "tenant=firm.example") != 1 {
			t.Error("nothing tells that it is over")
		}
	})
}

// Renewals have to be tried, but one a second for all agents is enough.
func TestRenewalsWhileTheClientIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ids := r.crew(50, time.Now())
		r.server.set(func(s *authServer) { s.answer = refuseClient })
		for second := range 5 {
			for _, id := range ids {
				if _, err := r.keeper.Renew(t.Context(), id, "hush-access"); !errors.Is(err, screenpop.ErrRefused) {
					t.Fatal(err)
				}
			}
			r.wantRefreshes(second + 1)
			pass(time.Second)
		}
	})
}

// Only one goes ahead to see whether the client is accepted again.
func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ids := r.crew(50, time.Now().Add(-day))
		r.server.set(func(s *authServer) { s.answer = refuseClient })
		if _, err := r.keeper.Token(t.Context(), ids[0]); !errors.Is(err, screenpop.ErrRefused) {
			t.Fatal(err)
		}
		pass(time.Second)
		r.server.set(func(s *authServer) { s.answer, s.held = nil, make(chan struct{}) })
		got := make(chan error)
		go func() { _, err := r.keeper.Token(t.Context(), ids[1]); got <- err }()
		synctest.Wait()
		for _, id := range ids[2:] {
			if _, err := r.keeper.Token(t.Context(), id); !errors.Is(err, screenpop.ErrRefused) {
				t.Errorf("%v: %v", id, err)
			}
		}
		r.wantRefreshes(2)
		close(r.server.held)
		if err := <-got; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for _, id := range ids {
			if p := r.keeper.Pairing(id); p.State != screenpop.Paired {
				t.Errorf("%v after the recovery: %+v", id, p)
			}
			if _, err := r.keeper.Token(t.Context(), id); err != nil {
				t.Errorf("%v: %v", id, err)
			}
		}
	})
}

// A refusal that may be about one agent's grant is that agent's alone.
func TestOneAgentsRefusalIsNotEverybodys(t *testing.T) {
	for _, code := range []string{"unauthorized_client", "invalid_scope"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				ids := r.crew(2, time.Now().Add(-day))
				r.server.set(func(s *authServer) {
					s.answer = func(string) (int, string) { s.answer = nil; return 400, fmt.Sprintf(`{"error":%q}`, code) }
				})
				if _, err := r.keeper.Token(t.Context(), ids[0]); !errors.Is(err, screenpop.ErrRefused) {
					t.Error(err)
				}
				if r.logged("level=ERROR", "code="+code) != 1 {
					t.Error("the admin is not told")
				}
				if _, err := r.keeper.Token(t.Context(), ids[1]); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Who pairs finds out too, and the admin hears of it.
func TestPairingThatIsRefusedForTheClientsSake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.set(func(s *authServer) { s.answer = refuseClient })
		r.wantKind(r.finish(r.begin()), PairRefused)
		if r.logged("level=ERROR", "client id or secret") != 1 || gathered(t, r.reg, "smokepop_tenant_problem")[problemClient] != 1 {
			t.Error("the admin is not told")
		}
		r.server.set(func(s *authServer) { s.answer = nil })
		r.pair()
		if gathered(t, r.reg, "smokepop_tenant_problem")[problemClient] != 0 {
			t.Error("the alarm goes on")
		}
	})
}
