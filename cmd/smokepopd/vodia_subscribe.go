package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

// subscribeFlags say what to do with the webhooks.
type subscribeFlags struct {
	hookFlags
	remove, dryRun, yes, replaceForeign, rewrite bool
	timeout                                      time.Duration
	rate                                         float64
}

func newVodiaSubscribe() *cobra.Command {
	f := &subscribeFlags{}
	cmd := &cobra.Command{
		Use:   "subscribe --config FILE",
		Short: "Install the webhooks on the tenant and on every account in scope, through the PBX's REST API",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.remove, "remove", false, "take off what this command has installed, everywhere on the tenant")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show the difference and write nothing")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&f.replaceForeign, "replace-foreign", false, "also take the place of webhooks that lead elsewhere; their passwords cannot be brought back")
	cmd.Flags().BoolVar(&f.rewrite, "rewrite", false, "write again what looks the same: after the webhooks' password has changed, which the PBX does not show")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for each answer of the PBX")
	cmd.Flags().Float64Var(&f.rate, "rate", 10, "requests a second, at most, about single accounts")
	return cmd
}

func (f *subscribeFlags) run(cmd *cobra.Command) error {
	t, template, err := f.firm()
	if err != nil {
		return err
	}
	terminal := isTerminal(cmd.InOrStdin())
	switch {
	case f.timeout <= 0:
		return failure{exitUsage, errors.New("--timeout: use a time above 0, such as 10s")}
	case f.rate <= 0:
		return failure{exitUsage, errors.New("--rate: use a number above 0")}
	case f.remove && (f.replaceForeign || f.rewrite):
		return failure{exitUsage, errors.New("--remove takes off what is smokepop's and nothing else: leave out --replace-foreign and --rewrite")}
	case !f.yes && !f.dryRun && (f.json || !terminal):
		return failure{exitUsage, errors.New("there is nobody to ask here: give --yes to write, or --dry-run to see what would be written")}
	case t.PBX.API.URL == "":
		return failure{exitUsage, fmt.Errorf("tenant %s has no pbx.api.url: set it with username and password_file, or set the webhooks by hand: smokepopd vodia template", t.Domain)}
	}
	client, err := daemon.NewPBXClient(t, slog.New(slog.DiscardHandler), func(c *vodia.Config) { c.CallTimeout, c.Rate = f.timeout, f.rate })
	if err != nil {
		return failure{exitFailed, err}
	}
	defer client.Close()
	if !f.json {
		fmt.Fprintf(cmd.ErrOrStderr(), "Reading the accounts and webhooks of %s ...\n", t.Domain)
	}
	plan, err := subscription(cmd.Context(), client, t, template, f)
	if err != nil {
		return failure{exitFailed, fmt.Errorf("%w; nothing was written", err)}
	}
	return f.carryOut(cmd, client, t, template, plan)
}

// subscription plans a tenant's webhooks.
func subscription(ctx context.Context, c *vodia.Client, t config.Tenant, template vodia.Template, f *subscribeFlags) (vodia.Plan, error) {
	d, err := c.Directory(ctx)
	if err != nil {
		return vodia.Plan{}, err
	}
	w := vodia.Wanted{Template: template, ReplaceForeign: f.replaceForeign, Rewrite: f.rewrite}
	if f.remove {
		w.Without = []vodia.Level{vodia.Tenant}
		for _, a := range d.Accounts {
			if a.Kind == vodia.Extension {
				w.Without = append(w.Without, vodia.Level(a.Extension))
			}
		}
	} else if w.Levels, w.Without, err = hookLevels(t, d); err != nil {
		return vodia.Plan{}, err
	}
	return c.Plan(ctx, w)
}

