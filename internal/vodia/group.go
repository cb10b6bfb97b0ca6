package vodia

import "slices"

// Group is a group of the tenant's accounts, the "scope" of the PBX's own
// integrations. A list that is nil was not given.
type Group struct {
	ID       string
	Name     string
	Specific []string // these accounts
	Except   []string // all accounts but these
}

// Has tells whether the account is in the group. Nobody is in a group whose
// members the PBX did not tell.
func (g Group) Has(extension string) bool {
	if slices.Contains(g.Except, extension) {
		return false
	}
	if g.Specific != nil {
		return slices.Contains(g.Specific, extension)
	}
	return g.Except != nil
}
