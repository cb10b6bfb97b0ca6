package signon

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	requestTimeout = 10 * time.Second
	// maxAnswer is more than any discovery document, set of keys or token answer
	// is long.
	maxAnswer = 1 << 20
)

var (
	errNetwork  = errors.New("the network, or who answers there")
	errTooLarge = errors.New("the answer is too large")
)

// NewHTTPClient returns the client a provider is asked with: TLS 1.2 or newer,
// 10 s for a whole request, answers of at most 1 MiB, and no redirect: the
// secret goes to no host but those that the provider itself names.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           2,
			IdleConnTimeout:        time.Minute,
		}},
	}
}

// bounded ends answers that are too long, and marks what went wrong on the way.
type bounded struct{ base http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.base.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNetwork, err)
	}
	res.Body = &boundedBody{res.Body, maxAnswer}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("%w: %w", errNetwork, errTooLarge)
	}
	return n, err
}

// reason puts an error into words that hold nothing of what was sent or
// received.
func reason(err error) string {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		to   interface{ Timeout() bool }
		op   *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "the browser has gone"
	case errors.Is(err, errTooLarge):
		return errTooLarge.Error()
	case errors.As(err, &dns):
		return "its host is not known to the name server"
	case errors.As(err, &cert):
		return "its certificate is not trusted"
	case errors.As(err, &to) && to.Timeout():
		return "no answer in time"
	case errors.As(err, &op):
		return "no connection to it"
	}
	return "the answer is not one of OpenID Connect"
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 && a != "" }
