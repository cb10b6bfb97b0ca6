package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
)

// trail is what a rig has put into the audit log.
type trail struct{ lockedBuffer }

func (l *trail) kept() func(*rig, *Config) {
	return func(r *rig, c *Config) { c.Audit = audit.NewLog(slog.NewJSONHandler(l, nil), r.clock.now) }
}

// all returns the lines of an event.
func (l *trail) all(t *testing.T, event audit.Kind) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var one struct{ Audit map[string]any }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if one.Audit["event"] == string(event) {
			lines = append(lines, one.Audit)
		}
	}
	return lines
}

// last holds the fields of the latest line of an event against want; "*" is
// whatever is there, and "" what must not be.
func (l *trail) last(t *testing.T, event audit.Kind, want map[string]any) {
	t.Helper()
	lines := l.all(t, event)
	if len(lines) == 0 {
		t.Errorf("no line of %s", event)
		return
	}
	got := lines[len(lines)-1]
	for field, value := range want {
		switch v, there := got[field]; {
		case value == "*" && there, value == "" && !there:
		case fmt.Sprint(v) != fmt.Sprint(value) || !there:
			t.Errorf("%s: %s is %v, want %v: %v", event, field, v, value, got)
		}
	}
}

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"

// Whoever tries to sign in is in the record: how, as whom and from where, and why
// it came to nothing. What people type into the wrong field is not.
func TestSignInsAreRecorded(t *testing.T) {
	b, l := &switchboard{}, &trail{}
	r := newRig(t, withPasswords(b), l.kept())
	try := func(status int, body string, change ...func(*http.Request)) {
		t.Helper()
		wants(t, r.request("POST", "/api/session", body, append(change, from("203.0.113.7"), header("User-Agent", chrome))...), status)
	}
	nobody := func(more map[string]any) map[string]any {
		all := map[string]any{"by": "nobody", "who": "", "client": "203.0.113.7", "device": "Chrome on Windows", "request_id": "*", "session": ""}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	for _, c := range []struct {
		body, agent, why string
	}{
		{`{"invite":"none"}`, "", "no-such-invite"},
		{credentials(priya.Tenant, "101", "wrong"), "101@firm.example.com", "wrong-password"},
		{credentials(priya.Tenant, "999", "wrong"), "999@firm.example.com", "wrong-password"},
		{credentials(priya.Tenant, "300", "secret of 300"), "300@firm.example.com", "no-agent"},
		{credentials("other.example", "101", "secret of 101"), "101@", "no-such-extension"},
		{credentials(priya.Tenant, "correct horse", "101"), "(no extension)@firm.example.com", "wrong-password"},
		{credentials("correct horse", "battery staple", "101"), "(no extension)@", "no-such-extension"},
		{credentials(priya.Tenant, "0123456789", "101"), "(no extension)@firm.example.com", "wrong-password"},
	} {
		try(403, c.body)
		l.last(t, audit.KindSignIn, nobody(map[string]any{"outcome": "refused", "agent": c.agent, "why": c.why}))
	}
	try(403, credentials(priya.Tenant, "101", "secret of 101"), header("Origin", "https://elsewhere.example"))
	l.last(t, audit.KindSignIn, nobody(map[string]any{"outcome": "refused", "why": "foreign-page", "agent": ""}))
	b.away = fmt.Errorf("inner detail")
	try(502, credentials(priya.Tenant, "101", "secret of 101"))
	l.last(t, audit.KindSignIn, nobody(map[string]any{"outcome": "failed", "why": "pbx-unavailable", "agent": "101@firm.example.com"}))
	for range guessBurst {
		r.request("POST", "/api/session", `{"invite":"none"}`, from("203.0.113.7"))
	}
	try(429, `{"invite":"none"}`)
	l.last(t, audit.KindSignIn, nobody(map[string]any{"outcome": "limited", "why": "too-many-tries"}))

	b.away = nil
	r.clock.pass(time.Hour)
	try(204, credentials(priya.Tenant, "101", "secret of 101"))
	l.last(t, audit.KindSignIn, map[string]any{
		"outcome": "ok", "by": "agent", "who": "101@firm.example.com", "agent": "101@firm.example.com", "method": "pbx_password",
		"client": "203.0.113.7", "device": "Chrome on Windows", "session": "*", "why": "", "request_id": "*",
	})
	for _, secret := range []string{"correct horse", "battery", "0123456789", "secret of", "wrong\"", "inner detail"} {
		if strings.Contains(l.String(), secret) {
			t.Errorf("the record has %q", secret)
		}
	}
}

func TestSingleSignOnIsRecorded(t *testing.T) {
	l, p := &trail{}, &provider{}
	r := newRig(t, l.kept(), func(_ *rig, c *Config) { c.SignOn, c.SignOnName = p, "The firm" })

	r.comesBack(nil, url.Values{"state": {"s"}, "code": {"c"}})
	l.last(t, audit.KindSignIn, map[string]any{"outcome": "refused", "by": "nobody", "method": "oidc", "why": "not-begun-here"})
	cookie := r.begins("")
	r.comesBack(cookie, url.Values{"state": {p.made.State}})
	l.last(t, audit.KindSignIn, map[string]any{"outcome": "refused", "why": "provider-denied"})
	cookie = r.begins("")
	r.comesBack(cookie, answered(p, "stranger@firm.example.com"))
	l.last(t, audit.KindSignIn, map[string]any{"outcome": "refused", "why": "no-agent", "email": "stranger@firm.example.com"})
	cookie = r.begins("")
	r.comesBack(cookie, url.Values{"state": {p.made.State}, "code": {"of somebody else"}})
	l.last(t, audit.KindSignIn, map[string]any{"outcome": "refused", "why": "provider-answer-refused"})
	p.fails = refusedSignOn{502, "Away."}
	r.request("GET", signOnPath, "", without("Origin"))
	l.last(t, audit.KindSignIn, map[string]any{"outcome": "failed", "why": "provider-unavailable", "method": "oidc"})
	p.fails = nil
	cookie = r.begins("")
	r.comesBack(cookie, answered(p, priya.Email))
	l.last(t, audit.KindSignIn, map[string]any{"outcome": "ok", "by": "agent", "agent": "101@firm.example.com", "email": "", "why": ""})
}

// A session ends for many reasons, and the record has each.
func TestEndsOfSessionsAreRecorded(t *testing.T) { synctest.Test(t, endsOfSessionsAreRecorded) }

func endsOfSessionsAreRecorded(t *testing.T) {
	l := &trail{}
	r := newRig(t, l.kept())
	r.wall.open = 0
	first := r.join(priya)
	handle := l.all(t, audit.KindSignIn)[0]["session"]
	second := r.join(priya, with(first)) // in the same browser
	l.last(t, audit.KindSignOut, map[string]any{"by": "agent", "who": "101@firm.example.com", "cause": "replaced", "ended_session": handle, "client": "*"})

	r.request("DELETE", "/api/session", "", with(second))
	l.last(t, audit.KindSignOut, map[string]any{"by": "agent", "cause": "asked", "sessions": 1, "session": "*"})

	for range sessionsPerAgent + 1 {
		r.join(priya)
		r.clock.pass(time.Second)
	}
	l.last(t, audit.KindSignOut, map[string]any{"by": "daemon", "cause": "surplus", "agent": "101@firm.example.com"})

	r.adminCall("POST", "/v1/sign-out", `{"tenant":"firm.example.com","extension":"101","reason":" left\nthe firm "}`, header(HeaderUser, "priya"))
	l.last(t, audit.KindSignOut, map[string]any{
		"by": "admin-socket", "claimed": "priya", "cause": "asked", "sessions": sessionsPerAgent, "reason": "left the firm", "agent": "101@firm.example.com",
	})

	if said := r.wall.said(); !slices.Contains(said, `explain 101@firm.example.com  "left the firm"`) {
		t.Errorf("screens were told %q", said)
	}

	r.join(priya)
	r.clock.pass(sessionIdle)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- r.server.Run(ctx) }()
	synctest.Wait() // it has swept, and waits for an hour to pass
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	l.last(t, audit.KindSignOut, map[string]any{"by": "daemon", "cause": "expired", "agent": "101@firm.example.com", "client": ""})
}

