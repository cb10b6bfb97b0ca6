package vodia

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// Client speaks to one tenant of one PBX. Its methods return an *Error, or an
// error that wraps context.Canceled when the caller's context was cancelled. It
// may be used from many goroutines.
type Client struct {
	cfg       Config
	base      *url.URL
	http      *http.Client
	transport *http.Transport
	polite    *rate.Limiter // requests about single accounts
	log       *slog.Logger
	server    atomic.Pointer[string] // the Server header last seen
	frames    frameCounters
}

// New returns a client of one tenant. It asks the PBX nothing; an error tells
// what in cfg cannot be used.
func New(cfg Config) (*Client, error) {
	base, err := baseURL(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("vodia client: %w", err)
	}
	if !pathSafe(cfg.Domain) {
		return nil, errors.New("vodia client: the tenant's name is empty or cannot stand in an address")
	}
	if cfg.User != "" && !pathSafe(cfg.User) {
		return nil, errors.New("vodia client: the websocket's user is not an account")
	}
	if cfg.HTTP == nil {
		cfg.HTTP = NewHTTPClient(nil)
	}
	t, err := transport(cfg.HTTP)
	if err != nil {
		return nil, fmt.Errorf("vodia client: %w", err)
	}
	if cfg.CallTimeout <= 0 {
		cfg.CallTimeout = defaultCallTimeout
	}
	if cfg.TotalTimeout <= 0 {
		cfg.TotalTimeout = defaultTotalTimeout
	}
	if cfg.Rate <= 0 {
		cfg.Rate = defaultRate
	}
	if len(cfg.EmailFields) == 0 {
		cfg.EmailFields = []string{"email", "email_address"}
	}
	if cfg.AccountHooksPath == "" {
		cfg.AccountHooksPath = DefaultAccountHooksPath
	}
	if !strings.HasPrefix(cfg.AccountHooksPath, "/") || !strings.Contains(cfg.AccountHooksPath, "{account}") {
		return nil, errors.New("vodia client: the path of an account's webhooks begins with / and has {account} in it")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		cfg: cfg, base: base, http: strict(cfg.HTTP), transport: t,
		polite: rate.NewLimiter(rate.Limit(cfg.Rate), max(1, int(cfg.Rate))),
		log:    cfg.Log.With("component", "vodia", "domain", cfg.Domain),
	}, nil
}

// politely waits until another request about a single account may be sent.
func (c *Client) politely(ctx context.Context, doing string) error {
	if err := c.polite.Wait(ctx); err != nil {
		if ctx.Err() == nil { // the limiter saw that the deadline comes first
			err = context.DeadlineExceeded
		}
		return c.connectionError(ctx, doing, err)
	}
	return nil
}

// within bounds a method that sends many requests.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.cfg.TotalTimeout)
}

// Close lets go of idle connections. The client may be used afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// strict returns a copy of h that keeps no cookies and sends a request to no
// other host than the one it was made for.
func strict(h *http.Client) *http.Client {
	s := *h
	s.Jar = nil
	s.Timeout = 0 // each request has its own
	s.CheckRedirect = sameHost
	return &s
}
