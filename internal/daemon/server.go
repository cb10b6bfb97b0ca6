package daemon

import (
	"context"
	"errors"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A slow or silent client holds a connection no longer than this.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// arrivals is how long a connection that stands when the server stops has to
// bring its first request.
const arrivals = time.Second

// server is an http.Server on one listener.
type server struct {
	name     string
	listener net.Listener
	log      *slog.Logger
	http     *http.Server
	under    *underWay
	stopping atomic.Bool
	served   chan struct{} // closed when no connection is accepted any more
	// endStreams ends answers that have no end of their own, which Shutdown
	// would wait for; nil where there are none.
	endStreams context.CancelFunc
}

func newServer(name string, l net.Listener, h http.Handler, log *slog.Logger) *server {
	log = log.With("component", "http", "listener", name)
	under := newUnderWay()
	return &server{name: name, log: log, listener: &closedOnce{Listener: l}, under: under, served: make(chan struct{}), http: &http.Server{
		Handler:           contained(h, log),
		ConnState:         under.note,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          stdlog.New(serverLog{log}, "", 0),
	}}
}

// streams says that the server has answers without an end.
func (s *server) streams() {
	ctx, cancel := context.WithCancel(context.Background())
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	s.endStreams = cancel
}

func (s *server) serve() error {
	defer close(s.served)
	err := s.http.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) || s.stopping.Load() && errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// stop lets requests under way end; when ctx ends first they are cut off. It
// does not know of websockets: the hub closes those.
//
// Shutdown alone drops requests that it reads after it was called, also those
// of connections accepted before (net/http, conn.serve). Nobody would send such
// a webhook again. So first nothing is accepted any more, then what was accepted
// gets its answer, and only then comes Shutdown.
func (s *server) stop(ctx context.Context) error {
	if s.endStreams != nil {
		s.endStreams()
	}
	s.stopping.Store(true)
	err := s.listener.Close()
	s.http.SetKeepAlivesEnabled(false) // and idle connections close
	limited, cancel := context.WithTimeout(ctx, arrivals)
	defer cancel()
	select {
	case <-s.served: // every connection that was accepted is counted
		s.under.wait(limited)
	case <-limited.Done():
	}
	switch down := s.http.Shutdown(ctx); {
	case errors.Is(down, context.DeadlineExceeded): // no failure: there is no more time
		s.log.Warn("requests were cut off: they took longer than a stop may")
		err = errors.Join(err, s.http.Close())
	case down != nil:
		err = errors.Join(err, down, s.http.Close())
	}
	return err
}

// underWay counts connections that have a request, or may bring their first.
type underWay struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	none  chan struct{} // a token when the last one has gone
}

func newUnderWay() *underWay {
	return &underWay{conns: map[net.Conn]struct{}{}, none: make(chan struct{}, 1)}
}

func (u *underWay) note(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state == http.StateNew || state == http.StateActive {
		u.conns[c] = struct{}{}
		return
	}
	delete(u.conns, c)
	if len(u.conns) == 0 {
		select {
		case u.none <- struct{}{}:
		default:
		}
	}
}

// wait returns when there is none or ctx ends.
func (u *underWay) wait(ctx context.Context) {
	for {
		u.mu.Lock()
		n := len(u.conns)
		u.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-u.none:
		case <-ctx.Done():
			return
		}
	}
}

// closedOnce is a listener that may be closed again.
type closedOnce struct {
	net.Listener
	once sync.Once
	err  error
}

func (l *closedOnce) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}
