package smokeball

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// ErrorKind says what a failed OAuth request means for the tokens at hand.
type ErrorKind int

const (
	// Temporary: nothing is known to be wrong with the tokens; keep them and
	// try again later.
	Temporary ErrorKind = iota
	// InvalidGrant: the code or the refresh token is used up, expired or
	// revoked. The agent has to pair again.
	InvalidGrant
	// Misconfigured: the server does not accept our client, its redirect URI
	// or what it asks for. The admin has to look; the tokens may be good.
	Misconfigured
)

// String names the kind in logs and metrics.
func (k ErrorKind) String() string {
	switch k {
	case InvalidGrant:
		return "invalid-grant"
	case Misconfigured:
		return "misconfigured"
	}
	return "temporary"
}

// OAuthError is how every failed OAuth request ends. It never carries the
// response's body or any text of the server but a known error code.
type OAuthError struct {
	Kind ErrorKind
	// Code is the server's error code where it is one of those known, else
	// empty.
	Code string
	// Status is the HTTP status; 0 when no answer came.
	Status int
	// RetryAfter is how long the server asked us to wait; 0 when it did not.
	RetryAfter time.Duration

	cause error // what kept an answer from coming or being read; no URL in it
}

func (e *OAuthError) Error() string {
	s := "smokeball oauth: " + e.Kind.String()
	if e.Code != "" {
		s += ", " + e.Code
	}
	if e.Status != 0 {
		s += fmt.Sprintf(", status %d", e.Status)
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap lets errors.Is find context.Canceled and context.DeadlineExceeded.
func (e *OAuthError) Unwrap() error { return e.cause }

// codes are the error codes that mean something here (RFC 6749 section 5.2,
// RFC 7009, and Cognito's redirect_mismatch).
var codes = map[string]ErrorKind{
	"invalid_grant":           InvalidGrant,
	"invalid_client":          Misconfigured,
	"unauthorized_client":     Misconfigured,
	"invalid_scope":           Misconfigured,
	"redirect_mismatch":       Misconfigured,
	"unsupported_grant_type":  Misconfigured,
	"unsupported_token_type":  Misconfigured,
	"invalid_request":         Temporary,
	"server_error":            Temporary,
	"temporarily_unavailable": Temporary,
}

func oauthError(code string, status int, header http.Header) *OAuthError {
	kind, known := codes[code]
	if !known {
		code = ""
		if status == http.StatusUnauthorized {
			kind = Misconfigured // RFC 6749 5.2: the client's authentication, and nothing else
		}
	}
	if status >= 500 || status == http.StatusTooManyRequests {
		kind = Temporary // a server in trouble does not get to unpair anybody
	}
	return &OAuthError{Kind: kind, Code: code, Status: status, RetryAfter: retryAfter(header, time.Now())}
}

// asOAuthError turns whatever golang.org/x/oauth2 returned into an OAuthError.
func asOAuthError(ctx context.Context, err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) {
		return oauthError(answered.ErrorCode, answered.Response.StatusCode, answered.Response.Header)
	}
	if ctx.Err() != nil {
		return &OAuthError{cause: ctx.Err()}
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		return &OAuthError{cause: failed.Err}
	}
	return &OAuthError{cause: errUnreadable} // the library's own words may quote the answer
}

var errUnreadable = errors.New("the answer is no token answer")
