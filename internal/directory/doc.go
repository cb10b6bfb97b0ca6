// Package directory knows who has a phone: the agents of every tenant, merged
// from the configuration and the tenant's PBX, and what else answers there.
//
// Readers see one immutable copy behind an atomic pointer, so that asking
// takes no lock. The PBX is read in the background, at the start, on schedule
// and on demand; while it is away the last good copy serves on. That copy is in
// memory only.
//
// The package does not know how a PBX is spoken to, what a pairing is, or which
// agents get pops.
package directory
