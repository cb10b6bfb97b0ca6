package daemon

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// panicListener's connections panic at their first byte.
type panicListener struct{ net.Listener }

func (l panicListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return panicConn{c}, err
}

type panicConn struct{ net.Conn }

func (c panicConn) Read([]byte) (int, error) { panic("canary\ngoroutine canary") }

func (c panicConn) Close() error {
	if c.Conn == nil { // of an Accept that failed
		return nil
	}
	return c.Conn.Close()
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// What somebody panics with may be a secret, and a panic is not worth one.
func TestPanicsAreContainedAndNotQuoted(t *testing.T) {
	type secret string
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		wrap    func(net.Listener) net.Listener
		said    string
	}{
		"text":    {func(http.ResponseWriter, *http.Request) { panic("canary") }, nil, "panic=string"},
		"error":   {func(http.ResponseWriter, *http.Request) { panic(errors.New("canary")) }, nil, "panic=*errors.errorString"},
		"type":    {func(http.ResponseWriter, *http.Request) { panic(secret("canary")) }, nil, "panic=daemon.secret"},
		"runtime": {func(_ http.ResponseWriter, r *http.Request) { _ = r.URL.Path[len(r.URL.Path)+1:] }, nil, "slice bounds out of range"},
		"outside a handler": {
			func(http.ResponseWriter, *http.Request) {}, func(l net.Listener) net.Listener { return panicListener{l} }, "panic serving a connection",
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := "http://" + l.Addr().String()
			if c.wrap != nil {
				l = c.wrap(l)
			}
			var log lines
			s := newServer("agents", l, c.handler, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			served := make(chan error, 1)
			go func() { served <- s.serve() }()
			res, err := http.Get(address + "/?q=canary")
			if err == nil {
				b, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				t.Errorf("answered %s %s", res.Status, b)
			}
			if err := s.stop(t.Context()); err != nil {
				t.Error(err)
			}
			<-served
			got := log.b.String()
			if strings.Contains(got, "canary") {
				t.Errorf("the log quotes it:\n%s", got)
			}
			if !strings.Contains(got, "level=ERROR") || !strings.Contains(got, c.said) || !strings.Contains(got, "contain_test.go") {
				t.Errorf("the log does not say %q and where:\n%s", c.said, got)
			}
		})
	}
}

// Cutting a connection off on purpose is no panic to tell of.
func TestAbortedHandlerIsNotLogged(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log lines
	s := newServer("agents", l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), slog.New(slog.NewTextHandler(&log, nil)))
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	if res, err := http.Get("http://" + l.Addr().String()); err == nil {
		_ = res.Body.Close()
		t.Error("answered")
	}
	if err := s.stop(t.Context()); err != nil {
		t.Error(err)
	}
	<-served
	if log.b.Len() != 0 {
		t.Errorf("the log says %s", log.b.String())
	}
}
