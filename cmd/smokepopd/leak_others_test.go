package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// parrot is a server that says back what it was sent, in a way that can be
// changed, and remembers which secrets have come to it.
type parrot struct {
	*httptest.Server
	says atomic.Pointer[http.HandlerFunc]
	came atomic.Pointer[string] // the last Authorization header
}

func newParrot(t *testing.T) *parrot {
	p := &parrot{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			p.came.Store(&a)
		}
		if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
			_ = json.NewEncoder(w).Encode(map[string]any{
				"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
				"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
			})
			return
		}
		(*p.says.Load())(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// The PBX and the identity provider are sent secrets as well: the PBX's
// password, the agents' passwords at the PBX, the provider's client secret and
// its codes. They say everything back; nothing of it comes out.
func TestNoSecretLeavesByThePBXOrTheProvider(t *testing.T) {
	pbx, provider := newParrot(t), newParrot(t)
	found, out := newCanaries(), newEvidence()
	secret := func(kind string) string {
		s := rand.Text() + "/+=&%\"<>\\'" + rand.Text()
		found.add(kind, s)
		return s
	}
	pbxPassword, clientSecret := secret("PBX password"), secret("provider's client secret")
	ways := map[string]http.HandlerFunc{}
	for name, f := range echoes(simulator.AnyEndpoint) {
		if f.Answer != nil {
			ways[name] = f.Answer
		}
	}
	first := ways["500"]
	pbx.says.Store(&first)
	provider.says.Store(&first)
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		etc := filepath.Dir(settings["encryption_key_file"].(string))
		for name, s := range map[string]string{"pbx-password": pbxPassword, "provider-secret": clientSecret} {
			if err := os.WriteFile(filepath.Join(etc, name), []byte(s+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		settings["sign_in"] = map[string]any{"pbx_password": true, "oidc": map[string]any{
			"issuer": provider.URL, "client_id": "smokepop", "client_secret_file": "provider-secret",
		}}
		tenant := settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)
		tenant["api"] = map[string]any{"url": pbx.URL, "username": "admin", "password_file": "pbx-password"}
		tenant["events"] = "both"
	})
	in.serve("GOTRACEBACK=all")
	n := 0
	for name, way := range ways {
		pbx.says.Store(&way)
		provider.says.Store(&way)
		for _, args := range [][]string{{"doctor"}, {"doctor", "--json"}, {"agents", "refresh"}, {"vodia", "subscribe", "--dry-run"}} {
			r := in.admin(args...)
			out.add(strings.Join(args, " "), r.stdout+r.stderr)
		}
		browser := newStranger(t)
		n++
		password := secret("agent's password")
		body, err := json.Marshal(map[string]string{"extension": fmt.Sprint(200 + n), "password": password})
		if err != nil {
			t.Fatal(err)
		}
		status, text := browser.ask(http.MethodPost, in.world.public+"/api/session", string(body))
		out.add("signing in with a password", text)
		if status/100 == 2 {
			t.Errorf("%s: signed in with a password: %s", name, text)
		}

		status, text = browser.ask(http.MethodGet, in.world.public+"/sign-in/oidc", "")
		if status != http.StatusFound {
			t.Fatalf("%s: on the way to the provider: %s", name, text)
		}
		to, err := url.Parse(browser.location)
		if err != nil {
			t.Fatal(err)
		}
		q := url.Values{"state": {to.Query().Get("state")}, "code": {secret("provider's code")}}
		provider.came.Store(new(string))
		status, text = browser.ask(http.MethodGet, in.world.public+"/sign-in/oidc/callback?"+q.Encode(), "")
		out.add("back from the provider", text)
		if status < 400 {
			t.Errorf("%s: signed in by the provider: %s", name, text)
		}
		if *provider.came.Load() == "" {
			t.Errorf("%s: the provider was not sent the client secret", name)
		}
	}
	if pbx.came.Load() == nil {
		t.Error("the PBX was not sent a password")
	}
	for _, args := range [][]string{{"check-config"}, {"trace"}, {"agents", "list"}, {"doctor"}} {
		r := in.admin(args...)
		out.add(strings.Join(args, " "), r.stdout+r.stderr)
	}
	for _, page := range []string{"/metrics", "/readyz"} {
		_, text := newStranger(t).ask(http.MethodGet, "http://"+in.ops+page, "")
		out.add(page, text)
	}
	if code := in.end(syscall.SIGQUIT); code != 2 {
		t.Errorf("SIGQUIT ends it with %d", code)
	}
	log := in.stderr.String()
	if !strings.Contains(log, `"level":"DEBUG"`) || !strings.Contains(log, "\ngoroutine 1 ") {
		t.Errorf("the log is not all there: %.300s", log)
	}
	out.add("the log", log)
	out.search(t, found)
}

// stranger is a browser that nobody has signed in.
type stranger struct {
	t        *testing.T
	http     http.Client
	location string // of the last answer
}

func newStranger(t *testing.T) *stranger {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t: t, http: http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: waitAtMost}}
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(s.http.CloseIdleConnections)
	return s
}

// ask returns an answer's status, and all of it as text but a cookie.
func (s *stranger) ask(method, address, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.location = res.Header.Get("Location")
	res.Header.Del("Set-Cookie")
	var head strings.Builder
	_ = res.Header.Write(&head)
	return res.StatusCode, res.Status + "\n" + head.String() + string(b)
}
