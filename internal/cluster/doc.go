// Package cluster lets several smokepopd work as one over NATS: who is there,
// who owns which part of the tenants, and byte streams between them.
//
// The tenants are spread over [Partitions] parts. Each part has one owner at a
// time, the member that [owner] picks among those that are there; what a part
// consists of is the daemon's business. Requests that come to another member go
// to the owner as streams within a link, which is one stream over NATS to a
// service of a member, under TLS with a key that only members have: the NATS
// servers see nothing of what is in it.
//
// The package knows nothing of calls, agents or HTTP. With package vault it is
// the only importer of NATS.
package cluster
