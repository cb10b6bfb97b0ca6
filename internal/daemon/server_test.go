package daemon

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
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
