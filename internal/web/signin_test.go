package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnInviteBecomesASession(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	body := wants(t, r.request("GET", "/api/me", "", with(cookie)), 200)
	var me struct {
		Agent   map[string]string
		Pairing map[string]any
		SignIn  map[string]any `json:"sign_in"`
	}
	if err := json.Unmarshal([]byte(body), &me); err != nil {
		t.Fatal(err)
	}
	if me.Agent["extension"] != "101" || me.Agent["tenant"] != "firm.example.com" || me.Agent["name"] != "Priya Shah" || me.Agent["email"] != "priya@firm.example" {
		t.Errorf("agent %v", me.Agent)
	}
	if me.Pairing["state"] != "unpaired" || me.SignIn["method"] != "invite" {
		t.Errorf("pairing %v, sign-in %v", me.Pairing, me.SignIn)
	}
}

func TestTheCookieIsBoundToItsHost(t *testing.T) {
	cookie := newRig(t).join(priya)
	if cookie.Name != "__Host-smokepop" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("https: %v", cookie)
	}
	r := newRigAt(t, "http://127.0.0.1:8080")
	cookie = r.join(priya, header("Origin", "http://127.0.0.1:8080"))
	if cookie.Name != "smokepop" || cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
		t.Errorf("loopback: %v", cookie)
	}
}

func TestNothingInTheStoreSignsIn(t *testing.T) {
	r := newRig(t)
	token := r.invite(daniel)
	cookie := r.join(priya)
	for path, value := range r.store.values {
		if s := path + string(value); strings.Contains(s, token) || strings.Contains(s, cookie.Value) {
			t.Errorf("the store holds a token: %s", s)
		}
	}
}

func TestOfTwoAtOnceOneGetsTheInvite(t *testing.T) {
	r := newRig(t)
	token := r.invite(priya)
	var reading sync.WaitGroup
	reading.Add(8)
	r.store.got = func(path string) {
		if strings.HasPrefix(path, invitePrefix) { // all have seen it before one takes it
			reading.Done()
			reading.Wait()
		}
	}
	var wg sync.WaitGroup
	statuses := make(chan int, 8)
	for range 8 {
		wg.Go(func() { statuses <- r.request("POST", "/api/session", `{"invite":"`+token+`"}`).StatusCode })
	}
	wg.Wait()
	close(statuses)
	won := 0
	for s := range statuses {
		if s == http.StatusNoContent {
			won++
		}
	}
	if won != 1 || r.store.count(sessionPrefix) != 1 {
		t.Errorf("%d signed in, %d sessions", won, r.store.count(sessionPrefix))
	}
}

func TestSigningInAnewEndsTheBrowsersOldSession(t *testing.T) {
	r := newRig(t)
	old := r.join(priya)
	now := r.join(daniel, with(old))
	wants(t, r.request("GET", "/api/me", "", with(old)), 401)
	wants(t, r.request("GET", "/api/me", "", with(now)), 200)
	id, _ := hashed(old.Value)
	if said := r.wall.said(); len(said) != 1 || said[0] != "close session "+id[:8]+" 4501" {
		t.Errorf("screens were told %q", said)
	}
}

func TestSigningOut(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	other := r.join(priya)
	res := r.request("DELETE", "/api/session", "", with(cookie))
	wants(t, res, 204)
	if c := res.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
		t.Errorf("cookie %v", c)
	}
	wants(t, r.request("GET", "/api/me", "", with(cookie)), 401)
	wants(t, r.request("GET", "/api/me", "", with(other)), 200)
	wants(t, r.request("DELETE", "/api/session", "", with(cookie)), 401)
	id, _ := hashed(cookie.Value)
	if said := r.wall.said(); len(said) != 1 || said[0] != "close session "+id[:8]+" 4501" {
		t.Errorf("screens were told %q", said)
	}
}

func TestAnAgentHasAFewSessionsOnly(t *testing.T) {
	r := newRig(t)
	first := r.join(priya)
	r.join(daniel)
	for range sessionsPerAgent {
		r.clock.pass(time.Minute)
		r.join(priya)
	}
	wants(t, r.request("GET", "/api/me", "", with(first)), 401)
	if n := r.store.count(sessionPrefix); n != sessionsPerAgent+1 {
		t.Errorf("%d sessions", n)
	}
	id, _ := hashed(first.Value)
	if said := r.wall.said(); len(said) != 1 || said[0] != "close session "+id[:8]+" 4501" {
		t.Errorf("screens were told %q", said)
	}
}

