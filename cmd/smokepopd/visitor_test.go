package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/simulator"
)

// visitor is an agent's browser as far as the wire goes: a session's cookie,
// requests of the page, and sockets.
type visitor struct {
	t      testing.TB
	public string
	cookie *http.Cookie
}

// signIn takes an invite link, as the page at its end does.
func signIn(t testing.TB, link string) *visitor {
	t.Helper()
	public, token, found := strings.Cut(link, "/join#")
	if !found {
		t.Fatalf("the invite link is %q", link)
	}
	v := &visitor{t: t, public: public}
	res, body := v.request(http.MethodPost, "/api/session", fmt.Sprintf(`{"invite":%q}`, token))
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("sign in: %s %s", res.Status, body)
	}
	for _, c := range res.Cookies() {
		v.cookie = c
	}
	if v.cookie == nil {
		t.Fatal("signing in gave no cookie")
	}
	return v
}

// signIn signs a browser of an extension in.
func (s *system) signIn(extension string) *visitor {
	s.t.Helper()
	return signIn(s.t, s.invite(extension))
}

// paired signs a browser of an agent in and pairs the agent.
func (s *system) paired(a simulator.Agent) *visitor {
	s.t.Helper()
	v := s.signIn(a.Extension)
	v.pair(s.smokeball(), a.Email)
	return v
}

// request sends a request the way the page does. change, when given, has the
// last word.
func (v *visitor) request(method, path, body string, change ...func(*http.Request)) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.public+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Origin", v.public)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if v.cookie != nil {
		req.AddCookie(v.cookie)
	}
	for _, c := range change {
		c(req)
	}
	res, err := plainClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(b)
}

// beginPairing presses "Pair" and returns where Smokeball asks to sign in.
func (v *visitor) beginPairing() string {
	v.t.Helper()
	res, body := v.request(http.MethodPost, "/api/pair", "")
	var answer struct {
		URL string `json:"authorize_url"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK || answer.URL == "" {
		v.t.Fatalf("begin pairing: %s %s", res.Status, body)
	}
	return answer.URL
}

// callback signs in at Smokeball and returns the path the browser is sent back
// to.
func (v *visitor) callback(smokeball *simulator.Smokeball, email string) string {
	v.t.Helper()
	target, err := smokeball.SignIn(v.beginPairing(), email)
	if err != nil {
		v.t.Fatal(err)
	}
	path, ours := strings.CutPrefix(target, v.public)
	if !ours {
		v.t.Fatalf("Smokeball sends the browser to %s", target)
	}
	return path
}

// pair pairs the agent as the Smokeball user with this e-mail, and waits until
// the screens have heard whose account it is: that is asked for beside.
func (v *visitor) pair(smokeball *simulator.Smokeball, email string) {
	v.t.Helper()
	sc := v.open()
	v.finishPairing(v.callback(smokeball, email))
	for dig(sc.next("pairing"), "pairing", "email_matches") == nil {
	}
	_ = sc.conn.Close()
}

func (v *visitor) finishPairing(path string) {
	v.t.Helper()
	if res, body := v.request(http.MethodGet, path, "", func(r *http.Request) { r.Header.Del("Origin") }); res.StatusCode != http.StatusOK {
		v.t.Fatalf("the callback: %s %s", res.Status, body)
	}
}

// dial asks for a socket. The caller closes what it gets.
func (v *visitor) dial(subprotocol string, change ...func(http.Header)) (*websocket.Conn, *http.Response, error) {
	header := http.Header{"Origin": {v.public}}
	if v.cookie != nil {
		header.Set("Cookie", v.cookie.Name+"="+v.cookie.Value)
	}
	for _, c := range change {
		c(header)
	}
	dialer := websocket.Dialer{HandshakeTimeout: waitAtMost}
	if subprotocol != "" {
		dialer.Subprotocols = []string{subprotocol}
	}
	return dialer.DialContext(v.t.Context(), strings.Replace(v.public, "http", "ws", 1)+"/ws", header)
}
