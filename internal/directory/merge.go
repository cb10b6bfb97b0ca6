package directory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxGone bounds how many extensions are remembered that are gone.
const maxGone = 1000

// merge makes a copy of what is known of a tenant.
func (m *member) merge() *copied {
	c := &copied{
		agents: map[screenpop.Extension]*screenpop.Agent{}, aliases: map[screenpop.Extension]*screenpop.Agent{}, accounts: map[string]*Account{},
		gone: map[screenpop.Extension]screenpop.Agent{}, from: map[origin]int{},
	}
	byNumber := make(map[string]*Account, len(m.good.Accounts))
	for i := range m.good.Accounts {
		byNumber[m.good.Accounts[i].Number] = &m.good.Accounts[i]
	}
	seen := map[screenpop.Extension]bool{}
	add := func(a screenpop.Agent, from origin) {
		if a.Extension == "" || seen[a.Extension] {
			return
		}
		seen[a.Extension] = true
		c.list = append(c.list, a)
		c.from[from]++
	}
	for _, a := range m.Agents {
		if told := byNumber[string(a.Extension)]; told != nil {
			a.Name, a.Email = cmp.Or(a.Name, told.Name), cmp.Or(a.Email, told.Email)
			a.Groups = union(a.Groups, m.spelt(told.Groups))
		}
		add(a, fromConfiguration)
	}
	for _, told := range m.good.Accounts {
		if told.Kind == Extension {
			id := screenpop.AgentID{Tenant: m.Domain, Extension: screenpop.Extension(told.Number)}
			add(screenpop.Agent{AgentID: id, Name: told.Name, Email: told.Email, Groups: m.spelt(told.Groups)}, fromPBX)
		}
	}
	if !m.read {
		for _, e := range m.assumed {
			add(screenpop.Agent{AgentID: screenpop.AgentID{Tenant: m.Domain, Extension: e}}, fromPairing)
		}
	}
	for i := range c.list {
		c.agents[c.list[i].Extension] = &c.list[i]
	}
	for number, told := range byNumber {
		c.accounts[number] = told
	}
	for alias, owners := range m.aliases() {
		if len(owners) > 1 || byNumber[alias] != nil {
			continue // whose it is cannot be told; a number of one's own wins
		}
		c.accounts[alias] = byNumber[owners[0]]
		if a, ok := c.agents[screenpop.Extension(owners[0])]; ok && !seen[screenpop.Extension(alias)] {
			c.aliases[screenpop.Extension(alias)] = a
		}
	}
	return c
}

// aliases are the numbers that accounts answer at beside their own, with those
// who do.
func (m *member) aliases() map[string][]string {
	out := map[string][]string{}
	for _, a := range m.good.Accounts {
		for _, alias := range a.Aliases {
			if alias != "" && alias != a.Number && !slices.Contains(out[alias], a.Number) {
				out[alias] = append(out[alias], a.Number)
			}
		}
	}
	return out
}

// spelt returns groups with, beside each, how the configuration writes it.
func (m *member) spelt(groups []string) []string {
	out := slices.Clone(groups)
	for _, g := range groups {
		for _, name := range m.Groups {
			if strings.EqualFold(g, name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// miss remembers in after who was there before.
func (m *member) miss(before, after *copied) {
	if m.Source == nil {
		return
	}
	keep := func(a screenpop.Agent) {
		if _, there := after.agents[a.Extension]; !there && len(after.gone) < maxGone {
			after.gone[a.Extension] = a
		}
	}
	for _, a := range before.list {
		keep(a)
	}
	for _, a := range before.gone {
		keep(a)
	}
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
