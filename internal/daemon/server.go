package daemon

import (
	"context"
	"errors"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
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

// server is an http.Server on one listener.
type server struct {
	name     string
	listener net.Listener
	http     *http.Server
	// endStreams ends answers that have no end of their own, which Shutdown
	// would wait for; nil where there are none.
	endStreams context.CancelFunc
}

func newServer(name string, l net.Listener, h http.Handler, log *slog.Logger) *server {
	log = log.With("component", "http", "listener", name)
	return &server{name: name, listener: l, http: &http.Server{
		Handler:           contained(h, log),
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
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// stop lets requests under way end; when ctx ends first they are cut off. It
// does not know of websockets: the hub closes those.
func (s *server) stop(ctx context.Context) error {
	if s.endStreams != nil {
		s.endStreams()
	}
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
