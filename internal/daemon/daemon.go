package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/vodia"
)

// stopTimeout bounds the way down: requests under way, look-ups, close frames
// with their jitter, the store. The unit's TimeoutStopSec is longer.
const stopTimeout = 20 * time.Second

// Options are what a daemon is given besides its configuration.
type Options struct {
	Log       *slog.Logger
	Version   string
	Listeners Listeners // bound already; others are bound from the configuration
	// InspectStore looks through the database before it is opened; see
	// vault.Options. Without it the check runs in this process.
	InspectStore func(ctx context.Context, path string) error
	Reloads      Reloads

	outside outside
}

// outside is how the daemon speaks with the world. The zero value is over the
// network; tests of this package stand elsewhere.
type outside struct {
	smokeball *http.Client
	collector *http.Client        // nil: over the network
	pbx       func(*vodia.Config) // the last word about each PBX's client
	moment    func() moment
}

// Daemon is a wired smokepopd: the store is open, the listeners are bound,
// nothing is served yet.
type Daemon struct {
	cfg     *config.Config
	log     *slog.Logger
	parts   *parts       // of a member of a cluster those of no tenant
	member  *member      // nil: this daemon is alone
	certs   certificates // nil: plain HTTP
	servers []*server
	down    teardown

	reloads  Reloads
	reloaded *prometheus.CounterVec
	version  string

	trail       *audit.Trail
	audit       audit.Recorder
	fingerprint string // of cfg
}

// New opens the store, binds the listeners and wires everything. When it fails,
// what it had opened is closed again. The caller runs the daemon with Run, or
// gives it back with Close.
func New(ctx context.Context, cfg *config.Config, opts Options) (_ *Daemon, err error) {
	registry := newRegistry(opts.Version)
	raw := opts.Log.Handler()
	opts.Log = limitLog(opts.Log, registry)
	d := &Daemon{cfg: cfg, log: opts.Log, down: teardown{log: opts.Log}, reloads: opts.Reloads, reloaded: countReloads(registry), version: opts.Version}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	// Most of a start is waiting until the database has been looked through.
	var meanwhile sync.WaitGroup
	defer meanwhile.Wait()
	meanwhile.Go(func() { d.fingerprint = config.Fingerprint(cfg) })
	if d.trail, err = audit.OpenTrail(audit.TrailConfig{Path: cfg.Audit.File, Log: raw, Tell: opts.Log.With("component", "audit"), Metrics: registry}); err != nil {
		return nil, fmt.Errorf("audit.file: %w", err)
	}
	d.down.add("audit", func(context.Context) error { d.trail.Close(); return nil }) // last of all
	d.audit = audit.NewLog(limitAudit(d.trail.Handler(), opts.Log), nil)

	if opts.outside.smokeball == nil {
		opts.outside.smokeball = smokeball.NewHTTPClient(opts.Version)
	}
	if opts.outside.moment == nil {
		opts.outside.moment = thisMoment
	}
	g := &ground{world: opts.outside, audit: d.audit, version: opts.Version, log: opts.Log}
	if err := g.open(ctx, cfg, registry, opts.InspectStore, &d.down); err != nil {
		return nil, err
	}
	alone, store := cfg, storage(g.vault)
	if cfg.Cluster.On() {
		alone, store, g.world.moment = withoutTenants(cfg), g.learning(), momentOfMany
	}
	if d.parts, err = g.wire(ctx, alone, store, carriedPrefix, registry, &d.down); err != nil {
		return nil, err
	}
	if cfg.Cluster.On() {
		if d.member, err = g.join(ctx, cfg, d.parts); err != nil {
			return nil, err
		}
	}
	if d.certs, err = newCertificates(cfg, g.vault, opts.Log.With("component", "tls"), &d.down); err != nil {
		return nil, err
	}
	countCertificate(registry, d.certs)
	if err := d.bind(ctx, opts.Listeners, registry); err != nil {
		return nil, err
	}
	return d, nil
}

// bind makes a server of each listener.
//
// Most of the files are for agents, who have sockets open all day. The PBX has a
// share of its own, so that nobody who holds the agents' listener full keeps
// its webhooks out.
func (d *Daemon) bind(ctx context.Context, given Listeners, metrics *prometheus.Registry) error {
	const ofAgents, ofPBX = 0.75, 0.25
	share := ofAgents
	agents, pbx, admins := d.handlers()
	agents, pbx = realSource(d.cfg.TrustedProxies, agents), realSource(d.cfg.TrustedProxies, pbx)
	if sharedListener(d.cfg, given) {
		agents, share = split(agents, pbx), ofAgents+ofPBX
	} else if err := d.listenPublic(ctx, given, "pbx", d.cfg.Listen.PBX, ofPBX, metrics, pbx); err != nil {
		return err
	}
	if err := d.listenPublic(ctx, given, "agents", d.cfg.Listen.Agents, share, metrics, agents); err != nil {
		return err
	}
	ops, err := given.listen(ctx, "ops", d.cfg.Listen.Ops)
	if err != nil {
		return err
	}
	d.serve("ops", ops, d.ops(metrics))
	admin := given["admin"]
	if admin == nil {
		if admin, err = listenAdmin(ctx, d.cfg.AdminSocket); err != nil {
			return err
		}
	}
	s := d.serve("admin", admin, admins)
	s.streams() // the trace, followed
	s.http.ConnContext = withPeer
	return nil
}

