package smokeball_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/smokeball"
)

const redirect = "https://pop.firm.example/pair/callback"

// authServer answers every request with answer and keeps the last one.
type authServer struct {
	*httptest.Server
	requests atomic.Int32
	answer   atomic.Pointer[http.HandlerFunc]
	mu       sync.Mutex // a reset connection tells nobody that they were written
	path     string
	form     url.Values
	header   http.Header
}

func newAuthServer(t *testing.T, answer http.HandlerFunc) *authServer {
	t.Helper()
	s := &authServer{}
	s.answer.Store(&answer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.path, s.form, s.header = r.Method+" "+r.URL.String(), r.PostForm, r.Header
		s.mu.Unlock()
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *authServer) client() *OAuth {
	return NewOAuth(OAuthConfig{AuthBase: s.URL, ClientID: "app one", ClientSecret: "s3:cret", RedirectURL: redirect, HTTP: NewHTTPClient("1.2.3")})
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestAuthorizeURL(t *testing.T) {
	o := NewOAuth(OAuthConfig{AuthBase: "https://auth.smokeball.com/", ClientID: "app", ClientSecret: "x", RedirectURL: redirect})
	verifier := NewVerifier()
	u, err := url.Parse(o.AuthorizeURL("the-state", verifier))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(verifier))
	want := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {redirect}, "state": {"the-state"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if got := u.Query().Encode(); got != want.Encode() {
		t.Errorf("query %s\nwant  %s", got, want.Encode())
	}
	if u.Scheme+"://"+u.Host+u.Path != "https://auth.smokeball.com/oauth2/authorize" {
		t.Errorf("address %s", u)
	}
}

func TestExchangeOnTheWire(t *testing.T) {
	s := newAuthServer(t, says(200, `{"refresh_token":"r1","access_token":"a1","token_type":"Bearer","expires_in":3600}`))
	before := time.Now()
	g, err := s.client().Exchange(t.Context(), "the-code", "the-verifier")
	if err != nil {
		t.Fatal(err)
	}
	if g.AccessToken != "a1" || g.RefreshToken != "r1" || g.Expiry.Before(before.Add(3600*time.Second)) || g.Expiry.After(time.Now().Add(3600*time.Second)) {
		t.Errorf("grant %q %q %v", g.AccessToken.Reveal(), g.RefreshToken.Reveal(), g.Expiry)
	}
	want := url.Values{"grant_type": {"authorization_code"}, "client_id": {"app one"}, "redirect_uri": {redirect}, "code": {"the-code"}, "code_verifier": {"the-verifier"}}
	if s.form.Encode() != want.Encode() || s.path != "POST /oauth2/token" {
		t.Errorf("%s %s\nwant %s", s.path, s.form.Encode(), want.Encode())
	}
	checkHeaders(t, s)
}

func TestRefreshOnTheWire(t *testing.T) {
	for _, c := range []struct{ name, answer, refresh string }{
		{"none comes back", `{"access_token":"a2","token_type":"Bearer","expires_in":3600}`, ""},
		{"an empty one comes back", `{"access_token":"a2","refresh_token":"","expires_in":3600}`, ""},
		{"the same one comes back", `{"access_token":"a2","refresh_token":"r1","expires_in":3600}`, ""},
		{"rotated", `{"access_token":"a2","refresh_token":"r2","expires_in":3600}`, "r2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAuthServer(t, says(200, c.answer))
			g, err := s.client().Refresh(t.Context(), "r1")
			if err != nil || g.AccessToken != "a2" || g.RefreshToken.Reveal() != c.refresh {
				t.Errorf("grant %q %q, %v", g.AccessToken.Reveal(), g.RefreshToken.Reveal(), err)
			}
			want := url.Values{"grant_type": {"refresh_token"}, "client_id": {"app one"}, "refresh_token": {"r1"}}
			if s.form.Encode() != want.Encode() || s.path != "POST /oauth2/token" {
				t.Errorf("%s %s\nwant %s", s.path, s.form.Encode(), want.Encode())
			}
			checkHeaders(t, s)
		})
	}
}

func checkHeaders(t *testing.T, s *authServer) {
	t.Helper()
	// RFC 6749 section 2.3.1: both parts form-encoded.
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("app+one:s3%3Acret"))
	for name, want := range map[string]string{"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded", "User-Agent": "smokepop/1.2.3"} {
		if got := s.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestPublicClientHasNoBasic(t *testing.T) {
	s := newAuthServer(t, says(200, `{"access_token":"a","expires_in":3600}`))
	o := NewOAuth(OAuthConfig{AuthBase: s.URL, ClientID: "app", RedirectURL: redirect})
	if _, err := o.Refresh(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	if s.header.Get("Authorization") != "" || s.form.Get("client_id") != "app" || s.form.Has("client_secret") {
		t.Errorf("header %q, form %v", s.header.Get("Authorization"), s.form)
	}
}

func TestOddLifetimes(t *testing.T) {
	for expires, want := range map[string]time.Duration{
		`"expires_in":21600`:   6 * time.Hour,
		`"expires_in":"7200"`:  2 * time.Hour,
		`"expires_in":1.8e3`:   30 * time.Minute,
		`"expires_in":1`:       time.Second,
		`"expires_in":0`:       DefaultTokenLifetime,
		`"expires_in":-5`:      DefaultTokenLifetime,
		`"expires_in":null`:    DefaultTokenLifetime,
		`"expires_in":""`:      DefaultTokenLifetime,
		`"expires_in":"soon"`:  DefaultTokenLifetime,
		`"expires_in":{}`:      DefaultTokenLifetime,
		`"token_type":"x"`:     DefaultTokenLifetime,
		`"expires_in":1e300`:   (1<<31 - 1) * time.Second,
		`"expires_in":"  60 "`: time.Minute,
	} {
		s := newAuthServer(t, says(200, `{"access_token":"a",`+expires+`}`))
		before := time.Now()
		g, err := s.client().Refresh(t.Context(), "r1")
		if err != nil || g.Expiry.Before(before.Add(want)) || g.Expiry.After(time.Now().Add(want)) {
			t.Errorf("%s: lives %v, %v; want %v", expires, g.Expiry.Sub(before), err, want)
		}
	}
}

func TestRevokeOnTheWire(t *testing.T) {
	s := newAuthServer(t, func(w http.ResponseWriter, _ *http.Request) {})
	if err := s.client().Revoke(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	if s.form.Encode() != "token=r1" || s.path != "POST /oauth2/revoke" {
		t.Errorf("%s %s", s.path, s.form.Encode())
	}
	checkHeaders(t, s)
}

func TestOAuthErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   ErrorKind
		code   string
	}{
		{"expired", 400, `{"error":"invalid_grant","error_description":"hush"}`, InvalidGrant, "invalid_grant"},
		{"expired, said with 200", 200, `{"error":"invalid_grant"}`, InvalidGrant, "invalid_grant"},
		{"wrong secret", 400, `{"error":"invalid_client"}`, Misconfigured, "invalid_client"},
		{"wrong secret, RFC status", 401, `{"error":"invalid_client"}`, Misconfigured, "invalid_client"},
		{"wrong secret, no word", 401, `hush`, Misconfigured, ""},
		{"not allowed", 400, `{"error":"unauthorized_client"}`, Misconfigured, "unauthorized_client"},
		{"scope", 400, `{"error":"invalid_scope"}`, Misconfigured, "invalid_scope"},
		{"redirect", 400, `{"error":"redirect_mismatch"}`, Misconfigured, "redirect_mismatch"},
		{"our fault or theirs", 400, `{"error":"invalid_request"}`, Temporary, "invalid_request"},
		{"words of their own", 400, `{"error":"hush hush"}`, Temporary, ""},
		{"server error", 500, `{"message":"hush"}`, Temporary, ""},
		{"server error that names a code", 503, `{"error":"invalid_grant"}`, Temporary, "invalid_grant"},
		{"throttled", 429, `{"message":"hush"}`, Temporary, ""},
		{"a page", 200, `<html>hush</html>`, Temporary, ""},
		{"a page with a number", 200, `{"access_token":4711}`, Temporary, ""},
		{"nothing", 200, `{}`, Temporary, ""},
		{"null", 200, `null`, Temporary, ""},
		{"a token that is no header", 200, `{"access_token":"a\r\nhush: 1"}`, Temporary, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAuthServer(t, says(c.status, c.body))
			_, err := s.client().Refresh(t.Context(), "hush-r1")
			var failed *OAuthError
			if !errors.As(err, &failed) || failed.Kind != c.kind || failed.Code != c.code {
				t.Fatalf("%#v, want kind %v, code %q", err, c.kind, c.code)
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%v", failed.Unwrap())} {
				if strings.Contains(text, "hush") || strings.Contains(text, "4711") || strings.Contains(text, "s3") {
					t.Errorf("the error tells too much: %s", text)
				}
			}
			if n := s.requests.Load(); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
			_, err = s.client().Exchange(t.Context(), "hush-code", "v")
			if !errors.As(err, &failed) || failed.Kind != c.kind || s.requests.Load() != 2 {
				t.Errorf("exchange: %v after %d requests", err, s.requests.Load()-1)
			}
		})
	}
}

func TestOAuthRetryAfter(t *testing.T) {
	s := newAuthServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
	})
	var failed *OAuthError
	if _, err := s.client().Refresh(t.Context(), "r"); !errors.As(err, &failed) || failed.RetryAfter != 7*time.Second {
		t.Errorf("%+v", failed)
	}
}

func TestOAuthCancelled(t *testing.T) {
	s := newAuthServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.client().Refresh(ctx, "r")
	var failed *OAuthError
	if !errors.As(err, &failed) || failed.Kind != Temporary || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
