//go:build !manual

package main

import "github.com/spf13/cobra"

// buildCommands are none in the binary that is shipped: manual pages are made
// by one that is built with the tag manual.
func buildCommands() []*cobra.Command { return nil }
