package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/trace"
)

func newTrace() *cobra.Command {
	flags := &adminFlags{}
	var w who
	var call string
	var follow bool
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Show what was decided about recent calls: why there was a pop, or none",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			q := w.query()
			if call != "" {
				q.Set("call", call)
			}
			if follow {
				q.Set("follow", "1")
				return followTrace(cmd, c, q, flags.json)
			}
			q.Set("by", "call")
			var doc struct {
				Entries []screenpop.TraceEntry `json:"entries"`
				Calls   []screenpop.Way        `json:"calls"`
			}
			if err := c.call(cmd.Context(), http.MethodGet, "/v1/trace", q, nil, &doc); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, doc)
			}
			if len(doc.Calls) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "Nothing on record: no event has come in that fits.")
				fmt.Fprintln(cmd.ErrOrStderr(), "If a call was just made, look at the PBX's webhook settings, and in smokepopd's log for webhooks it has refused.")
			}
			for i := range doc.Calls {
				trace.Print(cmd.OutOrStdout(), &doc.Calls[i], time.Local)
			}
			return nil
		},
	}
	flags.register(cmd)
	w.register(cmd, false)
	cmd.Flags().StringVar(&call, "call", "", "one call only, by its id or that of one of its legs")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on printing as calls come in")
	return cmd
}

// followTrace prints entries as they come, until the user or the daemon ends it.
func followTrace(cmd *cobra.Command, c *adminClient, query url.Values, asJSON bool) error {
	body, err := c.open(cmd.Context(), http.MethodGet, "/v1/trace", query, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	for {
		var e screenpop.TraceEntry
		err := dec.Decode(&e)
		switch {
		case err == nil && asJSON:
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(e); err != nil {
				return failure{exitFailed, err}
			}
		case err == nil:
			printEntry(cmd.OutOrStdout(), e)
		case errors.Is(err, io.EOF), errors.Is(err, context.Canceled):
			return nil
		default:
			return failure{exitFailed, fmt.Errorf("the trace ended: %w", err)}
		}
	}
}

func printEntry(w io.Writer, e screenpop.TraceEntry) {
	extension := string(e.Extension)
	if extension == "" {
		extension = "-"
	}
	fmt.Fprintf(w, "%s  %-6s %-6s %-18s %-13s call %s", e.Time.Local().Format(time.TimeOnly+".000"), extension, e.Step, e.Verdict, e.Number, e.Call)
	if e.Rule != "" {
		fmt.Fprintf(w, "  by %s", e.Rule)
	}
	if e.Detail != "" {
		fmt.Fprintf(w, "  (%s)", e.Detail)
	}
	fmt.Fprintln(w)
}
