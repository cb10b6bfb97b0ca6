package pbxevents

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// rules decide which calls count and whom they concern. They are pure: the
// same message and directory give the same decision, and nothing is remembered.
type rules struct {
	tenant     screenpop.Tenant
	directory  Directory
	accounts   Accounts // nil: the directory knows agents alone
	numbers    *numbering.Plan
	extensions *regexp.Regexp
	mailbox    string
	stars      []string
	ignore     map[string]struct{} // canonical
	all        bool
	scope      map[screenpop.Extension]struct{}
	groups     map[string]struct{}
}

func newRules(t Tenant, d Directory) (rules, error) {
	r := rules{
		tenant: t.Domain, directory: d, numbers: t.Numbers, mailbox: t.MailboxPrefix,
		ignore: map[string]struct{}{}, all: t.Scope.All,
		scope: map[screenpop.Extension]struct{}{}, groups: map[string]struct{}{},
	}
	r.accounts, _ = d.(Accounts)
	if t.Extensions != nil {
		// An expression without its ^ and $ would find an extension in every
		// number.
		whole, err := regexp.Compile("^(?:" + t.Extensions.String() + ")$")
		if err != nil {
			return rules{}, fmt.Errorf("expression for extensions: %w", err)
		}
		r.extensions = whole
	}
	for _, s := range t.StarPrefixes {
		if s != "" {
			r.stars = append(r.stars, s)
		}
	}
	for _, n := range t.Ignore {
		if !n.IsZero() {
			r.ignore[n.Canonical] = struct{}{}
		}
	}
	for _, e := range t.Scope.Extensions {
		r.scope[screenpop.Extension(e)] = struct{}{}
	}
	for _, g := range t.Scope.Groups {
		r.groups[g] = struct{}{}
	}
	return r, nil
}

// decision is a call that counts, or why it does not.
type decision struct {
	skip      screenpop.Skip // empty: the call counts
	agents    []screenpop.Agent
	number    screenpop.Number
	direction screenpop.Direction
}

// decide applies the rules in the order of their reasons.
func (r *rules) decide(m *message) decision {
	s, skip := r.sides(m)
	if skip != "" {
		return decision{skip: skip}
	}
	named := m.extensions
	if len(named) == 0 && s.ours != "" {
		named = []screenpop.Extension{s.ours}
	}
	agents, skip := r.concerned(named)
	if skip != "" {
		return decision{skip: skip}
	}
	n := r.numbers.Parse(s.other)
	if n.IsZero() {
		return decision{skip: screenpop.SkipNoNumber}
	}
	if _, ignored := r.ignore[n.Canonical]; ignored {
		return decision{skip: screenpop.SkipIgnoredNumber, number: n}
	}
	return decision{agents: agents, number: n, direction: s.direction}
}

// queue is what the agent's card says the call came by: the queue or ring
// group, else what the caller dialled, unless that was the agent alone.
func (r *rules) queue(m *message, d *decision, agent screenpop.Extension) string {
	if m.queue != "" || d.direction != screenpop.Inbound || m.to.user == "" || screenpop.Extension(m.to.user) == agent {
		return m.queue
	}
	if r.account(&m.to) != "" {
		if r.known(m.to.user) {
			return "" // a colleague's extension, from before the call was handed on
		}
		if _, name := numbering.UserPart(m.to.text); name != "" {
			return name
		}
		if name, _ := r.named(m.to.user); name != "" {
			return name
		}
		return m.to.user
	}
	if n := r.numbers.Parse(m.to.text); n.Display != "" {
		return n.Display
	}
	return ""
}

// sides is who is who in a call.
type sides struct {
	direction screenpop.Direction
	other     string              // the party that is not ours, as it came
	ours      screenpop.Extension // empty: neither party is
}

