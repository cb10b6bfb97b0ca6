package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

var domainShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$`)

func (l *loader) checkTenant(t *Tenant, path string, pbx pbxListener) {
	l.required(path+".domain", string(t.Domain))
	if d := string(t.Domain); d != "" && (!domainShape.MatchString(d) || strings.Contains(d, "..")) {
		l.problem(path+".domain", "%s is no domain", quote(d))
	}
	l.oneOf(path+".region", "region", t.Region, "us", "au", "uk")
	l.checkScope(t, path)
	l.checkSmokeball(&t.Smokeball, path+".smokeball")
	l.checkPBX(t, path+".pbx", pbx)

	lookup := path + ".lookup"
	l.positive(lookup+".timeout", t.Lookup.Timeout)
	if t.Lookup.Cache < 0 {
		l.problem(lookup+".cache", "must not be negative: 0s turns the cache off")
	}
	if t.Lookup.Cache > 5*time.Minute {
		l.warn(lookup+".cache", "is longer than 5m: a contact that is changed in Smokeball shows its old name for that long")
	}
	if t.Lookup.MaxContacts < 1 {
		l.problem(lookup+".max_contacts", "must be at least 1")
	}
	l.searchPlan(lookup+".search", t.Lookup.Search)
	l.oneOf(lookup+".share", "choice", t.Lookup.Share, shareTenant, shareAgent)
	l.checkPops(t.Pops, path+".pops")
	l.lookOverAgents(t, path)
}

// searchPlan checks a plan by the rule of those who carry it out.
func (l *loader) searchPlan(path string, steps []string) {
	if l.known(path) {
		return
	}
	_, err := smokeball.ParseSearchPlan(steps)
	var wrong *smokeball.StepError
	if errors.As(err, &wrong) && !l.known(index(path, wrong.Step)) {
		l.problem(index(path, wrong.Step), "%s", wrong.Problem)
	}
}

func (l *loader) positive(path string, d time.Duration) {
	if d <= 0 {
		l.problem(path, "must be longer than 0s")
	}
}

func (l *loader) checkScope(t *Tenant, path string) {
	path += ".scope"
	s := t.Scope
	if !s.All && len(s.Extensions) == 0 && len(s.Groups) == 0 && !l.known(path, path+".extensions", path+".groups") {
		l.problem(path, "names nobody: write all, or a map of extensions and groups")
	}
	for i, e := range s.Extensions {
		if !extensionShape.MatchString(e) && !l.known(index(path+".extensions", i)) {
			l.problem(index(path+".extensions", i), "%s is no extension", quote(e))
		}
	}
	for i, g := range s.Groups {
		if strings.TrimSpace(g) == "" {
			l.problem(index(path+".groups", i), "is empty")
		}
	}
}

func (s Scope) holds(a screenpop.Agent) bool {
	return s.All || slices.Contains(s.Extensions, string(a.Extension)) ||
		slices.ContainsFunc(a.Groups, func(g string) bool { return slices.Contains(s.Groups, g) })
}

// lookOverAgents warns of agents who will wonder.
func (l *loader) lookOverAgents(t *Tenant, path string) {
	path += ".agents"
	if len(t.Agents) == 0 && t.PBX.API.URL == "" && !l.known(path, path+"_file") {
		l.warn(path, "is empty, and so are agents_file and pbx.api.url: nobody of this tenant sees a pop")
	}
	var noEmail, outside, sameEmail []string
	emails := map[string]bool{}
	for _, a := range t.Agents {
		if !t.Scope.holds(a) {
			outside = append(outside, string(a.Extension))
		}
		switch email := strings.ToLower(a.Email); {
		case email == "":
			noEmail = append(noEmail, string(a.Extension))
		case emails[email]:
			sameEmail = append(sameEmail, string(a.Extension))
		default:
			emails[email] = true
		}
	}
	l.warnOf(path, noEmail, "without an e-mail address: nobody can check that the right Smokeball user was paired")
	l.warnOf(path, sameEmail, "with the e-mail address of another agent")
	l.warnOf(path, outside, "listed but not in scope: no pops there")
}

// warnOf warns once of several extensions.
func (l *loader) warnOf(path string, extensions []string, what string) {
	const most = 10
	if n := len(extensions); n > most {
		l.warn(path, "%s and %d more %s", strings.Join(extensions[:most], ", "), n-most, what)
	} else if n > 0 {
		l.warn(path, "%s %s", strings.Join(extensions, ", "), what)
	}
}
