package pbxevents

import (
	"net/netip"
	"regexp"
	"slices"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Directory knows the agents of all tenants. It is asked for each event and may
// be asked from many goroutines.
type Directory interface {
	Agent(screenpop.AgentID) (screenpop.Agent, bool)
}

// Tenant is what the event side has to know of one PBX domain.
type Tenant struct {
	Domain screenpop.Tenant
	Auth   Auth
	// Numbers reads numbers the way this PBX writes them.
	Numbers *numbering.Plan
	// Extensions tells which short numbers are the PBX's own although no agent
	// is known behind them: colleagues out of the directory, ring groups,
	// queues. nil: none.
	Extensions *regexp.Regexp
	// MailboxPrefix before an extension dials its mailbox.
	MailboxPrefix string
	// StarPrefixes begin codes that steer the PBX.
	StarPrefixes []string
	// Ignore are numbers that never pop.
	Ignore []screenpop.Number
	Scope  Scope
}

// Auth is what a webhook has to bring with it: everything that is set.
type Auth struct {
	Username string
	Password screenpop.Secret
	Token    screenpop.Secret
	Allow    []netip.Prefix
}

// Scope says which agents get pops: all, or those of the union of extensions
// and groups.
type Scope struct {
	All        bool
	Extensions []string
	Groups     []string
}

func (s Scope) has(a screenpop.Agent) bool {
	if s.All || slices.Contains(s.Extensions, string(a.Extension)) {
		return true
	}
	return slices.ContainsFunc(a.Groups, func(g string) bool { return slices.Contains(s.Groups, g) })
}
