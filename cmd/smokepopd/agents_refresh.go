package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

// newAgentsRefresh is the command that has the PBX's directory read now.
func newAgentsRefresh(flags *adminFlags) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   "refresh [--tenant DOMAIN]",
		Short: "Read the agents from the PBX now, not only on schedule",
		Long: `Read the agents of a tenant, or of every tenant with pbx.api, from the PBX now.
The daemon does so by itself when it starts and every pbx.api.refresh. Where the PBX
cannot be read, what it said last stays in use; the command then says why and ends
with 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var list directoryList
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/directory/refresh", (&who{tenant: tenant}).query(), nil, &list); err != nil {
				return err
			}
			var r doctorReport
			for _, d := range list.Directories {
				if d.PBX != nil {
					one := &chart{probe: "directory", tenant: d.Tenant}
					examineReading(one, d)
					r.add(one)
				}
			}
			switch {
			case flags.json:
				if err := printJSON(cmd, list); err != nil {
					return failure{exitFailed, err}
				}
			case list.UnderWay:
				fmt.Fprintln(cmd.OutOrStdout(), "The PBX is slow and is still being read; smokepopd doctor tells what came of it.")
			default:
				r.print(cmd.OutOrStdout())
			}
			if r.exitCode() != exitOK && !list.UnderWay {
				return failure{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "the PBX domain (default: every one that has pbx.api)")
	return cmd
}
