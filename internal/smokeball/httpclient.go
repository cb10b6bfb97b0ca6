package smokeball

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// requestTimeout bounds a request from dialling to the last byte of the body,
// whatever the caller's context says.
const requestTimeout = 10 * time.Second

// NewHTTPClient returns the HTTP client that Smokeball is spoken to with: TLS
// 1.2 or newer, 10 s for a whole request, no redirect ever followed (an answer
// that points elsewhere is an error, and a secret goes to no host but the one
// that was configured), no cookies, and a User-Agent that names smokepop's
// version.
func NewHTTPClient(version string) *http.Client {
	if version == "" {
		version = "unknown"
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return strict(&http.Client{Transport: named{"smokepop/" + version, &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  requestTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
	}}})
}

// strict returns a copy of c that follows no redirect, keeps no cookies, repeats
// nothing that it received in an error, and ends in time. A nil c stands for NewHTTPClient.
func strict(c *http.Client) *http.Client {
	if c == nil {
		return NewHTTPClient("")
	}
	s := *c
	s.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.Jar = nil
	if s.Timeout <= 0 || s.Timeout > requestTimeout {
		s.Timeout = requestTimeout
	}
	if s.Transport == nil {
		s.Transport = http.DefaultTransport
	}
	if _, already := s.Transport.(unquoted); !already {
		s.Transport = unquoted{s.Transport}
	}
	return &s
}

// named sets the User-Agent of every request.
type named struct {
	agent string
	base  http.RoundTripper
}

func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", n.agent)
	return n.base.RoundTrip(r)
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (n named) CloseIdleConnections() {
	if c, ok := n.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

var errTooLarge = errors.New("the answer is too large")

// readAtMost reads a whole body of at most limit bytes.
func readAtMost(body io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	return b, nil
}

// withoutURL takes the URL off an error of net/http: it holds the searched
// number.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
