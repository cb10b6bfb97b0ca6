package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const longestCapture = 15 * time.Minute

// captured is a webhook as the admin API tells of one: shapes, no values.
type captured struct {
	Time        time.Time      `json:"time"`
	Method      string         `json:"method"`
	ContentType string         `json:"content_type"`
	Fields      []webhookField `json:"fields"`
	More        int            `json:"more,omitempty"`
	Status      int            `json:"status"`
	Verdict     string         `json:"verdict"`
	Reason      string         `json:"reason"`
	Extensions  []string       `json:"extensions"`
	Hints       []string       `json:"hints"`
	Lost        int            `json:"lost,omitempty"`
}

// webhookField is a field of a webhook: what it is called and what its value looks
// like.
type webhookField struct {
	Source string `json:"source"`
	Name   string `json:"name"`
	Field  string `json:"field"`
	Shape  string `json:"shape"`
}

func printFields(w io.Writer, fields []webhookField) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		taken := f.Field
		if taken == "" {
			taken = "(not known)"
		}
		fmt.Fprintf(table, "    %s\t%s\t%s\t%s\n", printableText(f.Source), printableText(f.Name), printableText(taken), printableText(f.Shape))
	}
	_ = table.Flush()
}

// captureDocument is a whole capture.
type captureDocument struct {
	Tenant   screenpop.Tenant `json:"tenant"`
	Webhooks []captured       `json:"webhooks"`
}

func newVodiaCapture() *cobra.Command {
	flags := &adminFlags{}
	var tenant string
	var lasting time.Duration
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "Show what really arrives from the PBX: names, shapes and verdicts, no numbers; nothing is stored",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if lasting < time.Second || lasting > longestCapture {
				return failure{exitUsage, errors.New("--for: use a time from 1s to 15m")}
			}
			c, err := flags.client()
			if err != nil {
				return err
			}
			q := url.Values{"for": {lasting.String()}}
			if tenant != "" {
				q.Set("tenant", tenant)
			}
			body, err := c.open(cmd.Context(), http.MethodGet, "/v1/capture", q, nil)
			if err != nil {
				return err
			}
			defer body.Close()
			if !flags.json {
				return watchCapture(cmd.Context(), body, lasting, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			doc := captureDocument{Webhooks: []captured{}}
			if err := readCapture(cmd.Context(), body, func(t screenpop.Tenant) { doc.Tenant = t }, func(c captured) { doc.Webhooks = append(doc.Webhooks, c) }); err != nil {
				return err
			}
			return printJSON(cmd, doc)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the PBX domain; needed where several are configured")
	cmd.Flags().DurationVar(&lasting, "for", 2*time.Minute, "for how long, at most 15m")
	return cmd
}

// readCapture reads a capture until the daemon or the user ends it.
func readCapture(ctx context.Context, body io.Reader, began func(screenpop.Tenant), each func(captured)) error {
	dec := json.NewDecoder(body)
	for {
		var line struct {
			Tenant  screenpop.Tenant `json:"tenant"`
			Webhook *captured        `json:"webhook"`
		}
		err := dec.Decode(&line)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return failure{exitFailed, fmt.Errorf("the capture ended: %w", err)}
		case line.Webhook != nil:
			each(*line.Webhook)
		default:
			began(line.Tenant)
		}
	}
}

// watchCapture prints webhooks as they come, and at the end what to change.
func watchCapture(ctx context.Context, body io.Reader, lasting time.Duration, out, side io.Writer) error {
	count := 0
	var hints []string
	seen := map[string]bool{}
	err := readCapture(ctx, body, func(t screenpop.Tenant) {
		fmt.Fprintf(side, "Webhooks of %s for the next %s; Ctrl-C ends it. Make a call now.\n\n", t, lasting)
	}, func(c captured) {
		count++
		c.print(out)
		for _, h := range c.Hints {
			if !seen[h] {
				seen[h] = true
				hints = append(hints, h)
			}
		}
	})
	if err != nil {
		return err
	}
	if count == 0 {
		fmt.Fprintln(side, "Nothing arrived. Either no webhook is set for these calls, or the PBX does not reach smokepop: look at its address in the PBX's settings, the firewall, and whether the PBX trusts smokepop's certificate.")
		return nil
	}
	fmt.Fprintf(out, "%s arrived.\n", webhooks(count))
	for _, h := range hints {
		fmt.Fprintf(out, "  - %s\n", printableText(h))
	}
	return nil
}

// print prints a webhook as a table of its fields.
func (c captured) print(w io.Writer) {
	if c.Lost > 0 {
		fmt.Fprintf(w, "(%s more came faster than could be shown)\n", webhooks(c.Lost))
	}
	fmt.Fprintf(w, "%s  %s %s  %d %s", c.Time.Local().Format(time.TimeOnly), printableText(c.Method), printableText(c.ContentType), c.Status, printableText(c.Verdict))
	if len(c.Extensions) > 0 {
		fmt.Fprintf(w, "  for %s", printableText(strings.Join(c.Extensions, ", ")))
	}
	fmt.Fprintln(w)
	if c.Reason != "" {
		fmt.Fprintf(w, "    %s\n", printableText(c.Reason))
	}
	printFields(w, c.Fields)
	if c.More > 0 {
		fmt.Fprintf(w, "    and %d more fields\n", c.More)
	}
	fmt.Fprintln(w)
}
