package simulator

import (
	"net/http"
	"strings"
)

// Admin is an administrator account of the PBX. Without a Tenant it is a
// system administrator, who may ask everything; with one it is
// admin@{tenant}, who may ask nothing of the system's.
type Admin struct {
	User, Password string
	Tenant         string
	// NoAPI leaves the account's API access switched off, as it is until
	// somebody switches it on: everything is 403.
	NoAPI bool
}

// DefaultAdmin is a system administrator with an invented password.
func DefaultAdmin() Admin { return Admin{User: "admin", Password: "simulated-pbx-password-4e1b"} }

// ExtensionPassword is what an extension signs in with at the PBX.
func ExtensionPassword(extension string) string { return "simulated-extension-" + extension }

// identity is who asks.
type identity struct {
	level  level
	domain string // of a tenant administrator or an extension
	user   string // the extension
	noAPI  bool
	self   bool // by Basic, not by a session
}

type level int

const (
	nobody level = iota
	extensionLevel
	tenantLevel
	systemLevel
)

// who tells who a request is from. False: it brought credentials that are wrong.
func (p *PBX) who(r *http.Request) (identity, bool) {
	if user, password, ok := r.BasicAuth(); ok {
		return p.signIn(user, password)
	}
	if r.Header.Get("Authorization") != "" {
		return identity{}, false
	}
	if c, err := r.Cookie("session"); err == nil {
		return p.session(c.Value)
	}
	return identity{}, true
}

func (p *PBX) signIn(user, password string) (identity, bool) {
	for _, a := range p.opts.Admins {
		name := a.User
		if a.Tenant != "" {
			name += "@" + a.Tenant
		}
		if name != user || !same(a.Password, password) {
			continue
		}
		id := identity{level: systemLevel, noAPI: a.NoAPI, self: true}
		if a.Tenant != "" {
			id.level, id.domain = tenantLevel, a.Tenant
		}
		return id, true
	}
	name, domain, _ := strings.Cut(user, "@")
	if domain == p.opts.Firm.Domain && p.isExtension(name) && same(ExtensionPassword(name), password) {
		return identity{level: extensionLevel, domain: domain, user: name, self: true}, true
	}
	return identity{}, false
}

func (p *PBX) isExtension(number string) bool {
	a := p.opts.Firm.account(number)
	return a.Kind == "extension" && a.Name != ""
}

// mayTenant tells whether somebody may see and change the tenant's things.
func (p *PBX) mayTenant(id identity) bool {
	return id.level == systemLevel || id.level == tenantLevel && id.domain == p.opts.Firm.Domain
}

// mayUser tells whether somebody may act for an extension: the extension
// itself, and administrators where the PBX lets them.
func (p *PBX) mayUser(id identity, extension string) bool {
	return id.level == extensionLevel && id.user == extension || p.opts.AdminsActForUsers && p.mayTenant(id)
}
