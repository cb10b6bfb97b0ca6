package directory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Report is what an admin has to know of a tenant's directory. It names
// extensions and aliases, no person.
type Report struct {
	Tenant screenpop.Tenant `json:"tenant"`
	Agents int              `json:"agents"`
	// PBX tells how reading it goes; nil where there is none to be read.
	PBX *PBXReport `json:"pbx"`

	WithoutEmail []screenpop.Extension `json:"without_email"`
	SameEmail    []Shared              `json:"same_email"`
	SameName     []Shared              `json:"same_name"`
	// SameAlias are numbers at which more than one extension answers, or that
	// are another's own extension.
	SameAlias []Shared `json:"same_alias"`
	// NotAtPBX are configured agents whose extension the PBX does not list.
	NotAtPBX []screenpop.Extension `json:"not_at_pbx"`
	// Gone are extensions that were there since the start and are not any more.
	Gone []screenpop.Extension `json:"gone"`
}

// PBXReport tells how reading a PBX goes.
type PBXReport struct {
	Outcome     string     `json:"outcome"` // of the last reading; empty: none has ended yet
	Problem     string     `json:"problem"` // a sentence; empty: none
	LastTry     *time.Time `json:"last_try"`
	LastSuccess *time.Time `json:"last_success"` // of the copy in use
	Shape       string     `json:"shape"`
	Gaps        []string   `json:"gaps"`
}

// Shared are extensions that have the same of something.
type Shared struct {
	Alias      string                `json:"alias,omitempty"`
	Extensions []screenpop.Extension `json:"extensions"`
}

// Reports returns a report of each tenant, in the order of the configuration.
func (d *Directory) Reports() []Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Report
	for _, m := range d.members {
		out = append(out, m.report(d.current.Load().tenants[m.Domain]))
	}
	return out
}

// report is made under Directory.mu.
func (m *member) report(c *copied) Report {
	r := Report{
		Tenant: m.Domain, Agents: len(c.list), WithoutEmail: []screenpop.Extension{}, NotAtPBX: []screenpop.Extension{},
		Gone: slices.AppendSeq([]screenpop.Extension{}, maps.Keys(c.gone)),
	}
	sortExtensions(r.Gone)
	emails, names := map[string][]screenpop.Extension{}, map[string][]screenpop.Extension{}
	for _, a := range c.list {
		if a.Email == "" {
			r.WithoutEmail = append(r.WithoutEmail, a.Extension)
		} else {
			emails[strings.ToLower(a.Email)] = append(emails[strings.ToLower(a.Email)], a.Extension)
		}
		if a.Name != "" {
			names[strings.ToLower(a.Name)] = append(names[strings.ToLower(a.Name)], a.Extension)
		}
	}
	sortExtensions(r.WithoutEmail)
	r.SameEmail, r.SameName = shared(emails, false), shared(names, false)
	r.SameAlias = shared(m.contested(c), true)
	if m.Source != nil {
		r.PBX = m.reading()
	}
	if m.read {
		for _, a := range m.Agents {
			if told, ok := c.accounts[string(a.Extension)]; !ok || told.Number != string(a.Extension) || told.Kind != Extension {
				r.NotAtPBX = append(r.NotAtPBX, a.Extension)
			}
		}
	}
	sortExtensions(r.NotAtPBX)
	return r
}

func (m *member) reading() *PBXReport {
	p := &PBXReport{Outcome: string(m.outcome), Problem: m.problem, Shape: m.good.Shape, Gaps: append([]string{}, m.good.Gaps...)}
	if at := m.lastTry; !at.IsZero() {
		p.LastTry = &at
	}
	if at := m.lastSuccess; !at.IsZero() {
		p.LastSuccess = &at
	}
	return p
}

// contested are aliases that lead to nobody, or away from their owner.
func (m *member) contested(c *copied) map[string][]screenpop.Extension {
	out := map[string][]screenpop.Extension{}
	for alias, owners := range m.aliases() {
		if _, own := c.agents[screenpop.Extension(alias)]; own {
			owners = append(owners, alias)
		}
		if len(owners) > 1 {
			for _, o := range owners {
				out[alias] = append(out[alias], screenpop.Extension(o))
			}
		}
	}
	return out
}

// shared are the values that more than one extension has.
func shared(by map[string][]screenpop.Extension, aliases bool) []Shared {
	out := []Shared{}
	for value, list := range by {
		if len(list) < 2 {
			continue
		}
		sortExtensions(list)
		s := Shared{Extensions: list}
		if aliases {
			s.Alias = value
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Shared) int {
		return cmp.Or(cmp.Compare(a.Alias, b.Alias), slices.CompareFunc(a.Extensions, b.Extensions, byLength))
	})
	return out
}

func sortExtensions(list []screenpop.Extension) { slices.SortFunc(list, byLength) }

func byLength(a, b screenpop.Extension) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
