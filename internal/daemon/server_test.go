package daemon

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Shutdown would wait for a trace that somebody follows until it gives up.
func TestStopEndsStreams(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer("admin", l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), slog.New(slog.DiscardHandler))
	s.streams()
	served := make(chan error, 1)
	go func() { served <- s.serve() }()

	res, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if rest, _ := io.ReadAll(res.Body); len(rest) != 0 {
		t.Errorf("after the stop came %q", rest)
	}
}

// What takes longer than a stop may is cut off, and the stop has not failed: the
// service manager would take it for a crash.
func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	came := make(chan struct{})
	s := newServer("agents", l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
	}), slog.New(slog.NewTextHandler(&log, nil)))
	served, answered := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.serve() }()
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err == nil {
			err = res.Body.Close()
		}
		answered <- err
	}()
	<-came
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if err := s.stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := <-answered; err == nil {
		t.Error("the request was answered")
	}
	if !strings.Contains(log.String(), "cut off") {
		t.Errorf("the log says %q", log.String())
	}
}

// A webhook on a connection that stood when the daemon was told to stop is
// answered, also when its bytes come a moment later.
func TestRequestThatComesWithTheStopIsAnswered(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer("pbx", l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }), slog.New(slog.DiscardHandler))
	served, stopped := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.serve() }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for len(s.under.all()) == 0 {
		runtime.Gosched()
	}
	go func() { stopped <- s.stop(t.Context()) }()
	if err := <-served; err != nil { // nobody is accepted any more
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted || !res.Close {
		t.Errorf("answered %s, to be closed: %v", res.Status, res.Close)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// all returns the connections that are counted.
func (u *underWay) all() (list []net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		list = append(list, c)
	}
	return list
}