// A sign-in does not read everybody's sessions: on Monday at nine there are many.
// Those that were there at the start count all the same.
func TestASignInReadsNobodysSessionsButTheFirst(t *testing.T) {
	r := newRig(t)
	for range sessionsPerAgent - 1 {
		r.join(priya)
	}
	read := 0
	r = newRig(t, func(again *rig, c *Config) {
		again.store.values, again.store.at, again.store.revision = r.store.values, r.store.at, r.store.revision
		again.store.got = func(path string) {
			if strings.HasPrefix(path, sessionPrefix) {
				read++
			}
		}
	})
	r.join(daniel)
	if read != sessionsPerAgent {
		t.Errorf("%d sessions were read at the first sign-in, want all %d", read, sessionsPerAgent)
	}
	read = 0
	r.join(daniel)
	r.join(priya)
	if read != 0 {
		t.Errorf("%d sessions were read at later ones", read)
	}
	r.join(priya)
	if n := r.store.count(sessionPrefix); n != sessionsPerAgent+2 {
		t.Errorf("%d sessions, want %d of one agent and 2 of another", n, sessionsPerAgent)
	}
}

func TestASessionIsNotedAtMostHourly(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	before := r.store.writes
	for range 10 {
		r.clock.pass(5 * time.Minute)
		wants(t, r.request("GET", "/api/me", "", with(cookie)), 200)
	}
	if r.store.writes != before {
		t.Errorf("%d writes within the hour", r.store.writes-before)
	}
	r.clock.pass(10 * time.Minute)
	wants(t, r.request("GET", "/api/me", "", with(cookie)), 200)
	if r.store.writes != before+1 {
		t.Errorf("%d writes after an hour, want 1", r.store.writes-before)
	}
}

func TestASessionEndsAfterThirtyIdleDays(t *testing.T) {
	r := newRig(t)
	used, idle := r.join(priya), r.join(priya)
	for range 3 {
		r.clock.pass(15 * 24 * time.Hour)
		wants(t, r.request("GET", "/api/me", "", with(used)), 200)
	}
	wants(t, r.request("GET", "/api/me", "", with(idle)), 401)
	if ended, err := r.server.sessions.sweep(t.Context()); err != nil || len(ended) != 1 {
		t.Fatal(ended, err)
	}
	if n := r.store.count(sessionPrefix); n != 1 {
		t.Errorf("%d sessions are left after sweeping", n)
	}
}

func TestInvitesOutOfTimeAreSwept(t *testing.T) {
	r := newRig(t)
	r.invite(priya)
	r.clock.pass(inviteLife - time.Second)
	r.invite(daniel)
	r.clock.pass(time.Second)
	if err := r.server.invites.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.store.count(invitePrefix); n != 1 {
		t.Errorf("%d invites are left", n)
	}
}

func TestARecordThatCannotBeReadStopsNoSweep(t *testing.T) {
	r := newRig(t)
	r.invite(priya)
	r.store.values[invitePrefix+"0"] = []byte("not a record")
	r.clock.pass(inviteLife)
	if err := r.server.invites.sweep(t.Context()); err == nil {
		t.Error("the broken record was not told of")
	}
	if n := r.store.count(invitePrefix); n != 1 {
		t.Errorf("%d invites are left", n)
	}
}

func TestABrokenStoreSignsNobodyOut(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	r.store.broken = errors.New("disk on fire")
	body := wants(t, r.request("GET", "/api/me", "", with(cookie)), 500)
	if strings.Contains(body, "disk on fire") {
		t.Errorf("the client learns what broke: %s", body)
	}
	if !strings.Contains(r.log.String(), "disk on fire") {
		t.Error("the log does not say what broke")
	}
}

func TestAnAgentWhoIsGoneIsNotSignedIn(t *testing.T) {
	r := newRig(t)
	cookie, token := r.join(priya), r.invite(priya)
	r.directory.dismiss(priya.AgentID)
	wants(t, r.request("GET", "/api/me", "", with(cookie)), 401)
	wants(t, r.request("GET", "/ws", "", with(cookie)), 401)
	wants(t, r.request("POST", "/api/session", `{"invite":"`+token+`"}`), 403)
}
