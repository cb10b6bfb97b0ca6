package main

import (
	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/vault"
)

// vaultInspect is the command that the daemon runs itself with, to look through
// its database in a process that may die of it.
const vaultInspect = "vault-inspect"

func newVaultInspect() *cobra.Command {
	return &cobra.Command{
		Use:    vaultInspect + " FILE",
		Short:  "Look through a database and say what was found (the daemon runs this at its start)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := vault.InspectMain(args[0], cmd.OutOrStdout()); code != exitOK {
				return failure{code: code}
			}
			return nil
		},
	}
}
