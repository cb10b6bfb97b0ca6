package daemon

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/directory"
	"github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/tokens"
	"github.com/smokepop/smokepop/internal/trace"
	"github.com/smokepop/smokepop/internal/web"
)

// parts are what a daemon is made of.
type parts struct {
	ground   *ground
	store    storage
	carryAt  string    // where in the store calls are carried
	ring     *ring     // where they are kept while they are under way; nil: nowhere
	moved    *movement // nil: likewise
	kept     *keeping  // nil: likewise
	keeper   *tokens.Keeper
	hub      *push.Hub
	finder   *lookup.Finder
	flow     *screenpop.Flow
	agents   *directory.Directory
	receiver *pbxevents.Receiver
	live     *liveStates
	web      *web.Server
	watchdog *watchdog // nil: nobody watches
	tracing  *tracing

	everybody *everybody // of a lobby

	// What a reload puts others in the place of.
	firms    atomic.Pointer[firms]
	accounts smokeballs
	pbxes    *pbxes
	dialler  *dialler
	settings *web.Settings

	configurations configurations
}

// wire is the recipe: it makes every part and gives it the ones it stands on.
// What has to be closed is put on down as soon as it is there.
//
// Calls are carried from one daemon to the next at a place in the store.
func (g *ground) wire(ctx context.Context, cfg *config.Config, store storage, carryAt string, metrics prometheus.Registerer, down *teardown) (_ *parts, err error) {
	p := &parts{ground: g, store: store, carryAt: carryAt}
	log, world := g.log, g.world
	traces := trace.New(trace.Config{})
	if p.tracing, err = newTracing(cfg.Tracing, world.collector, g.version, metrics, log.With("component", "otlp")); err != nil {
		return nil, err
	}
	var kept func(ctx context.Context, over bool) error // nil: nobody goes on with the calls
	if part, ok := store.(fenced); ok {
		p.moved, p.kept = newMovement(), newKeeping(part.owned, part.standing, part.doubts)
		kept = func(ctx context.Context, over bool) error { return p.kept.wait(ctx, over, p.moved.stir) }
	}
	left := func() (*carried, error) { return p.left(ctx) }
	if p.moved != nil { // which takes nothing away
		left = ahead(left)
	}
	recorder := recorders{traces, p.tracing, p.moved}
	down.add("connections to Smokeball", func(context.Context) error { world.smokeball.CloseIdleConnections(); return nil })
	p.accounts = smokeballs{world.smokeball, smokeball.NewMetrics(metrics), nil}
	if g.budgets != nil {
		p.accounts.budgets = g.budgets.Budgets
	}
	firms, err := p.accounts.firms(cfg, nil)
	if err != nil {
		return nil, err
	}
	p.firms.Store(firms)
	p.pbxes = &pbxes{log: log.With("component", "vodia"), change: world.pbx}
	put, err := p.pbxes.prepare(cfg)
	if err != nil {
		return nil, err
	}
	put()
	down.add("connections to PBXs", func(context.Context) error { p.pbxes.close(); return nil })
	changes := &directoryNews{audit: g.audit, log: log.With("component", "directory")}
	p.agents, err = directory.New(directory.Config{
		Tenants: directoryTenants(cfg.Tenants, p.pbxes), Changed: changes.changed, Metrics: metrics, Log: changes.log,
	})
	if err != nil {
		return nil, err
	}

	p.settings, err = web.LoadSettings(ctx, p.store, firms.choices, log.With("component", "web"))
	if err != nil {
		return nil, err
	}

	// The hub asks how an agent is paired when a screen opens, and is told when
	// that changes; so one of the two has to be there before the other.
	pairings := &pairingSource{}
	openings := &openings{} // likewise
	p.hub = push.New(push.Config{
		Origin: cfg.PublicURL, Pairings: pairings, Opener: openings, Watcher: openings, Settings: p.settings, Trace: recorder, Frames: p.tracing, Metrics: metrics, Log: log.With("component", "push"),
	})
	news := &pairingNews{hub: p.hub, audit: g.audit}
	p.keeper, err = tokens.New(tokens.Config{
		Tenants: firms.tokens, Store: p.store, Directory: p.agents, Notify: news, Instance: g.instance,
		Metrics: metrics, Log: log.With("component", "tokens"),
	})
	if err != nil {
		return nil, fmt.Errorf("read the pairings: %w", err)
	}
	pairings.keeper, changes.keeper, changes.hub, changes.agents = p.keeper, p.keeper, p.hub, p.agents
	p.agents.Assume(p.keeper.Paired()) // until the PBX tells

	p.finder = lookup.New(lookup.Config{
		Tenants: firms.lookup, Credentials: p.keeper, News: serviceNews{p.hub}, Trace: recorder, Metrics: metrics, Log: log.With("component", "lookup"),
	})
	news.finder = p.finder
	p.flow = screenpop.NewFlow(screenpop.FlowConfig{
		Finder: p.finder, Memory: p.finder, Matters: p.finder, Screens: p.hub, Watched: p.watched, Trace: recorder, Outcome: countCalls(metrics), Carry: true, NewID: g.newPopIDs(),
		Settings: p.popSettings,
	})
	countPending(metrics, p.flow.Pending)
	openings.flow = p.flow
	p.receiver, err = pbxevents.New(firms.events, pbxevents.Deps{
		Directory: directory.Phones{Directory: p.agents}, Sink: visible{p.flow, p.hub}, Trace: recorder, Kept: kept, Metrics: metrics, Log: log.With("component", "pbxevents"),
	})
	if err != nil {
		return nil, err
	}
	if err := p.resume(left, log.With("component", "daemon")); err != nil {
		return nil, fmt.Errorf("read the calls under way: %w", err)
	}
	p.live = newLiveStates(p.receiver, metrics, log.With("component", "vodia"))
	p.live.set(cfg.Tenants, p.pbxes)
	p.dialler = newDialler(p.hub, p.pbxes)
	p.dialler.set(cfg.Tenants)
	p.configurations.set(cfg)
	p.web, err = web.New(web.Config{
		PublicURL: cfg.PublicURL, Directory: p.directory(cfg), Store: p.store, Pairings: pairs{p.keeper}, Usage: usage{p.keeper}, Screens: screensOf{p.hub, g.node}, Nodes: p.hub.SessionNodes,
		Traces: tracesOf{traces}, Doctor: doctor{p.finder, p.receiver}, Captures: captures{p.receiver}, Vault: g.care, Dialler: p.dialler,
		Calls: liveCalls{p.receiver, p.hub}, Numbers: numbersOf{p.finder, time.Now},
		DryRuns:     dryRuns{captures{p.receiver}, p.keeper.Pairing, p.hub.Screens, p.popSettings},
		Directories: directories{p.agents, p.keeper}, Settings: p.settings,
		NoInvites: !cfg.SignIn.Invite, Passwords: newPasswords(cfg, p.pbxes), SignOn: newSignOn(cfg), SignOnName: signOnName(cfg.SignIn.OIDC),
		Parents: cfg.Embed.AllowedParents, Administration: administration(cfg), Part: carryAt != carriedPrefix, TellAdminsTurned: p.tellAdminsTurned, Configurations: &p.configurations,
		Audit: g.audit, Metrics: metrics, Log: log,
	})
	if err != nil {
		return nil, err
	}
	p.watchdog = newWatchdog(p, log.With("component", "watchdog"))
	return p, nil
}

