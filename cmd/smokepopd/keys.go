package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/vault"
)

func newKeys() *cobra.Command {
	keys := newGroup("keys", "Make and list the keys that seal the store")
	keys.AddCommand(newKeysGenerate(), newKeysList())
	return keys
}

func newKeysGenerate() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "generate --out FILE",
		Short: "Make a new key file, readable by its owner only; an existing file is never overwritten",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := vault.GenerateKey(out); err != nil {
				return failure{exitFailed, err}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; keep a copy somewhere safe: without it every agent has to pair again\n", out)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the file to write")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func newKeysList() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "list --key-file FILE",
		Short: "Print the ids of the keys in a key file, the sealing one first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ring, err := vault.LoadKeys(file)
			if err != nil {
				return failure{exitFailed, err}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(ring.IDs(), "\n"))
			return err
		},
	}
	cmd.Flags().StringVar(&file, "key-file", "", "the key file")
	_ = cmd.MarkFlagRequired("key-file")
	return cmd
}
