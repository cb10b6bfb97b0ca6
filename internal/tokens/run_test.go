package tokens

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const day = 24 * time.Hour

func TestEndByTheCalendarIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Tenants[0].RefreshTokenLifetime = 20 * day })
		r.pair()
		begun := time.Now()
		pass(15*day - time.Second)
		synctest.Wait()
		if p := r.wantState(screenpop.Paired); p.Problem != "" {
			t.Errorf("%+v", p)
		}
		pass(time.Second)
		synctest.Wait()
		if p := r.wantState(screenpop.Paired); p.Problem != problemEnding {
			t.Errorf("%+v", p)
		}
		pass(5*day - time.Second)
		r.token()
		pass(time.Second)
		synctest.Wait()
		if p := r.wantState(screenpop.Expired); p.Problem != problemEnded || !p.Since.Equal(begun) || !p.Expires.Equal(begun.Add(20*day)) {
			t.Errorf("%+v", p)
		}
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Error(err)
		}
		r.bell.mu.Lock()
		defer r.bell.mu.Unlock()
		var problems []string
		for _, p := range r.bell.heard {
			problems = append(problems, p.Problem)
		}
		if fmt.Sprint(problems) != fmt.Sprint([]string{"", problemEnding, problemEnded}) {
			t.Errorf("announced %q", problems)
		}
	})
}

func TestEndOfANewPairingIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Tenants[0].RefreshTokenLifetime = 10 * time.Minute })
		synctest.Wait() // Run naps for an hour
		r.pair()
		pass(10 * time.Minute)
		synctest.Wait()
		if got := fmt.Sprint(r.bell.states()); got != "[paired expired]" {
			t.Errorf("announced %s", got)
		}
	})
}

func TestPairingAgainTakesTheWarningAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(27 * day)
		r.pair()
		if p := r.wantState(screenpop.Paired); p.Problem != "" || !p.Expires.Equal(time.Now().Add(30*day)) {
			t.Errorf("%+v", p)
		}
	})
}

func TestStopWaitsForTheAnswerAndSavesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.rotate = true
		r.pair()
		old := r.stored().Refresh
		pass(time.Hour)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		got := make(chan error, 1)
		go func() { _, err := r.keeper.Token(t.Context(), priya); got <- err }()
		synctest.Wait()
		go func() { pass(5 * time.Second); close(r.server.held) }()
		r.stop()
		if r.stored().Refresh == old {
			t.Error("the rotated token was lost")
		}
		if err := <-got; err != nil {
			t.Error(err)
		}
		pass(time.Hour)
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrUnavailable) {
			t.Errorf("after the end: %v", err)
		}
		r.wantRefreshes(1)
		r.wantKind(r.finish(r.begin()), PairFailed)
		r.wantExchanges(1)
	})
}

func gathered(t *testing.T, reg *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			values[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ravi := screenpop.AgentID{Tenant: firm, Extension: "102"}
		r := newRig(t, func(c *Config) {
			c.Directory = people{priya: {AgentID: priya}, ravi: {AgentID: ravi}}
		})
		want := func(states map[string]float64) {
			t.Helper()
			if got := gathered(t, r.reg, "smokepop_tokens"); fmt.Sprint(got) != fmt.Sprint(states) {
				t.Errorf("%v, want %v", got, states)
			}
		}
		want(map[string]float64{"paired": 0, "unpaired": 2, "expired": 0, "attention": 0})
		r.pair()
		want(map[string]float64{"paired": 1, "unpaired": 1, "expired": 0, "attention": 0})
		r.keeper.Refused(priya, "no")
		want(map[string]float64{"paired": 0, "unpaired": 1, "expired": 0, "attention": 1})
		pass(time.Hour)
		r.token()
		r.server.set(func(s *authServer) { clear(s.good) })
		pass(time.Hour)
		_, _ = r.keeper.Token(t.Context(), priya)
		want(map[string]float64{"paired": 0, "unpaired": 1, "expired": 1, "attention": 0})
		got := gathered(t, r.reg, "smokepop_token_refresh_total")
		if fmt.Sprint(got) != "map[discarded:0 expired:1 refreshed:1 refused:0 unavailable:0 unsaved:0]" {
			t.Errorf("%v", got)
		}
	})
}
