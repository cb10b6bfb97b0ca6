package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
)

// HTTPError is an error with the answer it makes. Msg is one plain sentence
// for who asked; Err, if any, is for the log alone.
type HTTPError struct {
	Status     int
	Msg        string
	Err        error
	RetryAfter time.Duration // sent rounded up to seconds when above 0
}

func (e *HTTPError) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return e.Err.Error()
}

func (e *HTTPError) Unwrap() error { return e.Err }

func refuse(status int, msg string) error { return &HTTPError{Status: status, Msg: msg} }

const (
	// MsgStoreAway is what people are told who ask while the store does not answer.
	MsgStoreAway = "smokepop cannot reach its records at the moment. Nothing is lost: try again in a few seconds."
	// MsgMoving is what people are told whose tenant changes hands among daemons.
	MsgMoving = "This is moving to another machine just now. Try again in a second."
	// StoreAwayTime is when it is worth trying again: NATS takes some seconds to
	// choose another leader.
	StoreAwayTime = 5 * time.Second
)

func isAway(err error) bool {
	var away StoreAway
	return errors.As(err, &away) && away.StoreAway()
}

// failed is a fault of ours: the client learns only that there was one, or that it
// passes.
func failed(doing string, err error) error {
	if isAway(err) {
		return &HTTPError{Status: http.StatusServiceUnavailable, Msg: MsgStoreAway, Err: fmt.Errorf("%s: %w", doing, err), RetryAfter: StoreAwayTime}
	}
	return &HTTPError{
		Status: http.StatusInternalServerError,
		Msg:    "Something went wrong on our side. Try again in a moment; if it stays, tell your administrator the request id.",
		Err:    fmt.Errorf("%s: %w", doing, err),
	}
}

// problem is an application/problem+json document (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
}

// handler answers a request, or returns an error and has written nothing.
type handler func(http.ResponseWriter, *http.Request) error

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// identified gives each request an id that the user and the log both see. One
// that the client sent is not taken: it would be a way to write into the log.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()[:12]
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// answer turns a handler into an http.HandlerFunc: errors become problem
// documents and one line in the log each.
func (s *Server) answer(h handler) http.HandlerFunc {
	return s.answerWith(h, writeProblem)
}

func (s *Server) answerWith(h handler, write func(http.ResponseWriter, *http.Request, *HTTPError)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.run(h, w, r)
		if err == nil {
			return
		}
		var he *HTTPError
		if !errors.As(err, &he) {
			errors.As(failed("answer", err), &he)
		}
		s.logProblem(r, he)
		if he.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(he.RetryAfter.Seconds()))))
		}
		write(w, r, he)
	}
}

// run turns a panic into an error, so that it is logged like one.
func (s *Server) run(h handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); {
		case p == http.ErrAbortHandler: // net/http's own way to cut a connection off
			panic(p)
		case p != nil:
			err = failed("panic", fmt.Errorf("%s\n%s", kindOfPanic(p), debug.Stack()))
		}
	}()
	return h(w, r)
}

// kindOfPanic is the runtime's own words, which name types and numbers only,
// or the type of what somebody else panicked with: its words may be anything.
func kindOfPanic(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}

func writeProblem(w http.ResponseWriter, r *http.Request, he *HTTPError) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(he.Status)
	_ = json.NewEncoder(w).Encode(problem{
		Type: "about:blank", Title: http.StatusText(he.Status), Status: he.Status, Detail: he.Msg, RequestID: requestID(r.Context()),
	})
}

// logProblem names the route by its pattern and never by its path or query:
// those may carry what is nobody's business.
func (s *Server) logProblem(r *http.Request, he *HTTPError) {
	level := slog.LevelInfo
	switch {
	case r.Context().Err() != nil: // the client has gone
		level = slog.LevelDebug
	case isAway(he):
		level = slog.LevelWarn
	case he.Status >= 500:
		level = slog.LevelError
	case he.Status == http.StatusNotFound, he.Status == http.StatusMethodNotAllowed, he.Status == http.StatusUnauthorized:
		level = slog.LevelDebug
	}
	route := "none"
	if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePattern() != "" {
		route = rc.RoutePattern()
	}
	attrs := []slog.Attr{
		slog.String("request_id", requestID(r.Context())),
		slog.String("route", route),
		slog.Int("status", he.Status),
	}
	if he.Err != nil {
		attrs = append(attrs, slog.String("error", he.Err.Error()))
	} else {
		attrs = append(attrs, slog.String("reason", he.Msg))
	}
	s.log.LogAttrs(r.Context(), level, "request not served", attrs...)
}

func writeJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return failed("encode the answer", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // a client that has gone is not our failure
	return nil
}
