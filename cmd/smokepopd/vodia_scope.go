package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

// hookLevels tells which levels of a PBX have smokepop's webhooks: the tenant
// and the extensions in scope. others are the extensions that are not.
func hookLevels(t config.Tenant, d vodia.Directory) (levels, others []vodia.Level, err error) {
	if len(t.Scope.Groups) > 0 {
		for _, g := range d.Gaps {
			if g.Part == "groups" {
				return nil, nil, fmt.Errorf("scope names groups, and these cannot be read: %w", g.Err)
			}
		}
	}
	levels = []vodia.Level{vodia.Tenant}
	for _, a := range d.Accounts {
		if a.Kind != vodia.Extension {
			continue
		}
		if inScope(t, d.Groups, a.Extension) {
			levels = append(levels, vodia.Level(a.Extension))
		} else {
			others = append(others, vodia.Level(a.Extension))
		}
	}
	if len(levels) == 1 {
		return nil, nil, errors.New("the PBX has no extension that is in scope: compare scope with the PBX's accounts and groups")
	}
	return levels, others, nil
}

func inScope(t config.Tenant, groups []vodia.Group, extension string) bool {
	if t.Scope.All || slices.Contains(t.Scope.Extensions, extension) {
		return true
	}
	for _, name := range t.Scope.Groups {
		for _, g := range groups {
			if (g.ID == name || strings.EqualFold(g.Name, name)) && g.Has(extension) {
				return true
			}
		}
		for _, a := range t.Agents {
			if a.Extension == screenpop.Extension(extension) && slices.Contains(a.Groups, name) {
				return true
			}
		}
	}
	return false
}
