package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// TokenField is a fault that puts raw JSON into a field of the token answer;
// an empty raw takes the field out.
func TokenField(field, raw string) Fault {
	return Fault{Endpoint: TokenEndpoint, Rewrite: func(m map[string]any) {
		if raw == "" {
			delete(m, field)
			return
		}
		m[field] = json.RawMessage(raw)
	}}
}

// ExpiresIn is a fault that gives the access token a lifetime that is any JSON:
// 0, -5, "3600", 1e400; an empty raw leaves it out.
func ExpiresIn(raw string) Fault { return TokenField("expires_in", raw) }

// WithoutAccessToken is a fault that leaves the access token out of a token
// answer; a refresh token that was rotated is still in it.
func WithoutAccessToken() Fault { return TokenField("access_token", "") }

// WithoutRefreshToken is a fault that leaves the refresh token out of a token
// answer; where rotation is on, nobody will ever know the new one.
func WithoutRefreshToken() Fault { return TokenField("refresh_token", "") }

// WithoutTokenType is a fault that leaves the token's type out of a token
// answer.
func WithoutTokenType() Fault { return TokenField("token_type", "") }

// LostAnswer is a fault that lets one request take effect and answers it with a
// status of failure all the same: a 502 after the refresh token was rotated.
func LostAnswer(e Endpoint, status int) Fault {
	return Fault{Endpoint: e, Times: 1, AfterWork: true, Status: status, Body: `{"message":"` + http.StatusText(status) + `"}`}
}

// SlowBody is a fault that sends an answer's body byte by byte, gap apart, with
// its status and header at once.
func SlowBody(e Endpoint, gap time.Duration) Fault { return Fault{Endpoint: e, Drip: gap} }

// RedirectTo is a fault that answers with a redirect to another address, where
// 307 and 308 ask for the form to be sent again. The request has no effect.
func RedirectTo(e Endpoint, status int, address string) Fault {
	return Fault{Endpoint: e, Status: status, Header: http.Header{"Location": {address}}}
}

// WrongIssuer is a fault that ends a sign-in in the name of another
// authorisation server, as in a mix-up attack (RFC 9207).
func WrongIssuer(iss string) Fault {
	return Fault{Redirect: func(q url.Values) { q.Set("iss", iss) }}
}

// MissingIssuer is a fault that ends a sign-in without iss, although the server
// has an issuer.
func MissingIssuer() Fault {
	return Fault{Redirect: func(q url.Values) { q.Del("iss") }}
}
