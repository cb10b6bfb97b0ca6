package config

import (
	"fmt"
	"slices"
	"strings"
)

const (
	envPrefix          = "SMOKEPOP"
	credentialsVarName = "CREDENTIALS_DIRECTORY"
)

// environment is what the process was given, and which of it was a key.
type environment struct {
	values map[string]string // of SMOKEPOP_ variables that are not empty
	used   map[string]bool
	// credentials is systemd's directory of credentials; empty when there is none.
	credentials string
}

func newEnvironment(env []string) *environment {
	e := &environment{values: map[string]string{}, used: map[string]bool{}}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case name == credentialsVarName:
			e.credentials = value
		case strings.HasPrefix(name, envPrefix+"_") && value != "":
			e.values[name] = value
		}
	}
	return e
}

func (e *environment) get(name string) (string, bool) {
	v, ok := e.values[name]
	e.used[name] = true
	return v, ok
}

// below tells whether there are variables for something inside name.
func (e *environment) below(name string) bool {
	for variable := range e.values {
		if strings.HasPrefix(variable, name+"_") {
			return true
		}
	}
	return false
}

// unused lists the variables that no key was read from.
func (e *environment) unused() []string {
	var names []string
	for name := range e.values {
		if !e.used[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func envName(parent, name string) string { return parent + "_" + strings.ToUpper(name) }

func envIndex(list string, i int) string { return fmt.Sprintf("%s_%d", list, i) }

// settings gives set every setting of section k, without its lists of
// sections, that the environment has. at is the section's own variable.
func (l *loader) settings(k *key, at, path string, set func(steps []string, v any), steps ...string) {
	for _, child := range k.keys {
		name, path := envName(at, child.name), join(path, child.name)
		steps := append(slices.Clone(steps), child.name)
		switch child.kind {
		case kindSections:
			continue
		case kindSection:
			l.settings(child, name, path, set, steps...)
			continue
		case kindScope:
			if s, ok := l.scopeSetting(name, path); ok {
				set(steps, s)
				continue
			}
		}
		written, ok := l.env.get(name)
		if !ok {
			continue
		}
		if v := l.setting(child, name, path, written); v != nil {
			set(steps, v)
		}
	}
}

// setting reads what a variable holds; nil when it is refused.
func (l *loader) setting(k *key, name, path, written string) any {
	looksLikeYAML := strings.HasPrefix(written, "[") || strings.HasPrefix(written, "{")
	switch {
	case k.kind == kindSections, looksLikeYAML && (k.kind.isList() || k.kind == kindScope):
		n, err := parse([]byte(written))
		if err != nil {
			l.problem(path, "%s: %s", name, err)
			return nil
		}
		return l.value(k, n, path)
	case k.kind.isList():
		var elements []any
		for i, s := range splitList(written) {
			e, err := element(k.kind, s, tagUntyped)
			if err != nil {
				l.problem(index(path, i), "%s: %s", name, err)
				continue
			}
			elements = append(elements, e)
		}
		return list(k.kind, elements)
	}
	v, err := scalar(k.kind, written, tagUntyped)
	if err != nil {
		l.problem(path, "%s: %s", name, err)
		return nil
	}
	return v
}

// scopeSetting reads a scope from the variables of its two lists.
func (l *loader) scopeSetting(name, path string) (Scope, bool) {
	var s Scope
	var found bool
	for _, k := range scopeKeys().keys {
		variable := envName(name, k.name)
		written, ok := l.env.get(variable)
		if !ok {
			continue
		}
		found = true
		texts, _ := l.setting(k, variable, join(path, k.name), written).([]string)
		if k.name == "groups" {
			s.Groups = texts
		} else {
			s.Extensions = texts
		}
	}
	if _, both := l.env.get(name); both && found {
		l.problem(path, "%s and one of its lists are both set: keep one", name)
	}
	return s, found
}

// elements returns the sections of the list k: those of the file, or those its
// variable holds, and one more for each index only the environment names.
func (l *loader) elements(k *key, written any, at, path string) []tree {
	trees, _ := written.([]tree)
	if value, ok := l.env.get(at); ok {
		trees, _ = l.setting(k, at, path, value).([]tree)
	}
	for l.env.below(envIndex(at, len(trees))) {
		trees = append(trees, tree{})
	}
	return trees
}
