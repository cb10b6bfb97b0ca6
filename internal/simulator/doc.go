// Package simulator is the world outside smokepop: a Smokeball (authorisation
// server, API and web app) and a Vodia PBX, for the demo and for tests.
//
// It is written from ../shared/contracts and from nothing else. It imports no
// package of smokepop, so that a misreading on our side meets a different one
// here instead of agreeing with itself. Where the contract leaves a question
// open, the answer is an option, and faults of every kind happen on demand.
//
// [Smokeball] is a set of HTTP handlers and starts no goroutines. A [PBX] plays
// its calls on the goroutine of whoever asks, and is an HTTP handler as well; a
// websocket has a goroutine to write and one to watch it, which end with it, and
// [PBX.Close] waits for them.
//
// Every person, firm and number in it is invented. The numbers come from the
// ranges reserved for fiction by NANPA (555-01xx), the ACMA (5550 xxxx, 7010
// xxxx, listed 0491 57x xxx) and Ofcom (020 7946 0xxx and its like).
package simulator
