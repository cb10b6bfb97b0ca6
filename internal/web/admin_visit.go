package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const adminAPI = adminPath + "/api"

// AdminCommand returns the path on the admin socket of the command that a request
// of the admin page stands for, for several daemons that share a store: ok is
// false for what is about no tenant, such as signing in.
func AdminCommand(path string) (command string, ok bool) {
	name, ok := strings.CutPrefix(path, adminAPI+"/")
	switch name {
	case "sign-in", "session", "me", "configuration":
		return "", false
	}
	return "/v1/" + name, ok
}

// adminSession is where an admin's link is turned into a session.
const adminSession = adminAPI + "/session"

// AdminVisit is a request of somebody who is signed in as an admin.
type AdminVisit struct {
	// Tenants are those there are that the admin sees.
	Tenants []screenpop.Tenant
	session session
}

// AdminVisit tells for several daemons that share a store how far a request of the
// admin page reaches. Nobody is let in by it: the tenants' daemons look at the
// request anew. ok is false where no admin is signed in.
func (s *Server) AdminVisit(r *http.Request) (v AdminVisit, ok bool, err error) {
	se, admin, err := s.adminOf(r)
	switch {
	case errors.Is(err, errNoSession):
		return AdminVisit{}, false, nil
	case err != nil:
		return AdminVisit{}, false, err
	}
	return AdminVisit{reachOf(admin).of(s.administration.Load().Tenants), se}, true, nil
}

// WhileAdmin answers with a context that ends when the admin is signed out, or the
// server stops.
func (s *Server) WhileAdmin(ctx context.Context, v AdminVisit, answer func(context.Context)) {
	_ = s.whileSigned(ctx, v.session, func(ctx context.Context) error { answer(ctx); return nil })
}