// An admin's word that somebody is unpaired is in the record, with the reason,
// and so is what came of it.
func TestForcedUnpairingIsRecorded(t *testing.T) {
	l := &trail{}
	r := newRig(t, l.kept())
	r.smokeball.paired[priya.AgentID] = true
	unpair := func() {
		r.adminCall("POST", "/v1/unpair", `{"tenant":"firm.example.com","extension":"101","reason":"left the firm"}`)
	}
	unpair()
	if said := r.wall.said(); !slices.Contains(said, `unpaired 101@firm.example.com "Your administrator has ended your pairing with Smokeball: left the firm."`) {
		t.Errorf("screens were told %q", said)
	}
	l.last(t, audit.KindUnpair, map[string]any{
		"outcome": "ok", "by": "admin-socket", "agent": "101@firm.example.com", "was_paired": true, "revoked": "*", "reason": "left the firm",
	})
	told := len(r.wall.said())
	unpair() // there is nothing to tell of any more
	if said := r.wall.said()[told:]; slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "unpaired") }) {
		t.Errorf("screens were told %q", said)
	}
	l.last(t, audit.KindUnpair, map[string]any{"outcome": "ok", "was_paired": false, "reason": "left the firm"})
	wants(t, r.admin("POST", "/v1/sign-out", `{"tenant":"firm.example.com","extension":"101","session":"none","reason":"lost phone"}`), 404)
	l.last(t, audit.KindSignOut, map[string]any{"outcome": "refused", "by": "admin-socket", "sessions": 0, "reason": "lost phone"})
}
