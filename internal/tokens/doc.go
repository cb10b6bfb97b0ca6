// Package tokens keeps agents' authorisations at Smokeball alive: it pairs an
// agent, hands out access tokens, refreshes them once for everybody who waits,
// saves what it got before anybody uses it, notices when an authorisation has
// ended, and takes it back.
//
// Everything it keeps lies sealed in the vault; a pairing that has only begun
// is in memory. It knows nothing of calls, of web sessions beyond their name,
// or of how Smokeball's hosts are found.
package tokens
