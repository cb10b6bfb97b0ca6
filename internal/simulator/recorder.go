package simulator

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Endpoint names a route of the simulated Smokeball, for assertions, faults
// and the rate limit.
type Endpoint string

// The endpoints. AnyEndpoint stands for all of them.
const (
	AnyEndpoint       Endpoint = "*"
	AuthorizeEndpoint Endpoint = "authorize"
	TokenEndpoint     Endpoint = "token"
	RevokeEndpoint    Endpoint = "revoke"
	ContactsEndpoint  Endpoint = "contacts" // the search
	ContactEndpoint   Endpoint = "contact"  // one by id
	MattersEndpoint   Endpoint = "matters"
	StaffEndpoint     Endpoint = "staff"
	StaffOneEndpoint  Endpoint = "staff-one"
	FirmUserEndpoint  Endpoint = "firmuser"
	UserEndpoint      Endpoint = "user"
	FirmEndpoint      Endpoint = "firm"
	UnknownEndpoint   Endpoint = "unknown" // a path or method the API does not have
)

// Request is one request the simulated Smokeball has seen.
type Request struct {
	Time     time.Time
	Endpoint Endpoint
	Method   string
	Path     string
	Query    url.Values
	Header   http.Header
	Form     url.Values // of the token and revoke endpoints
	User     string     // e-mail of the user whose token it came with; API only
	Status   int        // 0 while under way, and for a connection that was reset or given up
}

// keepRequests bounds the recorder, since a demo may run for days. Counts go on.
const keepRequests = 20_000

type recorder struct {
	mu       sync.Mutex
	requests []*Request
	counts   map[Endpoint]int
	changed  chan struct{} // closed and replaced at each request
}

func newRecorder() *recorder {
	return &recorder{counts: map[Endpoint]int{}, changed: make(chan struct{})}
}

func (c *recorder) begin(e Endpoint, r *http.Request, now time.Time) *Request {
	req := &Request{
		Time: now, Endpoint: e, Method: r.Method, Path: r.URL.Path,
		Query: r.URL.Query(), Header: r.Header.Clone(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) >= keepRequests {
		c.requests = slices.Delete(c.requests, 0, keepRequests/2)
	}
	c.requests = append(c.requests, req)
	c.counts[e]++
	close(c.changed)
	c.changed = make(chan struct{})
	return req
}

func (c *recorder) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *recorder) list(e Endpoint) []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []Request{}
	for _, r := range c.requests {
		if e == AnyEndpoint || r.Endpoint == e {
			out = append(out, *r)
		}
	}
	return out
}

func (c *recorder) count(e Endpoint) (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e != AnyEndpoint {
		return c.counts[e], c.changed
	}
	n := 0
	for _, one := range c.counts {
		n += one
	}
	return n, c.changed
}

// Requests returns the requests an endpoint has seen, oldest first. A long run
// keeps the latest ten thousand and more.
func (s *Smokeball) Requests(e Endpoint) []Request { return s.seen.list(e) }

// Count returns how many requests an endpoint has seen since the start or the
// last Forget.
func (s *Smokeball) Count(e Endpoint) int {
	n, _ := s.seen.count(e)
	return n
}

// Await returns as soon as an endpoint has seen n requests, or ctx's error.
func (s *Smokeball) Await(ctx context.Context, e Endpoint, n int) error {
	for {
		have, changed := s.seen.count(e)
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Forget clears the recorder, and drops access tokens that are long expired;
// grants and data stay.
func (s *Smokeball) Forget() {
	s.mu.Lock()
	s.dropExpired()
	s.mu.Unlock()
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	s.seen.requests, s.seen.counts = nil, map[Endpoint]int{}
}

// RateLimited returns how many requests were answered with 429 for being too
// many.
func (s *Smokeball) RateLimited() int { return s.limits.count() }
