package web

import (
	"context"
	"net/http"
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

// hold opens a websocket that stays open until the test ends.
func (r *rig) hold(cookie *http.Cookie) {
	r.t.Helper()
	r.wall.hold, r.wall.begun = make(chan struct{}), make(chan string)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.request("GET", "/ws", "", with(cookie))
	}()
	<-r.wall.begun
	r.t.Cleanup(func() {
		close(r.wall.hold)
		<-done
		if open := r.server.sessions.inUse(); len(open) != 0 {
			r.t.Errorf("still counted as open: %v", open)
		}
	})
}

func TestAnOpenScreenIsUse(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	r.hold(cookie)
	for range 40 {
		r.clock.pass(24 * time.Hour)
		r.server.recheck(t.Context())
	}
	wants(t, r.request("GET", "/api/me", "", with(cookie)), 200)
}

// A session may end in the moment its websocket is being opened.
func TestAScreenWithoutASessionIsClosed(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	r.hold(cookie)
	id, _ := hashed(cookie.Value)
	if err := r.server.sessions.end(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	r.server.recheck(t.Context())
	if said := r.wall.said(); !slices.Contains(said, "close session "+id[:8]+" 4501") {
		t.Errorf("screens were told %q", said)
	}
}

func TestAScreenOfAnAgentWhoIsGoneIsClosed(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	r.hold(cookie)
	r.directory.dismiss(priya.AgentID)
	r.server.recheck(t.Context())
	id, _ := hashed(cookie.Value)
	if said := r.wall.said(); !slices.Contains(said, "close session "+id[:8]+" 4503") {
		t.Errorf("screens were told %q", said)
	}
}

func TestRunSweepsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.server.now = time.Now
		r.server.invites.now, r.server.sessions.now = time.Now, time.Now
		r.invite(priya)
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
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}
