package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/vault"
)

func newKeys() *cobra.Command {
	keys := newGroup("keys", "Make, list and rotate the keys that seal the store")
	keys.AddCommand(newKeysGenerate(), newKeysList(), newKeysRotate())
	return keys
}

func newKeysGenerate() *cobra.Command {
	var out, configFile string
	cmd := &cobra.Command{
		Use:   "generate --out FILE",
		Short: "Make a new key file, readable by its owner only; an existing file is never overwritten",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if configFile != "" {
				cfg, err := loadConfig(configFile)
				if err != nil {
					return err
				}
				if err := vault.CheckKeyPlace(cfg.StateDir, out); err != nil {
					return failure{exitUsage, err}
				}
			}
			if err := vault.GenerateKey(out); err != nil {
				return failure{exitFailed, err}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; keep a copy somewhere safe: without it every agent has to pair again\n", out)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the file to write")
	cmd.Flags().StringVar(&configFile, "config", "", "refuse a file in this configuration's state_dir")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}
