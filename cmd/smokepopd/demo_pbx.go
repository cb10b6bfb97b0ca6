package main

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/vodia"
)

// withPBX lets smokepop ask the firms' PBXs. The first firm's tells of its calls
// by websocket as well.
func (w *demoWorld) withPBX(settings map[string]any) {
	for i, t := range settings["tenants"].([]map[string]any) {
		pbx := t["pbx"].(map[string]any)
		pbx["api"] = map[string]any{
			"url": w.pbxURL(i), "username": simulator.DefaultAdmin().User, "password_file": "pbx-password",
		}
		if i == 0 {
			pbx["events"] = "both"
		}
	}
}

// subscribe installs the webhooks on every firm's PBX, as the command does.
func (w *demoWorld) subscribe(ctx context.Context, cfg *config.Config) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range cfg.Tenants {
		group.Go(func() error {
			// The PBX is on this machine and has nobody else to answer.
			client, err := daemon.NewPBXClient(t, slog.New(slog.DiscardHandler), func(c *vodia.Config) { c.Rate = 1000 })
			if err != nil {
				return err
			}
			defer client.Close()
			plan, err := subscription(ctx, client, t, templateOf(t, w.public, vodia.JSON), &subscribeFlags{})
			if err == nil {
				err = client.Apply(ctx, plan, nil)
			}
			if err != nil {
				return fmt.Errorf("install the webhooks of %s: %w", t.Domain, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// runDials makes the calls that agents click, until ctx ends.
func (w *demoWorld) runDials(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range w.pbx {
		group.Go(func() error { return p.RunDials(ctx) })
	}
	return group.Wait()
}
