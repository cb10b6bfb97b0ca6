package vodia

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// sentence tells what is wrong with an error's words: they are one line of one
// sentence, and hold nothing that is secret.
func sentence(err error) string {
	s := err.Error()
	for _, hidden := range []string{password, "YWRtaW46", "token-4711", "secret-body", "/rest/"} {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), hidden) {
			return "shows " + hidden
		}
	}
	if strings.ContainsAny(s, "\n\t") || strings.HasSuffix(s, ".") || strings.Contains(s, ". ") || len(s) > 220 {
		return "is not one sentence"
	}
	return ""
}

// Each way a PBX can fail is one clear sentence, whatever was asked.
func TestOneSentencePerFailure(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, body) }
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   Kind
		says   string
	}{
		{"401", answer(401, "secret-body"), BadCredentials, "does not accept the user name and password (401)"},
		{"403", answer(403, "secret-body"), Forbidden, "enable API access for the admin account"},
		{"404", answer(404, "secret-body"), NotFound, "(404)"},
		{"429", answer(429, "secret-body"), Refused, "(429)"},
		{"500", answer(500, "secret-body"), Broken, "the PBX failed (500)"},
		{"503", answer(503, "<html>secret-body"), Broken, "the PBX failed (503)"},
		{"web page", answer(200, "\n<!doctype html>secret-body"), NotAPBX, "a web page came"},
		{"half", answer(200, `{"accounts":["secret-body"`), Broken, "not whole JSON"},
		{"nothing", answer(200, ""), Broken, "not whole JSON"},
		{"hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Timeout, "does not answer in time"},
		{"hang within", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "[")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, Timeout, "does not answer in time"},
		{"reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Unreachable, "broke the connection off"},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			for line := `["` + strings.Repeat("x", 1<<16); ; line = line[2:] + "xx" {
				if _, err := io.WriteString(w, line); err != nil {
					return
				}
			}
		}, Broken, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPBX(t, true)
			p.on("*", c.answer)
			client := p.client(func(cfg *Config) {
				if c.kind == Timeout {
					cfg.CallTimeout = 20 * time.Millisecond
				}
			})
			for name, err := range map[string]error{
				"accounts":  second(client.Accounts(t.Context())),
				"directory": second(client.Directory(t.Context())),
				"groups":    second(client.Groups(t.Context())),
				"probe":     second(client.Probe(t.Context())),
				"hooks":     second(client.Hooks(t.Context(), Tenant)),
				"account":   second(client.Hooks(t.Context(), "201")),
				"set":       client.SetHooks(t.Context(), "201", map[string]Hook{HookCall: {URL: "https://x"}}, nil),
			} {
				if !is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !errors.Is(err, &Error{Kind: c.kind}) {
					t.Errorf("%s: %v, want %s %q", name, err, c.kind, c.says)
				} else if s := sentence(err); s != "" {
					t.Errorf("%s: %q %s", name, err, s)
				}
			}
			if n := p.count("GET " + base + "/extensions"); c.kind == Broken && strings.HasPrefix(c.name, "5") && n > 0 {
				t.Error("another list is asked for, of a PBX that fails")
			}
			for _, s := range p.got() {
				if strings.HasPrefix(s.what, "POST") {
					t.Errorf("written in spite of it: %v", s)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	p, plainHTTP := newPBX(t, true), newPBX(t, false)
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.Config.ErrorLog = quiet()
	old.StartTLS()
	defer old.Close()
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	pool.AddCert(old.Certificate())
	_, port, _ := net.SplitHostPort(p.Listener.Addr().String())
	for _, c := range []struct {
		name, base string
		roots      *x509.CertPool
		kind       Kind
		says       string
	}{
		{"refused", "https://" + closed, pool, Unreachable, "refuses the connection"},
		{"unknown authority", p.URL, x509.NewCertPool(), Untrusted, "pbx.api.ca_file"},
		{"another name", "https://localhost:" + port, pool, Untrusted, "for another name"},
		{"no TLS there", strings.Replace(plainHTTP.URL, "http:", "https:", 1), pool, Untrusted, "does not speak TLS"},
		{"old TLS", old.URL, pool, Untrusted, "TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := New(Config{BaseURL: c.base, Domain: domain, Username: user, Password: password, HTTP: NewHTTPClient(c.roots)})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for name, err := range map[string]error{
				"probe": second(client.Probe(t.Context())),
				"dial":  client.Dial(t.Context(), "201", "+16173998147"),
			} {
				if !is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v, want %s %q", name, err, c.kind, c.says)
				} else if s := sentence(err); s != "" {
					t.Errorf("%s: %q %s", name, err, s)
				}
			}
		})
	}
}

func TestCancelledIsNoFailureOfThePBX(t *testing.T) {
	p := newPBX(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	p.on("*", func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	_, err := p.client().Directory(ctx)
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*Error)) {
		t.Errorf("%v", err)
	}
}