// ahead begins what takes long and is needed later. What it returns waits for it.
func ahead[T any](do func() (T, error)) (wait func() (T, error)) {
	var value T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		value, err = do()
	}()
	return func() (T, error) {
		<-done
		return value, err
	}
}

// directory is the agents that people sign in as: in the lobby of a member of a
// cluster those of all tenants, wherever they are.
func (p *parts) directory(cfg *config.Config) web.Directory {
	if len(cfg.Tenants) > 0 || p.ground.nats == nil {
		return members{p.agents}
	}
	p.everybody = &everybody{}
	return p.everybody
}

// popSettings are an agent's, within what the firm allows.
func (p *parts) popSettings(a screenpop.AgentID) screenpop.PopSettings {
	return p.firms.Load().settings[a.Tenant].With(p.settings.Of(a))
}

// watched tells whether a call of an agent is worth a look-up: a page of theirs is
// open, or expected. For who is not paired nothing is asked anyway, and that is
// what an admin has to be told first.
func (p *parts) watched(a screenpop.AgentID) bool {
	return p.hub.Watched(a) || p.keeper.Pairing(a).State == screenpop.Unpaired
}

// runners are the parts that have work of their own, and what they stand on.
func (p *parts) runners() map[string]func(context.Context) error {
	runners := p.tenantRunners()
	runners["store"] = p.ground.care.Run
	if p.watchdog != nil {
		runners["watchdog"] = p.watchdog.Run
	}
	return runners
}

// tenantRunners are the parts that have work of their own for their tenants.
func (p *parts) tenantRunners() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"flow":      p.flow.Run,
		"tokens":    p.keeper.Run,
		"lookup":    p.finder.Run,
		"pbxevents": p.receiver.Run,
		"vodia":     p.live.Run,
		"directory": p.agents.Run,
		"web":       p.web.Run,
		"otlp":      p.tracing.Run,
	}
}

// ops is the handler of the ops listener.
func (p *parts) ops(metrics prometheus.Gatherer, certs certificates, more ...web.Check) http.Handler {
	return web.Ops(metrics, append(more, func(ctx context.Context) []web.Missing {
		var missing []web.Missing
		if err := p.store.Healthy(ctx); err != nil {
			missing = append(missing, web.Missing{Part: "store", Problem: err.Error()})
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := p.flow.Alive(ctx); err != nil {
			missing = append(missing, web.Missing{Part: "flow", Problem: err.Error()})
		}
		if certs != nil && certs.Ends().IsZero() {
			missing = append(missing, web.Missing{Part: "tls", Problem: "there is no certificate yet: the log says what the authority answered"})
		}
		return missing
	})...)
}
