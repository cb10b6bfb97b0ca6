// Package natsproc runs a cluster of NATS servers with JetStream on this
// machine, as processes of the program nats-server: for the demo and for tests.
//
// It speaks no NATS: it writes configurations, starts, kills and stops servers,
// and asks their monitoring ports whether JetStream is ready.
package natsproc
