package pbxevents

import "github.com/smokepop/smokepop/internal/screenpop"

// Live takes in a tenant's live calls as the PBX's own list has them now, all
// of them. It returns ErrNoTenant for a tenant that is not configured.
func (r *Receiver) Live(domain screenpop.Tenant, calls []LiveCall) error {
	t := r.tenants[screenpop.ParseTenant(string(domain))]
	if t == nil {
		return ErrNoTenant
	}
	return nil
}
