package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// agentRow is an agent as the admin API tells of one.
type agentRow struct {
	screenpop.Agent
	Pairing screenpop.Pairing `json:"pairing"`
	Screens int               `json:"screens"`
	// Since the start of the daemon; nil: not since then.
	LastUse     *time.Time `json:"last_use,omitempty"`
	LastFailure *struct {
		At      time.Time `json:"at"`
		Problem string    `json:"problem"`
	} `json:"last_failure,omitempty"`
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
	agents := newGroup("agents", "List, refresh, invite, sign out and unpair agents of the running daemon")
	flags.register(agents)
	agents.AddCommand(
		newAgentsList(flags), newAgentsRefresh(flags), newAgentsInvite(flags), newAgentsSessions(flags), newAgentsSignOut(flags), newAgentsUnpair(flags),
	)
	return agents
}

// who are the flags that name an agent.
type who struct{ tenant, extension string }

func (w *who) register(cmd *cobra.Command, required bool) {
	tenant := "the PBX domain"
	if required {
		tenant += "; needed where several tenants have the extension"
	}
	cmd.Flags().StringVar(&w.tenant, "tenant", "", tenant)
	cmd.Flags().StringVar(&w.extension, "extension", "", "the agent's extension")
	if required {
		_ = cmd.MarkFlagRequired("extension")
	}
}

// complete finds the tenant where none was named.
func (w *who) complete(ctx context.Context, c *adminClient) error {
	if w.tenant != "" {
		return nil
	}
	var list agentList
	if err := c.call(ctx, http.MethodGet, "/v1/agents", w.query(), nil, &list); err != nil {
		return err
	}
	var tenants []string
	for _, a := range list.Agents {
		tenants = append(tenants, string(a.Tenant))
	}
	if len(tenants) != 1 {
		return failure{exitUsage, fmt.Errorf("several tenants have extension %s: name one with --tenant: %s", w.extension, strings.Join(tenants, ", "))}
	}
	w.tenant = tenants[0]
	return nil
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
	var expiring bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List agents, how they are paired and until when, and how many screens they have open",
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
			now := time.Now()
			if expiring {
				list.Agents = slices.DeleteFunc(list.Agents, func(a agentRow) bool { return !a.ending(now) })
			}
			if flags.json {
				return printJSON(cmd, list)
			}
			return printAgents(cmd.OutOrStdout(), list.Agents, now)
		},
	}
	w.register(cmd, false)
	cmd.Flags().BoolVar(&expiring, "expiring", false, "only agents whose pairing ends within 5 days or has ended")
	return cmd
}

// newAgentAction is a command about one agent: it posts the agent to path of
// the admin API, or what of makes of the agent, and prints what comes back, or
// what say makes of it.
func newAgentAction[Done any](flags *adminFlags, name, short, path string, say func(w io.Writer, extension string, done Done), of ...func(screenpop.AgentID) any) *cobra.Command {
	var w who
	cmd := &cobra.Command{
		Use:   name + " --extension N [--tenant DOMAIN]",
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			if err := w.complete(cmd.Context(), c); err != nil {
				return err
			}
			var done Done
			var body any = w.id()
			for _, f := range of {
				body = f(w.id())
			}
			if err := c.call(cmd.Context(), http.MethodPost, path, nil, body, &done); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, done)
			}
			say(cmd.OutOrStdout(), w.extension, done)
			return nil
		},
	}
	w.register(cmd, true)
	return cmd
}

func newAgentsInvite(flags *adminFlags) *cobra.Command {
	return newAgentAction(flags, "invite", "Make a link that signs an agent's browser in: one use, 24 hours", "/v1/invites",
		func(w io.Writer, _ string, made invite) {
			fmt.Fprintf(w, "%s\n\nGive this link to extension %s. It works once, until %s.\n",
				made.URL, made.Extension, made.Expires.Local().Format(time.DateTime))
		})
}

// signedOut is what became of an agent's sessions.
type signedOut struct {
	Sessions int `json:"sessions"`
}

func newAgentsSignOut(flags *adminFlags) *cobra.Command {
	var session, reason string
	cmd := newAgentAction(flags, "sign-out", "End all of an agent's browser sessions, or one of them; the pairing stays", "/v1/sign-out",
		func(w io.Writer, extension string, done signedOut) {
			fmt.Fprintf(w, "extension %s: sessions ended: %d\n", extension, done.Sessions)
		}, func(who screenpop.AgentID) any {
			return struct {
				screenpop.AgentID
				Session string `json:"session,omitempty"`
				Reason  string `json:"reason,omitempty"`
			}{who, session, reason}
		})
	cmd.Flags().StringVar(&session, "session", "", "the one session to end, by its id in agents sessions")
	reasonFlag(cmd, &reason)
	return cmd
}

// unpaired is what became of an agent's tokens.
type unpaired struct {
	Revoked   bool `json:"revoked"`
	WasPaired bool `json:"was_paired"`
}

func newAgentsUnpair(flags *adminFlags) *cobra.Command {
	var reason string
	cmd := newAgentAction(flags, "unpair", "Delete an agent's tokens and revoke them at Smokeball", "/v1/unpair",
		func(w io.Writer, extension string, done unpaired) {
			switch {
			case !done.WasPaired:
				fmt.Fprintf(w, "extension %s: was not paired\n", extension)
			case done.Revoked:
				fmt.Fprintf(w, "extension %s: tokens deleted here and revoked at Smokeball\n", extension)
			default:
				fmt.Fprintf(w, "extension %s: tokens deleted here; Smokeball did not confirm the revocation: the authorisation ends by itself, or revoke it in Smokeball\n", extension)
			}
		}, func(who screenpop.AgentID) any {
			return struct {
				screenpop.AgentID
				Reason string `json:"reason,omitempty"`
			}{who, reason}
		})
	reasonFlag(cmd, &reason)
	return cmd
}

// reasonFlag is the flag of a command that forces something on an agent.
func reasonFlag(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "why: it goes into the audit log, and the agent's pages show it")
}
