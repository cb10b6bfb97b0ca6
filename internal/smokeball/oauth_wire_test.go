package smokeball_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/smokeball"
)

// A failed token request is one request: golang.org/x/oauth2 with its style
// unset would send the same code or refresh token again in the other style.
func TestFailedTokenRequestIsSentOnceInOneStyle(t *testing.T) {
	page := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	for name, answer := range map[string]http.HandlerFunc{
		"400":          page(400, ""),
		"401":          page(401, ""),
		"403":          page(403, ""),
		"404":          page(404, ""),
		"408":          page(408, ""),
		"429":          page(429, ""),
		"500":          page(500, ""),
		"502":          page(502, "<html>Bad Gateway</html>"),
		"503":          page(503, ""),
		"504":          page(504, ""),
		"a page":       page(200, "<!doctype html>"),
		"2 MiB":        page(200, `{"access_token":"a","pad":"`+strings.Repeat("x", 2<<20)+`"}`),
		"2 MiB of 400": page(400, strings.Repeat("x", 2<<20)),
		"reset":        reset,
	} {
		for _, c := range []struct {
			secret string
			before int // requests that went well: the library learns from them, and the connection is used again
		}{{"s3:cret", 0}, {"s3:cret", 1}, {"", 0}, {"", 1}} {
			t.Run(fmt.Sprintf("%s, secret %q, %d before", name, c.secret, c.before), func(t *testing.T) {
				s := newAuthServer(t, says(200, `{"access_token":"a"}`))
				o := NewOAuth(OAuthConfig{AuthBase: s.URL, ClientID: "app one", RedirectURL: redirect, HTTP: NewHTTPClient("")})
				if c.secret != "" {
					o = s.client()
				}
				for range c.before {
					if _, err := o.Refresh(t.Context(), "r"); err != nil {
						t.Fatal(err)
					}
				}
				s.answer.Store(&answer)
				for i, ask := range []func() error{
					func() error { _, err := o.Refresh(t.Context(), "r"); return err },
					func() error { _, err := o.Exchange(t.Context(), "c", "v"); return err },
				} {
					var failed *OAuthError
					if err := ask(); !errors.As(err, &failed) || failed.Kind == InvalidGrant {
						t.Errorf("%v", err)
					}
					if n := s.requests.Load(); n != int32(c.before+i+1) {
						t.Errorf("%d requests, want %d", n, c.before+i+1)
					}
					s.mu.Lock()
					if basic := s.header.Get("Authorization") != ""; basic != (c.secret != "") || s.form.Has("client_secret") {
						t.Errorf("Basic %v, the secret in the form %v", basic, s.form.Has("client_secret"))
					}
					s.mu.Unlock()
				}
			})
		}
	}
}

// A new refresh token is told of also where the answer is of no use otherwise:
// the one before may be dead.
func TestNewRefreshTokenOfAUselessAnswer(t *testing.T) {
	for _, c := range []struct{ name, answer, kept string }{
		{"no access token", `{"refresh_token":"r2","expires_in":3600}`, "r2"},
		{"an empty one", `{"access_token":"","refresh_token":"r2"}`, "r2"},
		{"a number", `{"access_token":7,"refresh_token":"r2"}`, "r2"},
		{"no header", `{"access_token":"a\r\nb","refresh_token":"r2"}`, "r2"},
		{"the same one", `{"refresh_token":"r1"}`, ""},
		{"an error beside it", `{"error":"invalid_grant","refresh_token":"r2"}`, ""},
		{"no JSON", `refresh_token=r2`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAuthServer(t, says(200, c.answer))
			g, err := s.client().Refresh(t.Context(), "r1")
			if err == nil || g.AccessToken != "" || g.RefreshToken.Reveal() != c.kept || !g.Expiry.IsZero() {
				t.Errorf("%q %q, %v", g.AccessToken.Reveal(), g.RefreshToken.Reveal(), err)
			}
			g, err = s.client().Exchange(t.Context(), "c", "v")
			if c.kept != "" && (err == nil || g.RefreshToken.Reveal() != c.kept) {
				t.Errorf("exchange: %q, %v", g.RefreshToken.Reveal(), err)
			}
		})
	}
}

// One field of another type does not cost the pairing: the code is spent.
func TestFieldsOfOtherTypesAreLeftAside(t *testing.T) {
	for _, field := range []string{
		`"token_type":7`, `"token_type":null`, `"token_type":"N_A"`, `"token_type":{}`, `"refresh_token":7`, `"refresh_token":null`,
		`"error":false`, `"error":null`, `"error":""`, `"error_description":7`, `"error_uri":[]`, `"scope":["a"]`, `"expires_in":1e400`, `"expires_in":[]`,
	} {
		s := newAuthServer(t, says(200, `{"access_token":"a",`+field+`}`))
		if g, err := s.client().Exchange(t.Context(), "c", "v"); err != nil || g.AccessToken != "a" || g.RefreshToken != "" {
			t.Errorf("%s: %q %q, %v", field, g.AccessToken.Reveal(), g.RefreshToken.Reveal(), err)
		}
	}
}

// pipes is a listener without a network, for bubbles.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// A server that sends an answer byte by byte, or none, is left after ten
// seconds, whatever the caller's patience.
func TestTokenRequestEndsInTenSeconds(t *testing.T) {
	for name, body := range map[string]string{"never answers": "", "drips": strings.Repeat(" ", 1<<16)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pipes{make(chan net.Conn), make(chan struct{})}
				served := make(chan struct{})
				go func() {
					defer close(served)
					for {
						conn, err := p.Accept()
						if err != nil {
							return
						}
						drip(conn, body)
					}
				}()
				client := &http.Client{Transport: &http.Transport{
					DisableKeepAlives: true,
					DialContext: func(context.Context, string, string) (net.Conn, error) {
						ours, theirs := net.Pipe()
						p.conns <- theirs
						return ours, nil
					},
				}}
				o := NewOAuth(OAuthConfig{AuthBase: "http://127.0.0.1", ClientID: "c", ClientSecret: "s", RedirectURL: redirect, HTTP: client})
				begun := time.Now()
				_, err := o.Refresh(t.Context(), "r")
				var failed *OAuthError
				if !errors.As(err, &failed) || failed.Kind != Temporary {
					t.Errorf("%v", err)
				}
				if d := time.Since(begun); d != 10*time.Second {
					t.Errorf("it took %v", d)
				}
				close(p.done)
				<-served
			})
		})
	}
}

// drip reads a request and answers a byte a second until nobody listens.
func drip(conn net.Conn, body string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	defer req.Body.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = r.WriteTo(discard{})
	}()
	if body != "" {
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 65536\r\n\r\n"))
	}
	for range body {
		if _, err := conn.Write([]byte(" ")); err != nil {
			break
		}
		select {
		case <-time.After(time.Second):
		case <-gone:
			return
		}
	}
	<-gone
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
