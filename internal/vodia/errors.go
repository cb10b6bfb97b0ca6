package vodia

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// Kind says what is wrong with the PBX, as an admin would put it.
type Kind string

// The kinds of an Error.
const (
	Unreachable    Kind = "unreachable"     // no connection, or it broke
	Untrusted      Kind = "untrusted"       // TLS failed
	BadCredentials Kind = "bad-credentials" // 401, or false for a session
	Forbidden      Kind = "forbidden"       // 403
	NotFound       Kind = "not-found"       // 404
	Refused        Kind = "refused"         // another 4xx, or false
	Broken         Kind = "broken"          // 5xx, or JSON that cannot be read
	NotAPBX        Kind = "not-a-pbx"       // a web page, or a redirect elsewhere
	Timeout        Kind = "timeout"         // no whole answer in time
	Foreign        Kind = "foreign"         // somebody else's setting stands there
	Invalid        Kind = "invalid"         // nothing was asked: what was to be sent cannot be
)

// Error is what went wrong, in one sentence that says what to do. It carries
// nothing that was sent or received.
type Error struct {
	Kind   Kind
	Status int // the HTTP status, where there was an answer
	doing  string
	text   string
	cause  error
}

func (e *Error) Error() string { return e.doing + ": " + e.text }

// Unwrap leads to the cause of a broken connection.
func (e *Error) Unwrap() error { return e.cause }

// Is tells whether target is an *Error of the same kind.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind
}

// is tells whether err is an *Error of one of kinds.
func is(err error, kinds ...Kind) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, k := range kinds {
		if e.Kind == k {
			return true
		}
	}
	return false
}

// statusError puts an answer that is not 2xx into words.
func statusError(doing string, status int) *Error {
	e := &Error{Kind: Refused, Status: status, doing: doing}
	switch {
	case status == http.StatusUnauthorized:
		e.Kind, e.text = BadCredentials, "the PBX does not accept the user name and password (401): check pbx.api.username and its password"
	case status == http.StatusForbidden:
		e.Kind, e.text = Forbidden, "the PBX forbids it (403): enable API access for the admin account, and our address if it is limited to some"
	case status == http.StatusNotFound:
		e.Kind, e.text = NotFound, "the PBX does not have it (404): check pbx.api.url, the tenant's name and the extension"
	case status >= 500:
		e.Kind, e.text = Broken, fmt.Sprintf("the PBX failed (%d): look into its log and try again", status)
	case status >= 300 && status < 400:
		e.Kind, e.text = NotAPBX, fmt.Sprintf("the address answers with a redirect (%d): set pbx.api.url to where the PBX is", status)
	default:
		e.text = fmt.Sprintf("the PBX refuses it (%d)", status)
	}
	return e
}

// connectionError puts a request without a whole answer into words. The words
// of the cause are used only where they cannot quote a URL or an answer.
func (c *Client) connectionError(ctx context.Context, doing string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL: a session may be in it
	}
	e := &Error{Kind: Unreachable, doing: doing, cause: err}
	host := c.base.Host
	var (
		cert      *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		dns       *net.DNSError
		late      interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout():
		e.Kind, e.text = Timeout, "the PBX does not answer in time: see whether it is overloaded or a firewall swallows the request"
	case errors.As(err, &authority):
		e.Kind, e.text = Untrusted, "the certificate of "+host+" is not from an authority that is trusted: give the PBX's CA as pbx.api.ca_file"
	case errors.As(err, &name):
		e.Kind, e.text = Untrusted, "the certificate of "+host+" is for another name: set pbx.api.url to the name in it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Kind, e.text = Untrusted, "the certificate of "+host+" has expired, or a clock is wrong: renew it on the PBX"
	case errors.As(err, &cert), errors.As(err, &invalid):
		e.Kind, e.text = Untrusted, "the certificate of "+host+" cannot be trusted: renew it on the PBX"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		e.Kind, e.text = Untrusted, host+" does not speak TLS: check the port in pbx.api.url"
	case strings.HasPrefix(err.Error(), "tls: "), strings.HasPrefix(err.Error(), "remote error: tls: "): // without a type
		e.Kind, e.text = Untrusted, host+" cannot agree on TLS 1.2 or newer: update the PBX, or see whether it asks for a client certificate"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.text = host + " refuses the connection: check pbx.api.url and that the PBX runs"
	case errors.As(err, &dns):
		e.text = "the name " + c.base.Hostname() + " cannot be resolved: check pbx.api.url"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.text = host + " broke the connection off: look into the PBX's log"
	default:
		e.text = host + " cannot be reached: check pbx.api.url and the network"
	}
	return e
}
