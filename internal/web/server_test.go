package web

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestPublicURLs(t *testing.T) {
	for in, want := range map[string]origin{
		"https://pop.firm.example":       {"https://pop.firm.example", "wss://pop.firm.example", true},
		"https://POP.firm.example:443/":  {"https://pop.firm.example", "wss://pop.firm.example", true},
		"https://pop.firm.example:8443":  {"https://pop.firm.example:8443", "wss://pop.firm.example:8443", true},
		"http://127.0.0.1:8080":          {"http://127.0.0.1:8080", "ws://127.0.0.1:8080", false},
		"http://localhost":               {"http://localhost", "ws://localhost", false},
		"http://[::1]:80":                {"http://[::1]", "ws://[::1]", false},
		"https://[2001:db8::1]:8443":     {"https://[2001:db8::1]:8443", "wss://[2001:db8::1]:8443", true},
		"http://pop.firm.example":        {},
		"http://127.0.0.1.evil.example":  {},
		"https://pop.firm.example/under": {},
		"https://user@pop.firm.example":  {},
		"https://pop.firm.example?x":     {},
		"ftp://pop.firm.example":         {},
		"pop.firm.example":               {},
		"":                               {},
		"https://":                       {},
		":":                              {},
	} {
		got, err := parseOrigin(in)
		if got != want || (err != nil) != (want == origin{}) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
}

func TestAScreenIsOfALiveSession(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	r.request("GET", "/ws", "", with(cookie))
	r.wall.opening = func() {
		id, _ := hashed(cookie.Value)
		if err := r.server.sessions.end(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	r.request("GET", "/ws", "", with(cookie))
	want := []string{"serve 101@firm.example.com valid true", "serve 101@firm.example.com valid false"}
	if said := r.wall.said(); !slices.Equal(said, want) {
		t.Errorf("screens were told %q", said)
	}
}

func TestABrokenStoreClosesNoScreen(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	r.wall.opening = func() { r.store.broken = errors.New("disk on fire") }
	r.request("GET", "/ws", "", with(cookie))
	if said := r.wall.said(); !slices.Equal(said, []string{"serve 101@firm.example.com valid true"}) {
		t.Errorf("screens were told %q", said)
	}
}

func TestRunSweepsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.server.now = time.Now
		r.server.invites.now, r.server.sessions.now = time.Now, time.Now
		r.invite(priya)
		r.clock.t = time.Now()
		cookie := r.join(priya)
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- r.server.Run(ctx) }()
		<-time.After(23 * time.Hour)
		if r.store.count(invitePrefix) != 1 {
			t.Error("swept too early")
		}
		<-time.After(3 * time.Hour)
		if r.store.count(invitePrefix) != 0 {
			t.Error("not swept")
		}
		if r.store.count(sessionPrefix) != 1 {
			t.Error("a session in use was swept")
		}
		<-time.After(sessionIdle)
		id, _ := hashed(cookie.Value)
		if said := r.wall.said(); r.store.count(sessionPrefix) != 0 || !slices.Equal(said, []string{"close session " + id[:8] + " 4501"}) {
			t.Errorf("screens were told %q", said)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// A part that a machine has just taken over has better to do than to sweep, and
// leaves to others what is not of its agents.
func TestAPartSweepsItsSessionsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(_ *rig, c *Config) { c.Part = true })
		r.clock.t = time.Now()
		r.join(priya)
		r.invite(priya)
		r.clock.pass(sessionIdle)
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- r.server.Run(ctx) }()
		synctest.Wait()
		if r.store.count(sessionPrefix) != 1 {
			t.Error("swept at once")
		}
		<-time.After(sweepEvery)
		synctest.Wait()
		if sessions, invites := r.store.count(sessionPrefix), r.store.count(invitePrefix); sessions != 0 || invites != 1 {
			t.Errorf("%d sessions and %d invites are left, want 0 and 1", sessions, invites)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}
