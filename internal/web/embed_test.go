package web

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const portal = "https://portal.example"

func allowing(parents ...string) func(*rig, *Config) {
	return func(_ *rig, c *Config) { c.Parents = parents }
}

// frameCookie goes the way of a tab and its frame, and returns the frame's
// cookie.
func (r *rig) frameCookie(own *http.Cookie) *http.Cookie {
	r.t.Helper()
	res := r.request("POST", framePath, `{"ticket":"`+r.ticket(own)+`"}`)
	if wants(r.t, res, 204); len(res.Cookies()) != 1 {
		r.t.Fatalf("cookies: %v", res.Cookies())
	}
	return res.Cookies()[0]
}

func (r *rig) ticket(own *http.Cookie) string {
	r.t.Helper()
	_, rest, _ := strings.Cut(wants(r.t, r.request("POST", "/api/embed/ticket", "", with(own)), 200), `"ticket":"`)
	ticket, _, _ := strings.Cut(rest, `"`)
	return ticket
}

// One document may be shown in a frame, by those who are named, and no other
// one by anybody.
func TestWhichDocumentsMayBeFramed(t *testing.T) {
	r := newRig(t, allowing(portal, "http://localhost:8080"))
	h := r.request("GET", "/embed", "").Header
	csp := h.Get("Content-Security-Policy")
	if !strings.Contains(csp, "; frame-ancestors "+portal+" http://localhost:8080;") || len(h.Values("Content-Security-Policy")) != 1 {
		t.Errorf("policy %q", csp)
	}
	if got, there := h["X-Frame-Options"]; there {
		t.Errorf("X-Frame-Options %q overrules it", got)
	}
	for _, want := range []string{
		"default-src 'none';", "script-src 'self';", "base-uri 'none';", "form-action 'none';", "require-trusted-types-for 'script';",
		"connect-src " + home + "/api/me " + home + "/api/embed/session wss://pop.firm.example/ws;", "sandbox allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox",
	} {
		if !strings.Contains(csp, want) {
			t.Errorf("no %s in %q", want, csp)
		}
	}
	if strings.Contains(csp, "*") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "top-navigation") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("loose: %v", h)
	}
	cookie := r.join(priya)
	for _, target := range []string{"/", "/join", "/embed/connect", "/embed.js", "/pair/callback", "/sign-in/oidc", "/manifest.webmanifest", "/api/me", "/embed/", "/embed/x", "/EMBED", r.server.page.vars.Assets + "/frame.js"} {
		h := r.request("GET", target, "", with(cookie)).Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s may be framed: %v", target, h)
		}
	}
	h = r.request("POST", "/embed", "").Header // an error, under the same address
	if h.Get("X-Frame-Options") != "DENY" {
		t.Errorf("an error may be framed: %v", h)
	}
}

func TestWithoutParentsNothingIsFramed(t *testing.T) {
	r := newRig(t)
	h := r.request("GET", "/embed", "").Header
	if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%v", h)
	}
	cookie := r.join(priya)
	wants(t, r.request("GET", "/embed/connect", "", with(cookie)), 404)
	wants(t, r.request("POST", "/api/embed/ticket", "", with(cookie)), 404)
	wants(t, r.request("POST", framePath, `{"ticket":"x"}`), 404)
}

// A page of any origin loads the one script, also one that isolates itself; it
// asks each time whether there is a newer one.
func TestTheScriptForOtherPages(t *testing.T) {
	r := newRig(t)
	res := r.request("GET", "/embed.js", "")
	h := res.Header
	if res.StatusCode != 200 || h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || h.Get("Cache-Control") != "no-cache" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", res.StatusCode, h)
	}
	if len(text(t, res)) > 5<<10 {
		t.Error("the script is not small")
	}
	if res := r.request("GET", "/embed.js", "", header("If-None-Match", h.Get("ETag"))); res.StatusCode != 304 {
		t.Errorf("again: %d", res.StatusCode)
	}
	if got := r.request("GET", "/embed", "").Header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
		t.Errorf("the document's: %q", got)
	}
}

func TestAFramesCookieOpensAScreenAndNothingElse(t *testing.T) {
	r := newRig(t, allowing(portal))
	own := r.join(priya)
	frame := r.frameCookie(own)
	if frame.Name != "__Host-smokepop-frame" || !frame.HttpOnly || !frame.Secure || !frame.Partitioned || frame.SameSite != http.SameSiteNoneMode || frame.Path != "/" || frame.Domain != "" || frame.Value == own.Value {
		t.Errorf("cookie %v", frame)
	}
	if own.SameSite != http.SameSiteLaxMode || own.Partitioned {
		t.Errorf("the session's own cookie is %v", own)
	}
	if body := wants(t, r.request("GET", "/api/me", "", with(frame)), 200); !strings.Contains(body, priya.Name) {
		t.Errorf("me: %s", body)
	}
	if res := r.request("GET", "/ws", "", with(frame)); res.StatusCode != http.StatusTeapot {
		t.Errorf("websocket: %d", res.StatusCode)
	}
	wants(t, r.request("GET", "/ws", "", with(frame), header("Origin", portal)), 403)
	wants(t, r.request("GET", "/ws", "", with(frame), without("Origin")), 403)
	for _, c := range changing {
		want := 401
		if c.target == "/api/session" && c.method == "POST" {
			want = 403 // an invite that there is not: no session is asked for
		}
		wants(t, r.request(c.method, c.target, c.body, with(frame)), want)
		// Nor under the name of the session's own.
		wants(t, r.request(c.method, c.target, c.body, with(&http.Cookie{Name: own.Name, Value: frame.Value})), want)
	}
	wants(t, r.request("GET", "/api/sessions", "", with(frame)), 401)
	wants(t, r.request("GET", "/api/settings", "", with(frame)), 401)
	wants(t, r.request("POST", "/api/embed/ticket", "", with(frame)), 401) // no frame makes another one
	wants(t, r.request("GET", "/api/me", "", with(&http.Cookie{Name: frame.Name, Value: own.Value})), 401)
}

