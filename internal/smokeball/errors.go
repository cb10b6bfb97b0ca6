package smokeball

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

var (
	// ErrBusy: the budget of requests could not be met before the caller's
	// deadline. Nothing was sent.
	ErrBusy = errors.New("smokeball: no request is free in time")
	// ErrNotAsked: Smokeball has failed again and again and is left alone for a
	// while. Nothing was sent.
	ErrNotAsked = errors.New("smokeball: failing, not asked")
	// ErrSearch: what was to be searched for is not plain enough to be put into
	// a search, whose values are patterns. Nothing was sent.
	ErrSearch = errors.New("smokeball: not a value that can be searched for")
	// ErrID: what should be a record's id is none. Nothing was sent.
	ErrID = errors.New("smokeball: not an id")
)

// StatusError is an answer other than 200. It carries nothing of the body.
type StatusError struct {
	Status   int
	Endpoint Endpoint
	// RetryAfter is how long Smokeball asked us to wait; 0 when it did not.
	RetryAfter time.Duration
	RequestID  string // ours, for Smokeball's support
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("smokeball %s: status %d (request %s)", e.Endpoint, e.Status, e.RequestID)
}

// AnswerError is a 200 whose body is not what was asked for: a web page, half
// an answer, too much of it. It carries nothing of the body.
type AnswerError struct {
	Endpoint Endpoint
	Problem  string
}

func (e *AnswerError) Error() string { return fmt.Sprintf("smokeball %s: %s", e.Endpoint, e.Problem) }

// ConnectionError is a request that got no whole answer: refused, reset,
// timed out, cancelled. Unwrap leads to the cause.
type ConnectionError struct {
	Endpoint Endpoint
	cause    error
}

// Error tells of the cause only where its words cannot quote a URL or an
// answer.
func (e *ConnectionError) Error() string {
	var (
		network *net.OpError
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
	)
	switch {
	case e.Timeout():
		return fmt.Sprintf("smokeball %s: no answer in time", e.Endpoint)
	case errors.Is(e.cause, context.Canceled):
		return fmt.Sprintf("smokeball %s: cancelled", e.Endpoint)
	case errors.As(e.cause, &network):
		return fmt.Sprintf("smokeball %s: %v", e.Endpoint, network)
	case errors.As(e.cause, &dns):
		return fmt.Sprintf("smokeball %s: %v", e.Endpoint, dns)
	case errors.As(e.cause, &cert):
		return fmt.Sprintf("smokeball %s: %v", e.Endpoint, cert)
	}
	return fmt.Sprintf("smokeball %s: the connection failed", e.Endpoint)
}

func (e *ConnectionError) Unwrap() error { return e.cause }

// Timeout tells whether time ran out.
func (e *ConnectionError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.Is(e.cause, context.DeadlineExceeded) || errors.As(e.cause, &t) && t.Timeout()
}
