// Package process builds programs and runs them beside this one: they can be
// killed and started again, what they print goes into a file, and none outlives
// this process.
//
// It is for the demo and for tests. It knows nothing of what the programs are.
package process
