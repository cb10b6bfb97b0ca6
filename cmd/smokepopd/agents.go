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

// agentRow is an agent as the admin API tells of one.
type agentRow struct {
	screenpop.Agent
	Pairing screenpop.Pairing `json:"pairing"`
	Screens int               `json:"screens"`
}

type agentList struct {
	Agents []agentRow `json:"agents"`
}

// invite is a fresh invite link.
type invite struct {
	URL       string              `json:"url"`
	Tenant    screenpop.Tenant    `json:"tenant"`
	Extension screenpop.Extension `json:"extension"`
	Expires   time.Time           `json:"expires"`
}

func newAgents() *cobra.Command {
	flags := &adminFlags{}
	agents := &cobra.Command{Use: "agents", Short: "List, invite, sign out and unpair agents of the running daemon", Args: cobra.NoArgs}
	flags.register(agents)
	agents.AddCommand(
		newAgentsList(flags), newAgentsInvite(flags), newAgentsSignOut(flags), newAgentsUnpair(flags),
	)
	return agents
}

// who are the flags that name an agent.
type who struct{ tenant, extension string }

func (w *who) register(cmd *cobra.Command, required bool) {
	cmd.Flags().StringVar(&w.tenant, "tenant", "", "the PBX domain")
	cmd.Flags().StringVar(&w.extension, "extension", "", "the agent's extension")
	if required {
		_ = cmd.MarkFlagRequired("tenant")
		_ = cmd.MarkFlagRequired("extension")
	}
}

func (w *who) id() screenpop.AgentID {
	return screenpop.AgentID{Tenant: screenpop.ParseTenant(w.tenant), Extension: screenpop.Extension(w.extension)}
}

func (w *who) query() url.Values {
	q := url.Values{}
	if w.tenant != "" {
		q.Set("tenant", string(screenpop.ParseTenant(w.tenant)))
	}
	if w.extension != "" {
		q.Set("extension", w.extension)
	}
	return q
}

func newAgentsList(flags *adminFlags) *cobra.Command {
	var w who
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List agents, how they are paired and how many screens they have open",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var list agentList
			if err := c.call(cmd.Context(), http.MethodGet, "/v1/agents", w.query(), nil, &list); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, list)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "TENANT\tEXTENSION\tNAME\tPAIRING\tUNTIL\tSCREENS\tPROBLEM")
			for _, a := range list.Agents {
				until := "-"
				if a.Pairing.Expires != nil {
					until = a.Pairing.Expires.Local().Format(time.DateOnly)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n",
					a.Tenant, a.Extension, a.Name, a.Pairing.State, until, a.Screens, a.Pairing.Problem)
			}
			return t.Flush()
		},
	}
	w.register(cmd, false)
	return cmd
}

func newAgentsInvite(flags *adminFlags) *cobra.Command {
	var w who
	cmd := &cobra.Command{
		Use:   "invite --tenant DOMAIN --extension N",
		Short: "Make a link that signs an agent's browser in: one use, 24 hours",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var made invite
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/invites", nil, w.id(), &made); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, made)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nGive this link to extension %s. It works once, until %s.\n",
				made.URL, made.Extension, made.Expires.Local().Format(time.DateTime))
			return err
		},
	}
	w.register(cmd, true)
	return cmd
}

func newAgentsSignOut(flags *adminFlags) *cobra.Command {
	var w who
	cmd := &cobra.Command{
		Use:   "sign-out --tenant DOMAIN --extension N",
		Short: "End all of an agent's browser sessions; the pairing stays",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var done struct {
				Sessions int `json:"sessions"`
			}
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/sign-out", nil, w.id(), &done); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, done)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "extension %s: %d sessions ended\n", w.extension, done.Sessions)
			return err
		},
	}
	w.register(cmd, true)
	return cmd
}

func newAgentsUnpair(flags *adminFlags) *cobra.Command {
	var w who
	cmd := &cobra.Command{
		Use:   "unpair --tenant DOMAIN --extension N",
		Short: "Delete an agent's tokens and revoke them at Smokeball",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var done struct {
				Revoked bool `json:"revoked"`
			}
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/unpair", nil, w.id(), &done); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, done)
			}
			said := "revoked at Smokeball"
			if !done.Revoked {
				said = "Smokeball did not confirm the revocation; the authorisation ends by itself, or revoke it in Smokeball"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "extension %s: tokens deleted here; %s\n", w.extension, said)
			return err
		},
	}
	w.register(cmd, true)
	return cmd
}
