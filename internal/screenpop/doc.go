// Package screenpop holds the vocabulary of smokepop's trade (tenants,
// extensions, agents, numbers, calls, contacts, pops) and the one-way [Flow]
// that carries a call event to an agent's screens.
//
// It imports the standard library only. It knows nothing of HTTP, Vodia,
// Smokeball, storage or websockets: those packages import this one and speak
// to each other in its types.
package screenpop
