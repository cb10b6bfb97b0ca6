//go:build manual

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// buildCommands are those of a binary that is built to make a package with and
// never shipped: `go run -tags manual ./cmd/smokepopd package-files DIR`.
func buildCommands() []*cobra.Command {
	return []*cobra.Command{{
		Use:    "package-files DIR",
		Short:  "Write the manual pages and the shell completions",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE:   func(cmd *cobra.Command, args []string) error { return packageFiles(args[0]) },
	}}
}

// packageFiles writes below dir what a package has of the commands. Its one
// date comes from SOURCE_DATE_EPOCH, so that the same source makes the same
// bytes.
func packageFiles(dir string) error {
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return failure{exitUsage, fmt.Errorf("SOURCE_DATE_EPOCH has to be the commit's time in Unix seconds: %w", err)}
	}
	date := time.Unix(epoch, 0).UTC()
	root := newRoot()
	undated(root)

	man := filepath.Join(dir, "man1")
	bash, zsh, fish := filepath.Join(dir, "bash"), filepath.Join(dir, "zsh"), filepath.Join(dir, "fish")
	for _, d := range []string{man, bash, zsh, fish} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for _, err := range []error{
		doc.GenManTree(root, &doc.GenManHeader{Title: "SMOKEPOPD", Section: "1", Date: &date, Source: "smokepop " + version, Manual: "smokepop"}, man),
		root.GenBashCompletionFileV2(filepath.Join(bash, "smokepopd"), true),
		root.GenZshCompletionFile(filepath.Join(zsh, "_smokepopd")),
		root.GenFishCompletionFile(filepath.Join(fish, "smokepopd.fish"), true),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// undated leaves out of the manual when and by what it was made.
func undated(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	for _, c := range cmd.Commands() {
		undated(c)
	}
}
