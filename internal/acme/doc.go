// Package acme gets the daemon's certificate from an ACME authority (RFC 8555)
// and renews it. The authority sees by TLS-ALPN-01 (RFC 8737) that the name is
// ours: it connects to port 443 of the name, and the daemon's own listener
// answers. Keys and certificates lie in the store the package is given, which
// seals them.
//
// It is the only importer of certmagic, and knows nothing of HTTP or of agents.
package acme
