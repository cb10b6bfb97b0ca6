package daemon

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/simulator"
)

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var heldBack = regexp.MustCompile(`held_back=(\d+)`)

// accounted returns how many lines with text are in the log, and how many were
// held back as its lines say.
func accounted(t *testing.T, log, text string) (written, held int) {
	t.Helper()
	for line := range strings.Lines(log) {
		if !strings.Contains(line, text) {
			continue
		}
		if !strings.Contains(line, "lines were held back") {
			written++
		}
		if m := heldBack.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			held += n
		}
	}
	return written, held
}

func limited(t *testing.T, to io.Writer) *slog.Logger {
	t.Helper()
	return limitLog(slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug})), prometheus.NewRegistry())
}

// An hour of a thousand equal warnings a second leaves a few hundred lines,
// and each that is missing has been counted.
func TestRepeatedLinesAreHeldBackAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		log := limited(t, &out).With("component", "test")
		const second, seconds = 100, 600
		for range seconds {
			for i := range second {
				log.Warn("refused", "remote", fmt.Sprint(i), "result", "malformed")
			}
			time.Sleep(time.Second)
		}
		log.Warn("refused", "result", "forbidden") // another kind, and not hidden by the flood
		time.Sleep(2 * time.Minute)
		log.Info("something else")
		written, held := accounted(t, out.String(), "result=malformed")
		if written > troubleLimit.burst+seconds/10+1 || written < troubleLimit.burst {
			t.Errorf("%d lines were written", written)
		}
		if written+held != second*seconds {
			t.Errorf("%d written and %d held back, want %d in all", written, held, second*seconds)
		}
		if n, _ := accounted(t, out.String(), "result=forbidden"); n != 1 {
			t.Errorf("the other kind has %d lines", n)
		}
	})
}

func TestAuditIsHeldBackLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		log := limited(t, &out)
		for range auditLimit.burst + 50 {
			log.Info("dial", slog.Group("audit", "action", "dial"))
		}
		if written, _ := accounted(t, out.String(), "msg=dial"); written != auditLimit.burst {
			t.Errorf("%d audit lines were written, want %d", written, auditLimit.burst)
		}
	})
}

// Were kinds not a closed set after all, neither memory nor the log would grow.
func TestKindsOfLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		log := limited(t, &out)
		for i := range 20 * maxLogKinds {
			log.Warn(fmt.Sprint("kind ", i))
		}
		if n := len(log.Handler().(*limitedHandler).all.kinds); n > maxLogKinds+1 {
			t.Errorf("%d kinds are remembered", n)
		}
		if written, _ := accounted(t, out.String(), "kind "); written > maxLogKinds+troubleLimit.burst {
			t.Errorf("%d lines were written", written)
		}
		time.Sleep(time.Hour)
		log.Warn("later")
		if n := len(log.Handler().(*limitedHandler).all.kinds); n != 1 {
			t.Errorf("an hour later %d kinds are remembered, want 1", n)
		}
	})
}

// What a stranger can send to a whole daemon, a thousand times each: the log
// stays small, at debug level too.
func TestAttackersCannotFillTheLog(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var out lines
		f := openOffice(t, officeOptions{
			firms: []*simulator.Firm{simulator.NewFirm()}, dir: dir, log: &out,
			desks: func(simulator.Agent) bool { return false },
		})
		defer f.stop()
		before := len(out.String())
		send := func(method, path, body string, header ...string) {
			req, err := http.NewRequestWithContext(t.Context(), method, ourURL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(header); i += 2 {
				req.Header.Set(header[i], header[i+1])
			}
			res, err := f.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode < 400 {
				t.Errorf("%s %s was answered %s", method, path, res.Status)
			}
		}
		const times = 1000
		domain := f.firms[0].firm.Domain
		for name, attack := range map[string]func(i int){
			"webhooks without credentials": func(i int) { send("POST", "/hooks/vodia/"+domain, fmt.Sprint(i)) },
			"webhooks that are malformed": func(i int) {
				send("POST", "/hooks/vodia/"+domain, fmt.Sprint("{", i), "Authorization", "Basic dm9kaWE6d2ViaG9vay1wYXNzd29yZA==", "Content-Type", "application/json")
			},
			"webhooks of unknown tenants": func(i int) { send("POST", fmt.Sprintf("/hooks/vodia/t%d.example", i), "{}") },
			"paths that are not there":    func(i int) { send("GET", fmt.Sprintf("/%d", i), "") },
			"sockets without a session":   func(i int) { send("GET", fmt.Sprintf("/ws?%d", i), "", "Origin", ourURL) },
			"sockets of other origins": func(i int) {
				send("GET", "/ws", "", "Origin", fmt.Sprintf("https://%d.example", i), "Upgrade", "websocket", "Connection", "Upgrade",
					"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
			},
			"sign-in guesses": func(i int) {
				send("POST", "/api/session", fmt.Sprintf(`{"invite":"guess%d"}`, i), "Origin", ourURL, "Content-Type", "application/json")
			},
			"bodies that are none": func(i int) { send("POST", "/api/session", strings.Repeat("{", i), "Origin", ourURL) },
		} {
			for i := range times {
				attack(i)
			}
			// Debug and info may have 200 of a kind, and an attack makes a few kinds.
			if grown := len(out.String()) - before; grown > 120_000 {
				t.Errorf("%s: %d bytes of log", name, grown)
			}
			before = len(out.String())
		}
	})
}

// Garbage where TLS should be is told by net/http with address and port.
func TestBadHandshakesCannotFillTheLog(t *testing.T) {
	donor := httptest.NewTLSServer(http.NotFoundHandler())
	cert := donor.TLS.Certificates[0]
	donor.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var out lines
	s := newServer("agents", tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{cert}}), http.NotFoundHandler(), limited(t, &out))
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	const times = 400
	for range times {
		c, err := net.Dial("tcp", plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n\r\n")
		_, _ = io.Copy(io.Discard, c) // until the server has given up on it
		_ = c.Close()
	}
	if err := s.stop(t.Context()); err != nil {
		t.Error(err)
	}
	<-served
	written, _ := accounted(t, out.String(), "a connection ended badly")
	if written < 1 || written > newsLimit.burst+10 {
		t.Errorf("%d lines for %d bad handshakes", written, times)
	}
}