// handlers are what the listeners serve.
func (d *Daemon) handlers() (agents, pbx, admin http.Handler) {
	if m := d.member; m != nil {
		return m.pages(), m.webhooks, m.admins
	}
	return d.parts.web.Handler(), d.parts.receiver.Handler(), d.parts.web.Admin()
}

func (d *Daemon) ops(metrics *prometheus.Registry) http.Handler {
	if d.member == nil {
		return d.parts.ops(metrics, d.certs)
	}
	return d.parts.ops(d.member.metrics(metrics), d.certs, d.member.missing)
}

// listenPublic makes a server of a listener that strangers may reach.
func (d *Daemon) listenPublic(ctx context.Context, given Listeners, name, address string, share float64, reg prometheus.Registerer, h http.Handler) error {
	l, err := given.listen(ctx, name, address)
	if err != nil {
		return err
	}
	l = newDoorman(l, name, share, d.cfg.TrustedProxies, reg)
	if d.certs != nil {
		l = tls.NewListener(l, d.certs.TLS())
	}
	d.serve(name, l, h)
	return nil
}

func (d *Daemon) serve(name string, l net.Listener, h http.Handler) *server {
	s := newServer(name, l, h, d.log)
	d.servers = append(d.servers, s)
	d.log.Info("listening", "listener", name, "address", l.Addr().String())
	return s
}

// Addr returns the address of a listener: agents, pbx, ops or admin. It is nil
// for pbx where one listener serves both.
func (d *Daemon) Addr(name string) net.Addr {
	for _, s := range d.servers {
		if s.name == name {
			return s.listener.Addr()
		}
	}
	return nil
}

// Run serves until ctx ends or a part fails, then takes everything down in
// order: events in, the flow drained, web, browsers, store. It may be called
// once.
func (d *Daemon) Run(ctx context.Context) error {
	// The work goes on while ctx has ended and the way down has not.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := audit.Collect(d.cfg.StateDir, func(e audit.Entry) { d.audit.Record(ctx, e) }); err != nil {
		d.log.Warn("not all that commands did while no daemon ran could be taken into the audit log", "err", err)
	}
	d.audit.Record(ctx, audit.Entry{By: audit.ByItself(audit.ActorDaemon), Event: audit.Start{Version: d.version, Config: d.fingerprint}})
	group, failed := errgroup.WithContext(work)
	for _, s := range d.servers {
		group.Go(func() error {
			if err := s.serve(); err != nil {
				return fmt.Errorf("listener %s: %w", s.name, err)
			}
			return nil
		})
	}
	runners := d.parts.runners()
	runners["audit"] = d.trail.Run
	if d.certs != nil {
		runners["tls"] = d.certs.Run
	}
	if d.member != nil {
		runners["cluster"] = d.member.run
	}
	for name, run := range runners {
		group.Go(func() error {
			if err := run(failed); err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}

	notify(d.log, notifyReady)
	d.log.Info("ready", "pid", os.Getpid())
	// Nothing is reloaded on the way down.
	still, noMore := context.WithCancel(ctx)
	defer noMore()
	reloads := make(chan struct{})
	go func() {
		defer close(reloads)
		d.runReloads(still)
	}()
	asked := false
	select {
	case <-ctx.Done():
		asked = true
		d.log.Info("stopping")
	case <-failed.Done():
		d.log.Error("stopping: a part has failed")
	}
	noMore()
	<-reloads // one that has begun is quick: it asks nobody but the store
	notify(d.log, notifyStopping)

	stopCtx, endStop := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer endStop()
	if d.member != nil {
		d.member.leave(stopCtx)
	}
	// The store goes last of all, after everything that could still write to it.
	err := d.stopServing(stopCtx)
	cancel()
	err = errors.Join(err, group.Wait())
	if asked { // what a part that has failed knows of calls may be wrong
		if err := d.parts.carry(stopCtx); err != nil {
			d.log.Warn("the calls under way could not be sealed for the next start", "err", err)
		}
	}
	d.audit.Record(ctx, stopped(asked, err))
	return errors.Join(err, d.down.run(stopCtx))
}

// stopped is the end of a daemon in the audit log.
func stopped(asked bool, err error) audit.Entry {
	e := audit.Entry{By: audit.ByItself(audit.ActorDaemon), Event: audit.Stop{}}
	if asked {
		e.By = audit.BySignal("") // of the two that ask for it, which one is not known
	}
	if err != nil {
		e.Outcome = audit.Failed
	}
	return e
}

// stopServing stops what takes work in, in the order of the way of a call.
func (d *Daemon) stopServing(ctx context.Context) error {
	var errs []error
	stop := func(name string) {
		for _, s := range d.servers {
			if s.name == name {
				if err := s.stop(ctx); err != nil {
					errs = append(errs, fmt.Errorf("stop listener %s: %w", name, err))
				}
			}
		}
	}
	d.parts.web.EndStreams() // on the agents' listener they have no end of their own
	shared := d.Addr("pbx") == nil
	if shared {
		stop("agents")
	}
	stop("pbx")
	if err := d.parts.flow.Close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("drain the flow: %w", err))
	}
	if !shared {
		stop("agents")
	}
	stop("admin")
	if err := d.parts.hub.Close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("close the screens: %w", err))
	}
	stop("ops")
	return errors.Join(errs...)
}

// Close gives back a daemon that was never run.
func (d *Daemon) Close() error {
	for _, s := range d.servers {
		_ = s.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return d.down.run(ctx)
}

// sharedListener tells whether one listener serves agents and the PBX.
func sharedListener(cfg *config.Config, given Listeners) bool {
	return given["pbx"] == nil && cfg.Listen.PBX == cfg.Listen.Agents
}
