package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/simulator"
)

func newDemo() *cobra.Command {
	var listen string
	var perMinute float64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole system on this machine: simulated Smokeball and PBX, temporary state, an invited agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if perMinute <= 0 || perMinute > 600 {
				return failure{exitUsage, errors.New("--calls-per-minute: use a number above 0, at most 600")}
			}
			return runDemo(cmd.Context(), cmd.OutOrStdout(), listen, perMinute)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "where the agent's page and the webhooks are served; loopback only")
	cmd.Flags().Float64Var(&perMinute, "calls-per-minute", 12, "how many calls begin in a minute")
	return cmd
}

// runDemo runs a daemon, made from a configuration file like any other, beside
// the simulated world until ctx ends.
func runDemo(ctx context.Context, out io.Writer, listen string, perMinute float64) (err error) {
	dir, err := os.MkdirTemp("", "smokepop-demo-")
	if err != nil {
		return failure{exitFailed, err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	agents, err := demoListen(ctx, listen)
	if err != nil {
		return failure{exitUsage, err}
	}
	ops, err := demoListen(ctx, "127.0.0.1:0")
	if err != nil {
		return failure{exitFailed, errors.Join(err, agents.Close())}
	}
	world, err := newDemoWorld(ctx, agents.Addr().String(), demoFirms(), nil)
	if err != nil {
		return failure{exitFailed, errors.Join(err, agents.Close(), ops.Close())}
	}
	defer world.close()
	file, err := world.writeConfig(dir, world.withPBX)
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
		if err := world.welcome(ctx, out, file, cfg.AdminSocket, ops.Addr().String(), perMinute); err != nil {
			return err
		}
		return world.play(ctx, out, perMinute)
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return failure{exitFailed, err}
	}
	return nil
}

// welcome invites the agents and prints where to look.
func (w *demoWorld) welcome(ctx context.Context, out io.Writer, file, socket, ops string, perMinute float64) error {
	admin := newAdminClient(socket)
	first := w.firms[0]
	url, err := w.invite(ctx, admin, first.Domain, first.Agents[0].Extension)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `
smokepop demo: %s, a law firm that does not exist, with %d phones.

  1. Open     %s
  2. Press "Pair with Smokeball" and sign in at the simulated Smokeball as %s.
  3. Watch    about %g calls a minute come in for extension %s.

`, first.Name, len(first.Agents), url, first.Agents[0].Name, perMinute, first.Agents[0].Extension)
	for _, f := range w.firms[1:] {
		url, err := w.invite(ctx, admin, f.Domain, f.Agents[0].Extension)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  Also there: %s, for %s (extension %s):\n              %s\n", f.Name, f.Agents[0].Name, f.Agents[0].Extension, url)
	}
	fmt.Fprintf(out, `  The PBXs:   the webhooks were installed on every phone through the PBXs' REST API, as "vodia subscribe" does it.
              %[5]s's PBX tells of its calls by websocket as well, and each makes one pop.
  Arriving:   %[1]s vodia capture --tenant %[4]s --socket %[3]s
  Settings:   %[1]s vodia template --tenant %[4]s --config %[6]s (and vodia subscribe, doctor)
  Metrics:    http://%[2]s/metrics
  Why a pop:  %[1]s trace --socket %[3]s
  Stop with Ctrl-C.

`, os.Args[0], ops, socket, first.Domain, first.Name, file)
	return nil
}

// play lets every firm's telephones ring, and tells of each call of the first
// firm's agent what to expect on the screen.
func (w *demoWorld) play(ctx context.Context, out io.Writer, perMinute float64) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, f := range w.firms {
		traffic := simulator.Traffic{PBX: w.pbx[i], Firm: f, PerMinute: perMinute, Seed: uint64(i) + 1}
		if i == 0 {
			traffic.Announce = func(a simulator.Announcement) { fmt.Fprintln(out, a) }
		}
		group.Go(func() error { return traffic.Run(ctx) })
	}
	return group.Wait()
}
