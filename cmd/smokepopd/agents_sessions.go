package main

import (
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// sessionRow is a signed-in browser as the admin API tells of one.
type sessionRow struct {
	screenpop.AgentID
	ID       string    `json:"id"`
	Device   string    `json:"device"`
	Method   string    `json:"method"`
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	Address  string    `json:"address"`
	Screens  int       `json:"screens"`
	Nodes    []string  `json:"nodes,omitempty"` // of a cluster, where each screen is connected
}

type sessionList struct {
	Sessions []sessionRow `json:"sessions"`
}

func newAgentsSessions(flags *adminFlags) *cobra.Command {
	var w who
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List the browsers that are signed in, and when each was last seen",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var list sessionList
			if err := c.call(cmd.Context(), http.MethodGet, "/v1/sessions", w.query(), nil, &list); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, list)
			}
			if len(list.Sessions) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nobody is signed in")
				return nil
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "SESSION\tTENANT\tEXT\tDEVICE\tBY\tSINCE\tLAST SEEN\tFROM\tSCREENS"+column(&list, "\tNODES"))
			for _, s := range list.Sessions {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d%s\n", s.ID, s.Tenant, s.Extension, s.Device, s.Method,
					s.Created.Local().Format(time.DateOnly), s.LastSeen.Local().Format("2006-01-02 15:04"), s.Address, s.Screens, column(&list, "\t"+strings.Join(s.Nodes, " ")))
			}
			return t.Flush()
		},
	}
	w.register(cmd, false)
	return cmd
}

// column is what a table has of nodes, where there are some.
func column(list *sessionList, words string) string {
	for _, s := range list.Sessions {
		if len(s.Nodes) > 0 {
			return words
		}
	}
	return ""
}
