package main

import (
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// adminLink is a fresh link for the admin page.
type adminLink struct {
	URL     string    `json:"url"`
	Email   string    `json:"email"`
	Expires time.Time `json:"expires"`
}

// adminName names an admin of the configuration.
type adminName struct {
	Email string `json:"email"`
}

func newAdmin() *cobra.Command {
	flags := &adminFlags{}
	admin := newGroup("admin", "Let admins into the admin page of the running daemon, and sign them out")
	flags.register(admin)
	admin.AddCommand(newAdminLink(flags), newAdminSessions(flags), newAdminSignOut(flags))
	return admin
}

func newAdminLink(flags *adminFlags) *cobra.Command {
	var who adminName
	cmd := &cobra.Command{
		Use:   "link [--email ADDRESS]",
		Short: "Make a link that signs an admin's browser in: one use, 15 minutes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var made adminLink
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/admin/links", nil, who, &made); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, made)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nThis link is for %s. It works once, until %s.\n", made.URL, made.Email, made.Expires.Local().Format(time.DateTime))
			return nil
		},
	}
	cmd.Flags().StringVar(&who.Email, "email", "", "the admin, as admins of the configuration has the address; where there is one only, that one")
	return cmd
}

func newAdminSignOut(flags *adminFlags) *cobra.Command {
	var who adminName
	cmd := &cobra.Command{
		Use:   "sign-out [--email ADDRESS]",
		Short: "End an admin's sessions and links, or those of all admins",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var done signedOut
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/admin/sign-out", nil, who, &done); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, done)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "admins' sessions ended: %d\n", done.Sessions)
			return nil
		},
	}
	cmd.Flags().StringVar(&who.Email, "email", "", "the one admin to sign out")
	return cmd
}

// adminSessionRow is a browser in which an admin is signed in.
type adminSessionRow struct {
	Email    string    `json:"email"`
	ID       string    `json:"id"`
	Device   string    `json:"device"`
	Method   string    `json:"method"`
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	Address  string    `json:"address"`
}

func newAdminSessions(flags *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "sessions",
		Short: "List the browsers in which admins are signed in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			var list struct {
				Sessions []adminSessionRow `json:"sessions"`
			}
			if err := c.call(cmd.Context(), http.MethodGet, "/v1/admin/sessions", nil, nil, &list); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, list)
			}
			if len(list.Sessions) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no admin is signed in")
				return nil
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "SESSION\tADMIN\tDEVICE\tBY\tSINCE\tLAST SEEN\tFROM")
			for _, s := range list.Sessions {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Email, s.Device, s.Method,
					s.Created.Local().Format("2006-01-02 15:04"), s.LastSeen.Local().Format("2006-01-02 15:04"), s.Address)
			}
			return t.Flush()
		},
	}
}
