package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Whose returns the tenant that a request of a browser belongs to, for several
// daemons that share a store: by its session, or by what it wants to sign in
// with. body is what it brings. It is "" for what is of no tenant, such as the
// page itself, and for what will be refused. Nothing is decided by it: the
// tenant's daemon looks at the request anew.
func (s *Server) Whose(r *http.Request, body []byte) (screenpop.Tenant, error) {
	if !ofSomebody(r.URL.Path) {
		return "", nil
	}
	ctx := r.Context()
	if r.URL.Path == framePath { // whichever cookies there are of before
		var in struct {
			Ticket string `json:"ticket"`
		}
		_ = json.Unmarshal(body, &in)
		_, tenant, _ := strings.Cut(in.Ticket, tenantOfTicket)
		return screenpop.ParseTenant(tenant), nil
	}
	for _, way := range []struct {
		cookie string
		find   func(context.Context, string) (session, error)
	}{{s.cookieName(), s.sessions.find}, {s.frameCookieName(), s.frames.find}} {
		cookie, err := r.Cookie(way.cookie)
		if err != nil {
			continue
		}
		se, err := way.find(ctx, cookie.Value)
		switch {
		case err == nil && r.URL.Path != "/api/session":
			return se.Agent.Tenant, nil
		case err == nil && r.Method == http.MethodDelete:
			return se.Agent.Tenant, nil // signing out
		case err != nil && !errors.Is(err, errNoSession):
			return "", err
		}
	}
	if r.URL.Path != "/api/session" {
		return "", nil
	}
	var in struct {
		Invite string           `json:"invite"`
		Tenant screenpop.Tenant `json:"tenant"`
	}
	if json.Unmarshal(body, &in) != nil {
		return "", nil
	}
	if in.Invite != "" {
		return s.invites.tenant(ctx, in.Invite)
	}
	return screenpop.ParseTenant(string(in.Tenant)), nil
}

// CredentialPath returns where in the store lies what an agent's request shows to say
// whose it is: a session or a frame, for who knows already whose that is. It is "" for
// a request that shows neither, or both.
func (s *Server) CredentialPath(r *http.Request) string {
	if !ofSomebody(r.URL.Path) || r.URL.Path == framePath || r.URL.Path == "/api/session" && r.Method != http.MethodDelete {
		return ""
	}
	session, noSession := r.Cookie(s.cookieName())
	frame, noFrame := r.Cookie(s.frameCookieName())
	shown, prefix := session, SessionsPrefix
	switch {
	case (noSession == nil) == (noFrame == nil):
		return ""
	case noSession != nil:
		shown, prefix = frame, FramesPrefix
	}
	id, ok := hashed(shown.Value)
	if !ok {
		return ""
	}
	return prefix + id
}

// SignsIn tells whether a request tries to sign in, by whatever there is to guess at.
func SignsIn(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == "/api/session" || r.URL.Path == adminSession)
}

// TriesPassword tells whether a request tries to sign in with a password. body is
// what it brings.
func TriesPassword(r *http.Request, body []byte) bool {
	var in struct {
		Invite   string           `json:"invite"`
		Password screenpop.Secret `json:"password"`
	}
	return r.Method == http.MethodPost && r.URL.Path == "/api/session" && json.Unmarshal(body, &in) == nil && in.Invite == "" && in.Password != ""
}

// Guess lets a try of a password go on to the daemon of its tenant, where several
// share a store and this one counts what its address guesses: next answers it.
func (s *Server) Guess(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter)) {
	if !s.origin.sent(r) { // no guess: it will be refused
		next(w)
		return
	}
	done, wait := s.guesses.begin(client(r))
	if wait > 0 {
		limited := s.answer(func(_ http.ResponseWriter, r *http.Request) error {
			return s.limited(r, audit.SignIn{Method: byPassword}, msgPasswordTries, wait)
		})
		identified(s.origin.guarded(limited)).ServeHTTP(w, r)
		return
	}
	seen := &statusSeen{ResponseWriter: w}
	defer func() { done(seen.status == http.StatusForbidden) }()
	next(seen)
}

// statusSeen knows the status of an answer.
type statusSeen struct {
	http.ResponseWriter
	status int
}

func (a *statusSeen) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap leads [http.ResponseController] to the rest.
func (a *statusSeen) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// ofSomebody tells whether what is at a path can be a tenant's. The page and its
// parts, and single sign-on, are everybody's: no session is looked up for them.
func ofSomebody(path string) bool {
	return strings.HasPrefix(path, "/api/") || path == "/ws" || strings.HasPrefix(path, "/pair/")
}

// tenant returns whose invite a token is, "" when it is none.
func (in *invites) tenant(ctx context.Context, token string) (screenpop.Tenant, error) {
	id, ok := hashed(token)
	if !ok {
		return "", nil
	}
	value, _, err := in.store.Get(ctx, invitePrefix+id)
	if err != nil || value == nil {
		return "", err
	}
	var rec inviteRecord
	if json.Unmarshal(value, &rec) != nil {
		return "", nil
	}
	return rec.Tenant, nil
}
