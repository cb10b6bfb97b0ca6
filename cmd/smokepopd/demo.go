package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/simulator"
)

func newDemo() *cobra.Command {
	var o demoOptions
	var scenario string
	var disorder float64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole system on this machine: simulated Smokeball and PBX, temporary state, an invited agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.perMinute <= 0 || o.perMinute > 600:
				return failure{exitUsage, errors.New("--calls-per-minute: use a number above 0, at most 600")}
			case disorder < 0 || disorder > 1:
				return failure{exitUsage, errors.New("--disorder: use a chance from 0 to 1, such as 0.1")}
			case o.nodes < 1 || o.nodes > 5:
				return failure{exitUsage, errors.New("--nodes: use a number from 1 to 5")}
			}
			o.disorder = simulator.Disorder{Drop: disorder, Repeat: disorder, Swap: disorder, Delay: disorder}
			if scenario != "" {
				r, err := scenarioNamed(scenario)
				if err != nil {
					return failure{exitUsage, err}
				}
				o.scenario = &r
			}
			if o.nodes > 1 {
				return runDemoCluster(cmd.Context(), cmd.OutOrStdout(), o)
			}
			return runDemo(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8080", "where the agent's page and the webhooks are served; loopback only")
	cmd.Flags().Float64Var(&o.perMinute, "calls-per-minute", 12, "how many calls begin in a minute")
	cmd.Flags().StringVar(&scenario, "scenario", "", "play this recorded scenario over and over instead: a name such as warm-transfer, or a file")
	cmd.Flags().Float64Var(&disorder, "disorder", 0, "the chance of each webhook to be lost, sent twice, swapped and delayed")
	cmd.Flags().IntVar(&o.nodes, "nodes", 1, "how many smokepopd work as one, over three NATS servers if more than one; needs nats-server")
	return cmd
}

// demoOptions are what the demo shows.
type demoOptions struct {
	listen    string
	perMinute float64
	scenario  *simulator.Recording // nil: ordinary traffic
	disorder  simulator.Disorder
	nodes     int // more than one: a cluster
}

// firms are the firms of a demo, and who is invited.
func (o demoOptions) firms() (firms []*simulator.Firm, invited []invitee) {
	if o.scenario != nil {
		f := o.scenario.NewFirm()
		for _, a := range watchers(*o.scenario) {
			invited = append(invited, invitee{f, a})
		}
		return []*simulator.Firm{f}, invited
	}
	for _, f := range demoFirms() {
		firms, invited = append(firms, f), append(invited, invitee{f, f.Agents[0]})
	}
	return firms, invited
}

// invitee is an agent for whom somebody watches the page.
type invitee struct {
	firm  *simulator.Firm
	agent simulator.Agent
}

// runDemo runs a daemon, made from a configuration file like any other, beside
// the simulated world until ctx ends.
func runDemo(ctx context.Context, out io.Writer, o demoOptions) (err error) {
	dir, err := os.MkdirTemp("", "smokepop-demo-")
	if err != nil {
		return failure{exitFailed, err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	agents, err := demoListen(ctx, o.listen)
	if err != nil {
		return failure{exitUsage, err}
	}
	ops, err := demoListen(ctx, "127.0.0.1:0")
	if err != nil {
		return failure{exitFailed, errors.Join(err, agents.Close())}
	}
	firms, invited := o.firms()
	world, err := newDemoWorld(ctx, agents.Addr().String(), firms, nil)
	if err != nil {
		return failure{exitFailed, errors.Join(err, agents.Close(), ops.Close())}
	}
	defer world.close()
	file, err := world.writeConfig(dir, func(settings map[string]any) { world.settle(settings, dir, o) })
	if err != nil {
		return failure{exitFailed, errors.Join(err, agents.Close(), ops.Close())}
	}
	cfg, err := config.Load(file, nil)
	if err != nil {
		return failure{exitUsage, errors.Join(err, agents.Close(), ops.Close())}
	}
	d, err := daemon.New(ctx, cfg, daemon.Options{
		Log: daemon.NewLogger(os.Stderr, cfg.Log.Level, "text"), Version: version,
		Listeners: daemon.Listeners{"agents": agents, "ops": ops},
	})
	if err != nil {
		return failure{exitFailed, err}
	}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.Run(ctx) })
	group.Go(func() error { return world.serve(ctx) })
	group.Go(func() error { return world.runDials(ctx) })
	group.Go(func() error {
		if err := world.subscribe(ctx, cfg); err != nil {
			return err
		}
		if err := world.welcome(ctx, out, file, cfg.AdminSocket, cfg.Audit.File, ops.Addr().String(), o, invited); err != nil {
			return err
		}
		return world.show(ctx, out, o)
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return failure{exitFailed, err}
	}
	return nil
}

// settle completes the settings of a smokepopd that has a folder for itself.
func (w *demoWorld) settle(settings map[string]any, dir string, o demoOptions) {
	w.withPBX(settings)
	settings["audit"] = map[string]any{"file": filepath.Join(dir, "audit.log")}
	settings["admins"] = []map[string]any{{"email": demoAdmin}}
	if o.scenario != nil && o.scenario.Only == "webhook" { // what it shows, the other source would mend
		settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)["events"] = "webhook"
	}
}

