package config

import (
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Admin is somebody who may use the admin page.
type Admin struct {
	// Email is whom the identity provider vouches for, or who is given a link. It
	// is in lower case.
	Email string `mapstructure:"email"`
	// Tenants are those that the admin sees; none: all, and what belongs to
	// smokepop as a whole.
	Tenants []string `mapstructure:"tenants"`
}

// maxAddress is the longest e-mail address there is (RFC 5321, 4.5.3.1).
const maxAddress = 254

func (l *loader) admins(cfg *Config) {
	first := map[string]int{}
	for i := range cfg.Admins {
		a, path := &cfg.Admins[i], index("admins", i)
		a.Email = strings.ToLower(strings.TrimSpace(a.Email))
		l.required(path+".email", a.Email)
		j, twice := first[a.Email]
		switch {
		case l.known(path + ".email"):
		case !isAddress(a.Email):
			l.problem(path+".email", "%s is no e-mail address", quote(a.Email))
		case twice:
			l.problem(path+".email", "%s is the address of admins[%d] too: name all of an admin's tenants in one entry", quote(a.Email), j)
		default:
			first[a.Email] = i
		}
		if l.known(path+".tenants", "tenants") {
			continue
		}
		for j, domain := range a.Tenants {
			tenant := screenpop.ParseTenant(domain)
			if !slices.ContainsFunc(cfg.Tenants, func(t Tenant) bool { return t.Domain == tenant }) {
				l.problem(index(path+".tenants", j), "%s is not the domain of a tenant here", quote(domain))
			}
			a.Tenants[j] = string(tenant)
		}
	}
}

func isAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= maxAddress &&
		!strings.Contains(domain, "@") && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '<' || r == '>' })
}
