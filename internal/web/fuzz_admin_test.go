package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Whatever a firm's admin sends to the admin page's interface, and whoever has the
// admin socket to that: it gets an answer, in JSON where it is refused, and what is
// refused has made and removed nothing. The firm's admin sees nothing of another firm that
// was not named, and does nothing to it.
func FuzzAdminRequests(f *testing.F) {
	for i, s := range [][3]string{
		{"tenant=firm.example.com&extension=101", `{"tenant":"firm.example.com","extension":"101"}`, "application/json"},
		{"tenant=other.example.com", `{"tenant":"other.example.com","extension":"901","reason":"none"}`, ""},
		{"tenant=%6Fther.example.com.&extension=901%00", `{"tenant":"OTHER.example.com ","extension":"901","session":"x"}`, ""},
		{"extension=901&call=call-of-the-other&since=yesterday", `{"tenant":null,"extension":[901]}`, "application/json; charset=utf-8"},
		{"call=%ff", `{"event":"{\"event\":\"ringing\"}","tenant":"firm.example.com","path":"/../x","method":"TRACE"}`, ""},
		{"", `{"email":"it@provider.example"}`, ""},
		{"limit=-1&limit=99999999999999999999", `{"nonce":""}{}`, "text/plain"},
		{"tenant=&tenant=other.example.com", `[`, ""},
	} {
		for route := range 6 {
			f.Add(uint8(i*6+route), s[0], s[1], s[2])
		}
	}
	var g *rig // made once: that compresses the page
	var admin *http.Cookie
	f.Fuzz(func(t *testing.T, route uint8, query, body, contentType string) {
		q, err := url.ParseQuery(query)
		if err != nil || q.Has("follow") || strings.ContainsAny(query, " #\x7f") || strings.ContainsFunc(query, func(r rune) bool { return r < ' ' }) {
			t.Skip("follow has no end")
		}
		if g == nil {
			g = newAdminRig(t)
			g.join(olga)
			g.smokeball.paired[olga.AgentID] = true
			admin = g.enter("office@firm.example")
		}
		g.t = t
		g.log.b.Reset()
		g.wall.lines = nil
		g.clock.pass(time.Second)
		routes := slices.DeleteFunc(g.adminRoutes(), func(r [2]string) bool { return r[0] == http.MethodDelete })
		at := routes[int(route)%len(routes)]
		send := func(h http.Handler, path string, change func(*http.Request)) *httptest.ResponseRecorder {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), at[0], path, strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header = http.Header{"Origin": {home}, "Content-Type": {contentType}}
			change(r)
			w := httptest.NewRecorder()
			before, _ := g.store.List(t.Context(), "")
			h.ServeHTTP(w, r)
			after, _ := g.store.List(t.Context(), "") // that a session was seen is written into its record
			switch {
			case w.Code >= 500 || w.Code < 200:
				t.Errorf("%s %s?%q %q: %d %s", at[0], path, query, body, w.Code, w.Body)
			case w.Code >= 400 && (!slices.Equal(before, after) || !json.Valid(w.Body.Bytes())):
				t.Errorf("%s %s?%q %q: %d, and there is %q: %s", at[0], path, query, body, w.Code, after, w.Body)
			}
			return w
		}
		w := send(g.handler, at[1], with(admin))
		for _, secret := range olgas {
			if strings.Contains(w.Body.String(), secret) && !strings.Contains(query+body, secret) && !strings.Contains(w.Body.String(), `"detail":"there is no`) {
				t.Errorf("%s %s?%q %q shows %s: %s", at[0], at[1], query, body, secret, w.Body)
			}
		}
		if !g.smokeball.paired[olga.AgentID] || g.store.count(sessionPrefix) != 1 {
			t.Error("the other firm's agent is not what she was")
		}
		for _, said := range g.wall.said() {
			if strings.Contains(said, string(olga.Tenant)) {
				t.Errorf("%s %s?%q %q: %s", at[0], at[1], query, body, said)
			}
		}
		if w.Code == http.StatusUnauthorized { // by a sign-out, or time
			admin = g.enter("office@firm.example")
		}
		send(g.server.Admin(), strings.Replace(at[1], "/admin/api/", "/v1/", 1), func(*http.Request) {})
		if g.smokeball.paired[olga.AgentID] = true; g.store.count(sessionPrefix) == 0 { // that was the admin's right
			g.join(olga)
		}
	})
}
