package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
)

func newCheckConfig() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check-config --config FILE",
		Short: "Check a configuration: every problem at once, or the effective configuration with secrets redacted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings() {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			if err := config.Print(cmd.OutOrStdout(), cfg); err != nil {
				return failure{exitFailed, err}
			}
			return nil
		},
	}
	configFlag(cmd, &file)
	return cmd
}
