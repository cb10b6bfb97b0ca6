// Package lookup answers "who is this number?" for an agent, with the agent's
// own authorisation at Smokeball.
//
// Smokeball's search only proposes: it may miss a number that is written
// differently and may offer people who do not have it. So a search plan asks in
// a way that survives every common way of writing, and each contact that comes
// back is checked here, digit by digit, before anybody sees it.
//
// One number is searched for once at a time in a tenant, however many phones
// ring, and the answer is kept in memory for a short while and nowhere else.
// The package knows nothing of calls' events, screens or how tokens are kept.
package lookup