// sides tells our party from the other by what is known of the tenant's
// extensions. The event's own direction never overrides that.
func (r *rules) sides(m *message) (sides, screenpop.Skip) {
	if r.star(m.from.user) || r.star(m.to.user) {
		return sides{}, screenpop.SkipStarCode
	}
	from, to := r.account(&m.from), r.account(&m.to)
	switch {
	case from != "" && to != "":
		return sides{}, screenpop.SkipInternalCall
	case from != "":
		return sides{screenpop.Outbound, m.to.text, from}, ""
	case to != "":
		return sides{screenpop.Inbound, m.from.text, to}, ""
	case m.direction == screenpop.Outbound:
		return sides{direction: screenpop.Outbound, other: m.to.text}, ""
	}
	return sides{direction: screenpop.Inbound, other: m.from.text}, ""
}

func (r *rules) star(user string) bool {
	return slices.ContainsFunc(r.stars, func(prefix string) bool { return strings.HasPrefix(user, prefix) })
}

// account returns the extension a party is, or "" for a party that is not ours.
// An extension that is written with separators, or in digits of another script,
// is the extension all the same.
func (r *rules) account(p *party) screenpop.Extension {
	if r.ours(p.user) {
		return screenpop.Extension(p.user)
	}
	if p.user != "" && !digits(p.user) && p.user[0] != '+' {
		if n := r.numbers.Parse(p.text).Canonical; r.ours(n) {
			return screenpop.Extension(n)
		}
	}
	return ""
}

// ours tells whether a user part is on our side.
func (r *rules) ours(user string) bool { return r.oursBy(user) != "" }

// oursBy is the rule by which a user part is on our side; empty: it is not. An
// extension of the directory is, even when it is a public number elsewhere; what
// only looks like one is not when the public can call it.
func (r *rules) oursBy(user string) string {
	if user == "" || user[0] == '+' {
		return ""
	}
	if _, account := r.named(user); account || r.known(user) {
		return ruleAgents
	}
	if rest, ok := strings.CutPrefix(user, r.mailbox); ok && r.mailbox != "" && (r.known(rest) || r.looks(rest)) {
		return r.unlessPublic(user, ruleMailbox)
	}
	if r.looks(user) {
		return r.unlessPublic(user, ruleExtensions)
	}
	return ""
}

func (r *rules) unlessPublic(user, rule string) string {
	if r.numbers.PublicShort(user) {
		return ""
	}
	return rule
}

func (r *rules) known(user string) bool {
	_, ok := r.directory.Agent(screenpop.AgentID{Tenant: r.tenant, Extension: screenpop.Extension(user)})
	return ok
}

// named returns the name of an account of the PBX.
func (r *rules) named(user string) (name string, ok bool) {
	if r.accounts == nil {
		return "", false
	}
	return r.accounts.AccountName(r.tenant, user)
}

func (r *rules) looks(user string) bool {
	return r.extensions != nil && r.extensions.MatchString(user)
}

// own puts, for each number that the directory knows to be an agent's, the
// agent's own extension: one phone may be told of by several.
func (r *rules) own(named []screenpop.Extension) []screenpop.Extension {
	own := func(e screenpop.Extension) screenpop.Extension {
		if a, ok := r.directory.Agent(screenpop.AgentID{Tenant: r.tenant, Extension: e}); ok {
			return a.Extension
		}
		return e
	}
	if len(named) == 1 && own(named[0]) == named[0] { // nearly always
		return named
	}
	var out []screenpop.Extension
	for _, e := range named {
		if e = own(e); !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// concerned returns those of the named extensions that are known and in scope,
// or why there is none.
func (r *rules) concerned(named []screenpop.Extension) ([]screenpop.Agent, screenpop.Skip) {
	var agents []screenpop.Agent
	skip := screenpop.SkipUnknownExtension
	for _, e := range named {
		a, ok := r.directory.Agent(screenpop.AgentID{Tenant: r.tenant, Extension: e})
		switch {
		case !ok:
		case !r.inScope(&a):
			skip = screenpop.SkipOutOfScope
		default:
			agents = append(agents, a)
		}
	}
	if len(agents) > 0 {
		return agents, ""
	}
	return nil, skip
}

func (r *rules) inScope(a *screenpop.Agent) bool {
	if r.all {
		return true
	}
	if _, ok := r.scope[a.Extension]; ok {
		return true
	}
	return slices.ContainsFunc(a.Groups, func(g string) bool {
		_, ok := r.groups[g]
		return ok
	})
}
