package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

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
