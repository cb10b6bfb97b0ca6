package simulator

import (
	"net/http"
	"slices"
	"strings"
)

// caller is who asks the API.
type caller struct {
	client string
	staff  *Staff
}

type apiHandler func(w http.ResponseWriter, r *http.Request, by caller)

func (s *Smokeball) apiRoutes() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, e Endpoint, scope string, h apiHandler) {
		mux.Handle(pattern, s.endpoint(e, func(w http.ResponseWriter, r *http.Request, req *Request) {
			s.gateway(w, r, req, e, scope, h)
		}))
	}
	route("GET /contacts", ContactsEndpoint, "contacts/read", s.searchContacts)
	route("GET /contacts/{id}", ContactEndpoint, "contacts/read", s.oneContact)
	route("GET /matters", MattersEndpoint, "matters/read", s.searchMatters)
	route("GET /staff", StaffEndpoint, "staff/read", s.searchStaff)
	route("GET /staff/{id}", StaffOneEndpoint, "staff/read", s.oneStaff)
	route("GET /firmusers/{id}", FirmUserEndpoint, "firmusers/read", s.firmUser)
	route("GET /users/{id}", UserEndpoint, "users/read", s.oneUser)
	route("GET /firm", FirmEndpoint, "firm/read", s.firm)
	// What a gateway says of a path or a method it has never heard of.
	mux.Handle("/", s.endpoint(UnknownEndpoint, func(w http.ResponseWriter, _ *http.Request, _ *Request) {
		gatewayError(w, http.StatusForbidden, "Missing Authentication Token")
	}))
	return mux
}

// gateway checks what stands before every endpoint, in the gateway's order:
// token, API key, scope, rate.
func (s *Smokeball) gateway(w http.ResponseWriter, r *http.Request, req *Request, e Endpoint, scope string, next apiHandler) {
	token, ok := bearer(r)
	if !ok {
		gatewayError(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	s.mu.Lock()
	t, known := s.access[token]
	var by caller
	var expired, revoked, allowed bool
	var key string
	if known {
		by = caller{t.grant.client, t.grant.staff}
		expired = !s.now().Before(t.expires)
		revoked = t.grant.revoked && !s.opts.StatelessAccess
		allowed = slices.Contains(t.scopes, scope)
		key = s.clients[t.grant.client].APIKey
	}
	s.mu.Unlock()
	if known {
		s.seen.set(func() { req.User = by.staff.Email })
	}
	switch keys := r.Header.Values("x-api-key"); {
	case !known || revoked:
		gatewayError(w, http.StatusUnauthorized, "Unauthorized")
	case expired:
		gatewayError(w, http.StatusUnauthorized, "The incoming token has expired")
	case len(keys) != 1 || !same(keys[0], key):
		gatewayError(w, http.StatusForbidden, "Forbidden")
	case !allowed:
		gatewayError(w, s.opts.MissingScope, "User is not authorized to access this resource: execute-api:Invoke")
	case !s.limits.allow(by.client+" "+string(e), s.now()):
		if s.limits.limit.RetryAfter != "" {
			w.Header().Set("Retry-After", s.limits.limit.RetryAfter)
		}
		gatewayError(w, http.StatusTooManyRequests, "Too Many Requests")
	default:
		next(w, r, by)
	}
}

func bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

func (s *Smokeball) wire(r *http.Request) wire {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	rel := "rel"
	if s.opts.SpecLinks {
		rel = "relation"
	}
	return wire{scheme + "://" + r.Host, rel}
}
