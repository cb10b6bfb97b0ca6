// Package crew runs one goroutine for each member of a set that changes while
// they run: the tenants of a configuration that is reloaded. It does not know
// what its members do.
package crew
