package pbxevents

import (
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// verdict is what the rules say of an event taken by itself, before what is
// known of its call counts: the reason it is skipped, or the call and the
// agents it concerns.
type verdict struct {
	skip      screenpop.Skip
	direction screenpop.Direction
	number    screenpop.Number
	agents    []screenpop.Agent
}

// judge is pure: the same event, tenant and directory give the same verdict.
//
// Which side is ours is decided from the extensions known for the tenant, and
// after them from what looks like one; an explicit direction counts only where
// the parties leave it open, since a PBX may report an outbound call as an
// inbound leg of its own.
func (t *Tenant) judge(e event, dir Directory) verdict {
	if t.isStarCode(e.from.user) || t.isStarCode(e.to.user) {
		return verdict{skip: screenpop.SkipStarCode}
	}
	fromOurs, toOurs := t.isOurs(e.from.user, dir), t.isOurs(e.to.user, dir)
	if fromOurs && toOurs {
		return verdict{skip: screenpop.SkipInternalCall}
	}
	v := verdict{direction: screenpop.Inbound}
	if fromOurs || !toOurs && e.direction == screenpop.Outbound {
		v.direction = screenpop.Outbound
	}
	our, other := e.to, e.from
	if v.direction == screenpop.Outbound {
		our, other = e.from, e.to
	}
	named := e.extensions
	if len(named) == 0 && (fromOurs || toOurs) {
		named = []screenpop.Extension{screenpop.Extension(our.user)}
	}
	if v.agents, v.skip = t.concerned(named, dir); v.skip != "" {
		return v
	}
	v.number = t.Numbers.Parse(other.raw)
	switch {
	case v.number.IsZero():
		v.skip = screenpop.SkipNoNumber
	case slices.ContainsFunc(t.Ignore, func(n screenpop.Number) bool { return n.Canonical == v.number.Canonical }):
		v.skip = screenpop.SkipIgnoredNumber
	}
	return v
}

// concerned returns the agents behind the extensions that are known and in
// scope; if there is none, why not.
func (t *Tenant) concerned(named []screenpop.Extension, dir Directory) ([]screenpop.Agent, screenpop.Skip) {
	skip := screenpop.SkipUnknownExtension
	agents := make([]screenpop.Agent, 0, len(named))
	for i, x := range named {
		if slices.Contains(named[:i], x) {
			continue
		}
		a, known := t.agent(x, dir)
		switch {
		case !known:
		case !t.Scope.has(a):
			skip = screenpop.SkipOutOfScope
		default:
			agents = append(agents, a)
		}
	}
	if len(agents) == 0 {
		return nil, skip
	}
	return agents, ""
}

func (t *Tenant) agent(x screenpop.Extension, dir Directory) (screenpop.Agent, bool) {
	return dir.Agent(screenpop.AgentID{Tenant: t.Domain, Extension: x})
}

// isStarCode tells whether somebody dialled a code that steers the PBX, with or
// without digits behind it.
func (t *Tenant) isStarCode(user string) bool {
	return user != "" && slices.ContainsFunc(t.StarPrefixes, func(p string) bool { return strings.HasPrefix(user, p) })
}

// isOurs tells whether a party is an account of the PBX: a known extension, or
// something that looks like one and is no public service number of the country
// (911, 112, 101 in the United Kingdom), or a mailbox of either.
func (t *Tenant) isOurs(user string, dir Directory) bool {
	if user == "" {
		return false
	}
	if t.isAccount(user, dir) {
		return true
	}
	if t.MailboxPrefix == "" {
		return false
	}
	box, ok := strings.CutPrefix(user, t.MailboxPrefix)
	return ok && box != "" && t.isAccount(box, dir)
}

func (t *Tenant) isAccount(user string, dir Directory) bool {
	if _, known := t.agent(screenpop.Extension(user), dir); known {
		return true
	}
	return t.Extensions != nil && t.Extensions.MatchString(user) && !t.Numbers.PublicShort(user)
}
