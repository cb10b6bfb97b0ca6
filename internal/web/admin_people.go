package web

import (
	"context"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Admin is somebody who may use the admin page.
type Admin struct {
	Email string // in lower case
	// Tenants are those that the admin sees and does something about; none: all.
	Tenants []screenpop.Tenant
}

// Administration says who administers what. It may be put in the place of
// another while the server runs.
type Administration struct {
	Admins  []Admin            // none: there is no admin page
	Tenants []screenpop.Tenant // all there are
}

// admin returns the admin with an address, if there is one.
func (a *Administration) admin(email string) (Admin, bool) {
	email = strings.ToLower(strings.TrimSpace(email))
	for _, each := range a.Admins {
		if each.Email == email && email != "" {
			return each, true
		}
	}
	return Admin{}, false
}

// reach is what somebody sees and may do something about.
type reach struct {
	everything bool
	tenants    []screenpop.Tenant
}

func reachOf(a Admin) reach { return reach{len(a.Tenants) == 0, a.Tenants} }

func (re reach) sees(t screenpop.Tenant) bool {
	return re.everything || slices.Contains(re.tenants, t)
}

// of returns which of the tenants are seen.
func (re reach) of(all []screenpop.Tenant) []screenpop.Tenant {
	seen := []screenpop.Tenant{}
	for _, t := range all {
		if re.sees(t) {
			seen = append(seen, t)
		}
	}
	return seen
}

// named are the tenants that a query about one stands for, where empty means all
// that are seen; an empty one among them stands for everything.
func (re reach) named(tenant screenpop.Tenant) []screenpop.Tenant {
	switch {
	case tenant == "" && !re.everything:
		return re.tenants
	case re.everything || re.sees(tenant):
		return []screenpop.Tenant{tenant}
	}
	return nil
}

type reachKey struct{}

func withReach(ctx context.Context, re reach) context.Context {
	return context.WithValue(ctx, reachKey{}, re)
}

// reachIn is how far a request reaches. One on the admin socket reaches
// everything; one of the admin page has passed Server.forAdmin, which says how
// far.
func reachIn(ctx context.Context) reach {
	if re, ok := ctx.Value(reachKey{}).(reach); ok {
		return re
	}
	return reach{everything: true}
}
