// Package daemon ties smokepop's parts together and runs them: it opens the
// store, binds the listeners, wires the way of a call from the PBX's webhook to
// the agents' browsers, and takes everything down again in order.
//
// It knows every part and no part knows it.
package daemon
