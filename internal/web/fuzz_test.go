package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Whatever a stranger sends to the page's interface: it gets one of the answers
// that are promised, in JSON where it is refused; nobody is signed in, nothing is
// written and nothing dialled.
func FuzzRequests(f *testing.F) {
	for _, s := range [][5]string{
		{http.MethodPost, "/api/session", "application/json", `{"invite":"x"}`, ""},
		{http.MethodPost, "/api/session", "application/json", `{"tenant":"firm.example.com","extension":"101","password":"x"}`, ""},
		{http.MethodPost, "/api/session", "text/plain", `{"invite":null}{}`, "__Host-smokepop_session=x"},
		{http.MethodPut, "/api/settings", "application/json", `{"sound":[true],"notification":{}}`, "smokepop_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		{http.MethodPost, "/api/dial", "", `{"number":"*97"}`, ""},
		{http.MethodGet, "/pair/callback?code=x&state=%00&error=%3Cscript%3E", "", "", ""},
		{http.MethodGet, "/sign-in/oidc/callback?code=x&state=y", "", "", "a=b; a=c;;"},
		{http.MethodDelete, "/api/sessions/%2e%2e%2f", "", "", ""},
		{http.MethodGet, "/assets/../../etc/passwd", "", "", ""},
		{"PROPFIND", "/api/knock/x", "", "", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	var g *rig // made once: that compresses the page
	f.Fuzz(func(t *testing.T, method, path, contentType, body, cookie string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") || u.Host != "" || method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
			t.Skip()
		}
		if g == nil {
			g = newRig(t)
		}
		g.clock.pass(time.Minute) // guessing is not what this is about
		g.log.b.Reset()
		g.wall.lines = nil
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, u, path
		r.Header = http.Header{"Origin": {home}, "Content-Type": {contentType}, "Cookie": {cookie}}
		w := httptest.NewRecorder()
		g.handler.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 {
			t.Errorf("%s %q answered %d %s", method, path, w.Code, w.Body)
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") == "application/problem+json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q answered %q", method, path, w.Body)
		}
		for _, c := range w.Result().Cookies() {
			if c.MaxAge >= 0 && c.Value != "" && strings.Contains(c.Name, "session") {
				t.Errorf("%s %q gave the cookie %s", method, path, c.Name)
			}
		}
		if g.store.writes != 0 {
			t.Errorf("%s %q wrote to the store", method, path)
		}
		for _, said := range g.wall.said() {
			if said != "knock" {
				t.Errorf("%s %q: %s", method, path, said)
			}
		}
	})
}
