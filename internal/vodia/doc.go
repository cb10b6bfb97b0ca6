// Package vodia speaks a Vodia PBX's REST API and its websocket, as a client:
// the accounts of a tenant with their e-mails and groups, the webhook settings,
// dialling, and the states of live calls.
//
// What is documented of the PBX is little and differs by version, so answers
// are taken in every shape that has been described or seen, blanks and odd
// values are left out rather than refused, and what a list was read from is
// told. Answers are taken as hostile all the same: limited in size, and no
// redirect is followed to another host. No error and no log line of this
// package carries a password, a session, a body or a telephone number.
//
// The package knows nothing of agents, of the tracker of calls, or of the
// configuration; it never registers as a phone.
package vodia