// show lets the telephones ring until ctx ends.
func (w *demoWorld) show(ctx context.Context, out io.Writer, o demoOptions) error {
	if o.scenario != nil {
		return w.replay(ctx, out, *o.scenario, o.disorder)
	}
	return w.play(ctx, out, o)
}

// demoAdmin may open the admin page.
const demoAdmin = "it@provider.example"

// welcome invites the agents and prints where to look.
func (w *demoWorld) welcome(ctx context.Context, out io.Writer, file, socket, audit, ops string, o demoOptions, invited []invitee) error {
	admin := newAdminClient(socket)
	first := w.firms[0]
	calls := fmt.Sprintf("about %g calls a minute come in for extension %s", o.perMinute, invited[0].agent.Extension)
	if o.scenario != nil {
		calls = fmt.Sprintf("the scenario %s, over and over: %s", o.scenario.Name, o.scenario.Title)
	}
	for i, who := range invited {
		url, err := w.invite(ctx, admin, who.firm.Domain, who.agent.Extension)
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintf(out, "  Also there: %s, for %s (extension %s):\n              %s\n", who.firm.Name, who.agent.Name, who.agent.Extension, url)
			continue
		}
		fmt.Fprintf(out, `
smokepop demo: %s, a law firm that does not exist, with %d phones.

  1. Open     %s
  2. Press "Pair with Smokeball" and sign in at the simulated Smokeball as %s.
  3. Watch    %s.

`, first.Name, len(first.Agents), url, who.agent.Name, calls)
	}
	both := first.Name + "'s PBX tells of its calls by websocket as well, and each makes one pop."
	if o.scenario != nil && o.scenario.Only == "webhook" {
		both = "They alone tell of the calls."
	}
	var page adminLink
	if err := admin.call(ctx, http.MethodPost, "/v1/admin/links", nil, adminName{demoAdmin}, &page); err != nil {
		return err
	}
	fmt.Fprintf(out, "  For admins: %s\n", page.URL)
	fmt.Fprintf(out, `  The PBXs:   the webhooks were installed on every phone through the PBXs' REST API, as "vodia subscribe" does it.
              %[5]s
  Arriving:   %[1]s vodia capture --tenant %[4]s --socket %[3]s
  Settings:   %[1]s vodia template --tenant %[4]s --config %[6]s (and vodia subscribe, doctor)
  Metrics:    http://%[2]s/metrics
  Why a pop:  %[1]s trace --socket %[3]s
  Who did it: %[7]s
  Stop with Ctrl-C.

`, os.Args[0], ops, socket, first.Domain, both, file, audit)
	return nil
}

// play lets every firm's telephones ring, and tells of each call of the first
// firm's agent what to expect on the screen.
func (w *demoWorld) play(ctx context.Context, out io.Writer, o demoOptions) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, f := range w.firms {
		traffic := simulator.Traffic{PBX: w.pbx[i], Firm: f, PerMinute: o.perMinute, Disorder: o.disorder, Seed: uint64(i) + 1}
		if i == 0 {
			traffic.Announce = func(a simulator.Announcement) { fmt.Fprintln(out, a) }
		}
		group.Go(func() error { return traffic.Run(ctx) })
	}
	return group.Wait()
}
