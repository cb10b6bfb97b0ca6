package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/config"
)

// Reloads is how a running daemon gets another configuration.
type Reloads struct {
	Asked <-chan os.Signal // one for each time somebody wants it; nil: never
	// Load reads the configuration as at the start.
	Load func() (*config.Config, error)
	// Level is the level of the daemon's log; nil: it stays what it is.
	Level *slog.LevelVar
}

// The outcomes of a reload.
const (
	reloadOK      = "ok"
	reloadRefused = "refused"
)

func countReloads(reg prometheus.Registerer) *prometheus.CounterVec {
	reloads := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_config_reload_total", Help: "Reloads of the configuration, by outcome. One that is refused changes nothing.",
	}, []string{"outcome"})
	for _, o := range []string{reloadOK, reloadRefused} {
		reloads.WithLabelValues(o)
	}
	return reloads
}

// runReloads reloads whenever it is asked for, until ctx ends.
func (d *Daemon) runReloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.reloads.Asked:
		}
		notify(d.log, notifyReloading())
		outcome := reloadOK
		if err := d.reload(ctx); err != nil {
			outcome = reloadRefused
			d.log.Error("the configuration was not reloaded, and the earlier one goes on whole", "err", strings.ReplaceAll(err.Error(), "\n", "; "))
		} else {
			d.log.Info("the configuration was reloaded", "tenants", len(d.cfg.Tenants))
		}
		d.reloaded.WithLabelValues(outcome).Inc()
		if ctx.Err() == nil {
			notify(d.log, notifyReady)
		}
	}
}

// reload puts the configuration as it is now in the place of the one in use: all
// of it, or nothing and an error that names the keys. Calls under way go on,
// screens stay open, and what is learnt of agents, pairings and Smokeball stays
// where it is still true.
func (d *Daemon) reload(ctx context.Context) (err error) {
	entry, event := audit.Entry{By: audit.BySignal("SIGHUP")}, audit.Reload{}
	defer func() {
		if err != nil {
			entry.Outcome = audit.Refused
			// Whoever has moved the file away does not care for the configuration.
			if again := d.trail.Reopen(); again != nil {
				d.log.Error("audit.file could not be opened again: lines go on into the file as it was", "err", again)
			}
		}
		entry.Event = event
		d.audit.Record(ctx, entry)
	}()
	next, err := d.reloads.Load()
	if err != nil {
		entry.Why, event.Problems = "not-loaded", problemKeys(err)
		return err
	}
	if keys := needRestart(d.cfg, next); len(keys) > 0 {
		entry.Why, event.Problems = "restart-needed", keys
		return fmt.Errorf("restart needed: %s can be changed by a restart only, which loses no call", strings.Join(keys, ", "))
	}
	putTrail, dropTrail, err := d.trail.Prepare(next.Audit.File)
	if err != nil {
		entry.Why, event.Problems = "not-usable", []string{"audit.file"}
		return fmt.Errorf("audit.file: %w", err)
	}
	prepare := d.parts.prepare
	if d.member != nil {
		prepare = d.member.prepare
	}
	put, err := prepare(ctx, next)
	if err != nil {
		dropTrail()
		entry.Why = "not-usable"
		return err
	}
	// From here on nothing can fail.
	put()
	putTrail()
	event.Config, event.Changed = config.Fingerprint(next), config.Changed(d.cfg, next)
	d.cfg = next
	if d.reloads.Level != nil {
		d.reloads.Level.Set(next.Log.Level)
	}
	if d.certs != nil {
		d.certs.Look()
	}
	for _, w := range next.Warnings() {
		d.log.Warn("configuration", "warning", w)
	}
	return nil
}

// problemKeys are the keys that a configuration was refused for.
func problemKeys(err error) (keys []string) {
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			keys = append(keys, p.Path)
		}
	}
	return keys
}

// fixed are the keys that only a restart changes: what is bound, opened or told
// to browsers once.
var fixed = []struct {
	key string
	of  func(*config.Config) any
}{
	{"public_url", func(c *config.Config) any { return c.PublicURL }},
	{"state_dir", func(c *config.Config) any { return c.StateDir }},
	{"admin_socket", func(c *config.Config) any { return c.AdminSocket }},
	{"listen.agents", func(c *config.Config) any { return c.Listen.Agents }},
	{"listen.pbx", func(c *config.Config) any { return c.Listen.PBX }},
	{"listen.ops", func(c *config.Config) any { return c.Listen.Ops }},
	{"tls", func(c *config.Config) any { return c.TLS }},
	{"trusted_proxies", func(c *config.Config) any { return c.TrustedProxies }},
	{"encryption_key_file", func(c *config.Config) any { return c.EncryptionKeyFile }},
	{"sign_in", func(c *config.Config) any { return c.SignIn }},
	{"embed", func(c *config.Config) any { return c.Embed }},
	{"cluster", func(c *config.Config) any { return c.Cluster }},
	{"log.format", func(c *config.Config) any { return c.Log.Format }},
}

// needRestart names the keys that differ and cannot be changed while the daemon
// runs.
func needRestart(before, after *config.Config) (keys []string) {
	for _, f := range fixed {
		if !reflect.DeepEqual(f.of(before), f.of(after)) {
			keys = append(keys, f.key)
		}
	}
	return keys
}

// prepare makes everything of a configuration that can fail. put then puts it in
// the place of what is used, agents before what looks them up.
func (p *parts) prepare(ctx context.Context, cfg *config.Config) (put func(), err error) {
	firms, err := p.accounts.firms(cfg, p.firms.Load())
	if err != nil {
		return nil, err
	}
	putEvents, err := p.receiver.Prepare(firms.events)
	if err != nil {
		return nil, err
	}
	putTokens, err := p.keeper.Prepare(ctx, firms.tokens)
	if err != nil {
		return nil, err
	}
	putPBXes, err := p.pbxes.prepare(cfg)
	if err != nil {
		return nil, err
	}
	putTracing, err := p.tracing.prepare(cfg.Tracing)
	if err != nil {
		return nil, err
	}
	return func() {
		putTracing()
		putPBXes()
		putTokens()
		p.finder.Reconfigure(firms.lookup)
		p.firms.Store(firms)
		p.agents.Reconfigure(directoryTenants(cfg.Tenants, p.pbxes))
		p.agents.Assume(p.keeper.Paired())
		p.settings.Reconfigure(firms.choices, p.agents.Agents(), p.hub.SettingsChanged)
		p.dialler.set(cfg.Tenants)
		p.web.SetAdministration(administration(cfg))
		p.configurations.set(cfg)
		putEvents()
		p.live.set(cfg.Tenants, p.pbxes)
	}, nil
}
