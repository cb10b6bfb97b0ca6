//go:build !profile

package main

import "io"

// profile does nothing in the binary that is shipped: see profile.go.
func profile(io.Writer) {}
