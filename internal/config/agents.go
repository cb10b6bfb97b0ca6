package config

import (
	"net/mail"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// agents checks a tenant's inline agents and adds those of its agents_file that
// are not inline too.
func (l *loader) agents(t *Tenant, path string) {
	seen := map[screenpop.Extension]int{}
	for i := range t.Agents {
		a := &t.Agents[i]
		a.Tenant = t.Domain
		at := index(path+".agents", i)
		if l.agent(a, func(field, format string, args ...any) { l.problem(join(at, field), format, args...) }, at) {
			if first, twice := seen[a.Extension]; twice {
				l.problem(at+".extension", "%s is the extension of agents[%d] too", quote(string(a.Extension)), first)
				continue
			}
			seen[a.Extension] = i
		}
	}
	if t.AgentsFile == "" {
		return
	}
	data, err := l.read(t.AgentsFile, maxAgents)
	if err != nil {
		l.problem(path+".agents_file", "%s: %s", t.AgentsFile, unreadable(err))
		return
	}
	sheet := &agentSheet{l: l, path: path + ".agents_file", name: filepath.Base(t.AgentsFile)}
	for _, a := range sheet.read(data) {
		if _, inline := seen[a.Extension]; !inline {
			a.Tenant = t.Domain
			t.Agents = append(t.Agents, a)
		}
	}
}

var extensionShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)

// agent checks one agent and tells whether it has a usable extension. report
// says what is wrong with a field; at is where the agent stands.
func (l *loader) agent(a *screenpop.Agent, report func(field, format string, args ...any), at string) bool {
	if a.Email != "" && !isEmail(a.Email) && !l.known(at+".email") {
		report("email", "%s is no e-mail address", quote(a.Email))
	}
	for i, g := range a.Groups {
		if a.Groups[i] = strings.TrimSpace(g); a.Groups[i] == "" {
			report("groups", "has an empty name")
			break
		}
	}
	switch {
	case l.known(at + ".extension"):
		return false
	case a.Extension == "":
		report("extension", "is missing")
		return false
	case !extensionShape.MatchString(string(a.Extension)):
		report("extension", "%s is no extension: use the account's number as the PBX has it", quote(string(a.Extension)))
		return false
	}
	return true
}

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && !strings.ContainsAny(s, "\"<> ")
}