func (f *subscribeFlags) carryOut(cmd *cobra.Command, client *vodia.Client, t config.Tenant, template vodia.Template, plan vodia.Plan) error {
	out := cmd.OutOrStdout()
	if !f.json {
		printChanges(out, template, plan.Changes)
		for _, ch := range plan.Kept {
			fmt.Fprintf(out, "%s %s leads to %s: kept, and nothing is installed at %s\n", ch.Level, ch.Setting, placeOf(ch.Before.URL), ch.Level)
		}
	}
	write := len(plan.Changes) > 0 && !f.dryRun
	if write && !f.yes {
		write = confirm(cmd.InOrStdin(), out, fmt.Sprintf("Write %s to %s?", webhooks(len(plan.Changes)), t.PBX.API.URL))
		if !write {
			return failure{exitFailed, errors.New("nothing was written")}
		}
	}
	if write {
		if err := client.Apply(cmd.Context(), plan, nil); err != nil {
			return failure{exitFailed, err}
		}
	}
	if err := f.report(cmd, t, plan, write); err != nil {
		return err
	}
	if len(plan.Kept) > 0 && !f.dryRun {
		return failure{exitFailed, errors.New("not everything is installed: webhooks that lead elsewhere were kept (--replace-foreign puts smokepop's in their place)")}
	}
	return nil
}

func (f *subscribeFlags) report(cmd *cobra.Command, t config.Tenant, plan vodia.Plan, written bool) error {
	if f.json {
		return printJSON(cmd, planDocument(t.Domain, plan, written))
	}
	out := cmd.OutOrStdout()
	switch {
	case written:
		fmt.Fprintf(out, "%s written; %d were as they should be.\n", webhooks(len(plan.Changes)), plan.Same)
	case len(plan.Changes) > 0:
		fmt.Fprintf(out, "%s would be written; %d are as they should be.\n", webhooks(len(plan.Changes)), plan.Same)
	case f.remove:
		fmt.Fprintln(out, "Nothing to do: no webhook leads to smokepop at this address.")
	default:
		fmt.Fprintf(out, "Nothing to do: %s as they should be.\n", webhooks(plan.Same))
	}
	return nil
}

func webhooks(n int) string {
	if n == 1 {
		return "1 webhook"
	}
	return fmt.Sprintf("%d webhooks", n)
}

// plannedChange is a change as scripts read it.
type plannedChange struct {
	Level     string `json:"level"`
	Extension string `json:"extension,omitempty"`
	Setting   string `json:"setting"`
	Action    string `json:"action"` // set, change, replace, remove or keep
	LeadsTo   string `json:"leads_to,omitempty"`
}

type planned struct {
	Tenant  screenpop.Tenant `json:"tenant"`
	Written bool             `json:"written"`
	Changes []plannedChange  `json:"changes"`
	Kept    []plannedChange  `json:"kept"`
	Same    int              `json:"same"`
}

func planDocument(tenant screenpop.Tenant, plan vodia.Plan, written bool) planned {
	doc := planned{Tenant: tenant, Written: written, Changes: []plannedChange{}, Kept: []plannedChange{}, Same: plan.Same}
	row := func(ch vodia.Change, action string) plannedChange {
		c := plannedChange{Level: levelTenant, Setting: ch.Setting, Action: action}
		if ch.Level != vodia.Tenant {
			c.Level, c.Extension = levelAccount, string(ch.Level)
		}
		if ch.Foreign {
			c.LeadsTo = placeOf(ch.Before.URL)
		}
		return c
	}
	for _, ch := range plan.Changes {
		action := "change"
		switch {
		case ch.Foreign:
			action = "replace"
		case !ch.Before.Set():
			action = "set"
		case !ch.After.Set():
			action = "remove"
		}
		doc.Changes = append(doc.Changes, row(ch, action))
	}
	for _, ch := range plan.Kept {
		doc.Kept = append(doc.Kept, row(ch, "keep"))
	}
	return doc
}

// confirm asks a question; only a plain yes counts as one.
func confirm(in io.Reader, out io.Writer, question string) bool {
	fmt.Fprintf(out, "%s [y/N] ", question)
	line, _ := bufio.NewReader(in).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// isTerminal tells whether somebody may be asked.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
