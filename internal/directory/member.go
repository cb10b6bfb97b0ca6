package directory

import (
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// member is what is known of a tenant. Its state is changed under Directory.mu,
// by the goroutine that reads the tenant's PBX and by Assume.
type member struct {
	Tenant
	ask      chan chan struct{} // who wants the PBX to be read now
	replaced chan struct{}      // closed when a reload has put another in its place, or none

	known
}

// known is what a member has learnt.
type known struct {
	read    bool    // good is a reading
	good    Reading // the last good copy, complete
	assumed []screenpop.Extension
	doubt   *Reading // a reading that waits to be confirmed

	outcome     outcome // of the last reading; empty: none has ended
	problem     string
	lastTry     time.Time
	lastSuccess time.Time
	failures    int // in a row
}

// take makes a reading the tenant's good copy, unless too much is missing in
// it: then it is kept until another one says the same.
func (m *member) take(r Reading) outcome {
	r = m.complete(r)
	if m.doubtful(r) && !m.confirms(r) {
		m.doubt = &r
		return outcomeDoubtful
	}
	m.read, m.good, m.doubt, m.assumed = true, r, nil, nil
	if len(r.Gaps) > 0 {
		return outcomePartial
	}
	return outcomeRead
}

// complete fills what was not told this time in from the last good copy.
func (m *member) complete(r Reading) Reading {
	before := make(map[string]*Account, len(m.good.Accounts))
	for i := range m.good.Accounts {
		before[m.good.Accounts[i].Number] = &m.good.Accounts[i]
	}
	r.Accounts = slices.Clone(r.Accounts)
	told := make(map[string]bool, len(r.Accounts))
	for i := range r.Accounts {
		a := &r.Accounts[i]
		told[a.Number] = true
		was := before[a.Number]
		if was == nil {
			continue
		}
		if a.Unread {
			a.Email = was.Email
			if a.Name == "" {
				a.Name = was.Name
			}
			if was.Kind == Extension {
				a.Kind = Extension
			}
		}
		if r.GroupsUnknown {
			a.Groups = was.Groups
		}
	}
	if r.OthersUnknown {
		for _, a := range m.good.Accounts {
			if a.Kind != Extension && !told[a.Number] {
				r.Accounts = append(r.Accounts, a)
			}
		}
	}
	return r
}

// doubtful tells whether a reading has lost so much that it is likelier wrong
// than true: every extension, or half of them and more than one. A PBX that
// restarts or changes hands may answer with an empty list and 200.
func (m *member) doubtful(r Reading) bool {
	before := m.assumed
	if m.read {
		before = extensions(m.good)
	}
	now := extensions(r)
	gone := 0
	for _, e := range before {
		if _, found := slices.BinarySearch(now, e); !found {
			gone++
		}
	}
	return gone > 0 && (len(now) == 0 || gone > 1 && 2*gone >= len(before))
}

// confirms tells whether a reading has the extensions of the doubtful one
// before it.
func (m *member) confirms(r Reading) bool {
	return m.doubt != nil && slices.Equal(extensions(*m.doubt), extensions(r))
}

// extensions lists a reading's, sorted.
func extensions(r Reading) []screenpop.Extension {
	var out []screenpop.Extension
	for _, a := range r.Accounts {
		if a.Kind == Extension {
			out = append(out, screenpop.Extension(a.Number))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
