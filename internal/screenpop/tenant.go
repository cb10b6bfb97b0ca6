package screenpop

import "strings"

// ParseTenant returns the tenant of a PBX domain as somebody wrote it: case
// and a trailing dot do not matter in a domain.
func ParseTenant(domain string) Tenant {
	return Tenant(strings.ToLower(strings.TrimSuffix(strings.TrimSpace(domain), ".")))
}