func TestAFrameEndsWithItsSession(t *testing.T) {
	r := newRig(t, allowing(portal))
	own, other := r.join(priya), r.join(priya)
	frame, others := r.frameCookie(own), r.frameCookie(other)
	late := r.ticket(own)
	wants(t, r.request("DELETE", "/api/session", "", with(own)), 204)
	wants(t, r.request("GET", "/api/me", "", with(frame)), 401)
	wants(t, r.request("GET", "/ws", "", with(frame)), 401)
	wants(t, r.request("POST", framePath, `{"ticket":"`+late+`"}`), 403)
	wants(t, r.request("GET", "/api/me", "", with(others)), 200)
	if err := r.server.frames.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.store.count(framePrefix); n != 1 {
		t.Errorf("%d frames are kept", n)
	}
	wants(t, r.request("GET", "/api/me", "", with(others)), 200)
	r.wall.open = 0
	r.clock.pass(sessionIdle)
	wants(t, r.request("GET", "/api/me", "", with(others)), 401)
}

// Where portals are not allowed any more, their cookies are good for nothing.
func TestAFramesCookieWithoutParents(t *testing.T) {
	r := newRig(t, allowing(portal))
	frame := r.frameCookie(r.join(priya))
	r.server.parents = nil
	wants(t, r.request("GET", "/api/me", "", with(frame)), 401)
	wants(t, r.request("GET", "/ws", "", with(frame)), 401)
}

func TestTicketsAreGoodOnceAndForAMinute(t *testing.T) {
	r := newRig(t, allowing(portal))
	own := r.join(priya)
	redeem := func(ticket string, change ...func(*http.Request)) *http.Response {
		return r.request("POST", framePath, `{"ticket":"`+ticket+`"}`, change...)
	}
	ticket := r.ticket(own)
	wants(t, redeem(ticket, header("Origin", portal)), 403)
	wants(t, redeem(ticket, without("Origin")), 403)
	wants(t, redeem(ticket), 204)
	wants(t, redeem(ticket), 403)
	for _, unknown := range []string{"", "x", newToken(), own.Value} {
		res := redeem(unknown)
		wants(t, res, 403)
		if len(res.Cookies()) != 0 {
			t.Errorf("%q got a cookie", unknown)
		}
	}
	first, second := r.ticket(own), r.ticket(own)
	wants(t, redeem(first), 403) // the later one is meant
	wants(t, redeem(second), 204)
	late, just := r.ticket(r.join(daniel)), r.ticket(own)
	r.clock.pass(ticketLife - time.Second)
	wants(t, redeem(just), 204)
	r.clock.pass(time.Second)
	wants(t, redeem(late), 403)
	wants(t, r.request("POST", "/api/embed/ticket", "", with(own), header("Origin", portal)), 403)
	wants(t, r.request("POST", "/api/embed/ticket", ""), 401)
	if log := r.log.String(); strings.Contains(log, ticket) || !strings.Contains(log, "audit.event=frame") {
		t.Errorf("log: %s", log)
	}
}

func TestFramesOfASessionAreBounded(t *testing.T) {
	r := newRig(t, allowing(portal))
	own, neighbour := r.join(priya), r.frameCookie(r.join(daniel))
	var cookies []*http.Cookie
	for range framesPerSession + 3 {
		cookies = append(cookies, r.frameCookie(own))
		r.clock.pass(time.Second)
	}
	for i, c := range cookies {
		want := 200
		if i < 3 {
			want = 401 // the oldest make room
		}
		wants(t, r.request("GET", "/api/me", "", with(c)), want)
	}
	wants(t, r.request("GET", "/api/me", "", with(neighbour)), 200)
	if n := len(r.server.frames.tickets); n != 0 {
		t.Errorf("%d tickets are kept", n)
	}
}

func TestAStoreThatFailsSignsNoFrameOut(t *testing.T) {
	r := newRig(t, allowing(portal))
	own := r.join(priya)
	frame, ticket := r.frameCookie(own), r.ticket(own)
	r.store.broken = errMoved
	wants(t, r.request("GET", "/api/me", "", with(frame)), 500)
	wants(t, r.request("POST", framePath, `{"ticket":"`+ticket+`"}`), 500)
	if err := r.server.frames.sweep(t.Context()); err == nil {
		t.Error("the sweep says nothing")
	}
	r.store.broken = nil
	wants(t, r.request("GET", "/api/me", "", with(frame)), 200)
}
