package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/smokepop/smokepop/internal/vault"
)

// watchdog tells systemd that the daemon works (WatchdogSec= of the unit), as
// long as it does: as soon as a worker of the flow is stuck or the store does not
// answer, systemd hears nothing more and starts the daemon anew.
type watchdog struct {
	every time.Duration // it is fed; a third of what systemd waits
	flow  interface{ Alive(context.Context) error }
	store interface{ Answers(context.Context) error }
	log   *slog.Logger
}

// newWatchdog returns nil where nobody watches.
func newWatchdog(p *parts, log *slog.Logger) *watchdog {
	within, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not fed: it asks for what cannot be read", "error", err)
	}
	if within <= 0 {
		return nil
	}
	return &watchdog{every: within / 3, flow: p.flow, store: p.store, log: log}
}

// Run feeds the watchdog until ctx ends.
func (w *watchdog) Run(ctx context.Context) error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for hungry := false; ; {
		switch err := w.examine(ctx); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if hungry {
				w.log.Info("the watchdog is fed again")
			}
			hungry = false
			notify(w.log, sd.SdNotifyWatchdog)
		case !hungry:
			hungry = true
			w.log.Error("the watchdog is not fed, and systemd will start smokepop anew if this lasts", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// examine passes through every worker of the flow and reads from the store. A
// read that hangs keeps the watchdog as hungry as an error does.
func (w *watchdog) examine(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, w.every)
	defer cancel()
	if err := w.flow.Alive(limited); err != nil {
		return fmt.Errorf("flow: %w", err)
	}
	// NATS that is away is not mended by starting anew, and calls go on.
	if err := w.store.Answers(ctx); err != nil && !errors.Is(err, vault.ErrAway) {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
