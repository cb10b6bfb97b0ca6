package web

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// away is an error of a store that does not answer just now.
type away struct{}

func (away) Error() string   { return "the store cannot be reached" }
func (away) StoreAway() bool { return true }

// Whatever needs the store while it does not answer is told that it passes, and when
// to come again; nobody is signed out by it, and no invite or link is used up.
func TestAStoreThatIsAwayPasses(t *testing.T) {
	r := newAdminRig(t, allowing(portal))
	own, frame, admin := r.join(priya), r.frameCookie(r.join(priya)), r.enter("it@provider.example")
	invite, link := r.invite(priya), r.adminLink("it@provider.example")
	whom := `{"tenant":"firm.example.com","extension":"101"}`
	r.store.broken = fmt.Errorf("read a record: %w", away{})
	for _, ask := range []struct{ method, path, body string }{
		{"GET", "/api/me", ""}, {"GET", "/ws", ""}, {"GET", "/api/sessions", ""}, {"DELETE", "/api/session", ""}, {"POST", "/api/pair", ""}, {"DELETE", "/api/pair", ""},
		{"GET", "/api/settings", ""}, {"PUT", "/api/settings", `{"sound":true}`}, {"POST", "/api/session", `{"invite":"` + invite + `"}`},
		{"POST", "/api/embed/ticket", ""}, {"POST", "/admin/api/session", `{"link":"` + link + `"}`},
		{"GET", "/admin/api/me", ""}, {"GET", "/admin/api/agents", ""}, {"GET", "/admin/api/trace?follow=1", ""}, {"POST", "/admin/api/invites", whom}, {"POST", "/admin/api/sign-out", whom},
	} {
		cookie := own
		if strings.HasPrefix(ask.path, "/admin/") {
			cookie = admin
		}
		res := r.request(ask.method, ask.path, ask.body, with(cookie))
		if got := res.Header.Get("Retry-After"); got != "5" {
			t.Errorf("%s %s: Retry-After %q", ask.method, ask.path, got)
		}
		if body := wants(t, res, 503); !strings.Contains(body, MsgStoreAway) {
			t.Errorf("%s %s: %s", ask.method, ask.path, body)
		}
	}
	wants(t, r.request("GET", "/api/me", "", with(frame)), 503)
	for _, command := range []string{"/v1/invites", "/v1/sign-out", "/v1/admin/links"} {
		body := whom
		if command == "/v1/admin/links" {
			body = `{"email":"it@provider.example"}`
		}
		if answer := wants(t, r.admin("POST", command, body), 503); !strings.Contains(answer, MsgStoreAway) {
			t.Errorf("%s: %s", command, answer)
		}
	}
	if log := r.log.String(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, "cannot be reached") {
		t.Errorf("the log has %s", log)
	}
	r.store.broken = nil
	wants(t, r.request("GET", "/api/me", "", with(own)), 200)
	wants(t, r.request("GET", "/api/me", "", with(frame)), 200)
	wants(t, r.request("GET", "/admin/api/me", "", with(admin)), 200)
	wants(t, r.request("POST", "/api/session", `{"invite":"`+invite+`"}`), 204)
	wants(t, r.request("POST", "/admin/api/session", `{"link":"`+link+`"}`), 204)
}

// A pairing that Smokeball has agreed to and the store has not is told of in its own
// words, and may be tried again.
func TestAPairingThatIsNotSaved(t *testing.T) {
	const words = "Smokeball said yes, but the pairing could not be saved here."
	err := pairError("finish pairing", unsaved{words})
	var he *HTTPError
	if !errors.As(err, &he) || he.Status != 503 || he.Msg != words || he.RetryAfter != StoreAwayTime {
		t.Errorf("%+v", he)
	}
}

type unsaved struct{ words string }

func (unsaved) Error() string                { return "inner detail" }
func (u unsaved) PairProblem() (int, string) { return 503, u.words }
func (unsaved) PairProblemWord() string      { return "unsaved" }
func (unsaved) Unwrap() error                { return away{} }
