package main

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// callList is the live calls as the admin API tells of them.
type callList struct {
	Calls []struct {
		Tenant    screenpop.Tenant    `json:"tenant"`
		Call      screenpop.CallID    `json:"call"`
		Direction screenpop.Direction `json:"direction"`
		Number    string              `json:"number"`
		Since     time.Time           `json:"since"`
		Agents    []struct {
			Extension screenpop.Extension `json:"extension"`
			State     screenpop.State     `json:"state"`
			Since     time.Time           `json:"since"`
			Pop       bool                `json:"pop"`
			Screens   int                 `json:"screens"`
		} `json:"agents"`
	} `json:"calls"`
}

func newCalls() *cobra.Command {
	flags := &adminFlags{}
	var tenant string
	cmd := &cobra.Command{
		Use:   "calls",
		Short: "List the calls that agents have now, and on how many screens each shows",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			q := url.Values{}
			if tenant != "" {
				q.Set("tenant", tenant)
			}
			var list callList
			if err := c.call(cmd.Context(), http.MethodGet, "/v1/calls", q, nil, &list); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, list)
			}
			if len(list.Calls) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no agent has a call")
				return nil
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "SINCE\tTENANT\tCALL\tDIRECTION\tNUMBER\tEXT\tSTATE\tPOP")
			for _, call := range list.Calls {
				for _, a := range call.Agents {
					pop := "none"
					if a.Pop {
						pop = screensWord(a.Screens)
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Since.Local().Format(time.TimeOnly), call.Tenant, printableText(string(call.Call)),
						call.Direction, call.Number, printableText(string(a.Extension)), a.State, pop)
				}
			}
			return t.Flush()
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the PBX domain")
	return cmd
}

// screensWord says on how many screens something is.
func screensWord(n int) string {
	switch n {
	case 0:
		return "no screen open"
	case 1:
		return "on 1 screen"
	}
	return fmt.Sprintf("on %d screens", n)
}
