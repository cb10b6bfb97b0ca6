package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
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
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// parts are what a daemon is made of.
type parts struct {
	store    *vault.Store
	keeper   *tokens.Keeper
	hub      *push.Hub
	finder   *lookup.Finder
	flow     *screenpop.Flow
	agents   *directory.Directory
	receiver *pbxevents.Receiver
	live     *liveStates
	web      *web.Server
	care     *caretaker
	watchdog *watchdog // nil: nobody watches
	moment   func() moment
}

// wire is the recipe: it makes every part and gives it the ones it stands on.
// What has to be closed is put on down as soon as it is there.
func wire(ctx context.Context, cfg *config.Config, world outside, metrics prometheus.Registerer, log *slog.Logger, inspect func(context.Context, string) error, down *teardown) (*parts, error) {
	p := &parts{moment: world.moment}
	keys, err := vault.LoadKeys(cfg.EncryptionKeyFile)
	if err != nil {
		return nil, fmt.Errorf("encryption_key_file: %w", err)
	}
	p.store, err = vault.Open(ctx, cfg.StateDir, keys, vault.Options{Metrics: metrics, Inspect: inspect})
	if err != nil {
		return nil, err
	}
	if p.store.Created() {
		log.Warn("there was no database: a new one was made, and no agent is paired", "state_dir", cfg.StateDir)
	}
	down.add("store", func(context.Context) error { return p.store.Close() })
	p.care = newCaretaker(p.store, cfg.EncryptionKeyFile, cfg.StateDir, log.With("component", "store"))

	traces := trace.New(trace.Config{})
	down.add("connections to Smokeball", func(context.Context) error { world.smokeball.CloseIdleConnections(); return nil })
	firms, err := newFirms(cfg, world.smokeball, metrics)
	if err != nil {
		return nil, err
	}
	pbxes, err := newPBXes(cfg, log.With("component", "vodia"), world.pbx)
	if err != nil {
		return nil, err
	}
	down.add("connections to PBXs", func(context.Context) error { pbxes.close(); return nil })
	changes := &directoryNews{log: log.With("component", "directory")}
	p.agents, err = newDirectory(cfg.Tenants, pbxes, changes, metrics, changes.log)
	if err != nil {
		return nil, err
	}

	settings, err := web.LoadSettings(ctx, p.store, firms.choices, log.With("component", "web"))
	if err != nil {
		return nil, err
	}

	// The hub asks how an agent is paired when a screen opens, and is told when
	// that changes; so one of the two has to be there before the other.
	pairings := &pairingSource{}
	openings := &openings{} // likewise
	p.hub = push.New(push.Config{
		Origin: cfg.PublicURL, Pairings: pairings, Opener: openings, Settings: settings, Trace: traces, Metrics: metrics, Log: log.With("component", "push"),
	})
	news := &pairingNews{hub: p.hub}
	p.keeper, err = tokens.New(tokens.Config{
		Tenants: firms.tokens, Store: p.store, Directory: p.agents, Notify: news,
		Metrics: metrics, Log: log.With("component", "tokens"),
	})
	if err != nil {
		return nil, fmt.Errorf("read the pairings: %w", err)
	}
	pairings.keeper, changes.keeper, changes.hub = p.keeper, p.keeper, p.hub
	p.agents.Assume(p.keeper.Paired()) // until the PBX tells

	p.finder = lookup.New(lookup.Config{
		Tenants: firms.lookup, Credentials: p.keeper, News: serviceNews{p.hub}, Trace: traces, Metrics: metrics, Log: log.With("component", "lookup"),
	})
	news.finder = p.finder
	p.flow = screenpop.NewFlow(screenpop.FlowConfig{
		Finder: p.finder, Matters: p.finder, Screens: p.hub, Trace: traces, Outcome: countCalls(metrics), Carry: true,
		Settings: func(a screenpop.AgentID) screenpop.PopSettings { return firms.settings[a.Tenant].With(settings.Of(a)) },
	})
	openings.flow = p.flow
	p.receiver, err = pbxevents.New(firms.events, pbxevents.Deps{
		Directory: directory.Phones{Directory: p.agents}, Sink: p.flow, Trace: traces, Metrics: metrics, Log: log.With("component", "pbxevents"),
	})
	if err != nil {
		return nil, err
	}
	p.resume(ctx, log.With("component", "daemon"))
	p.live = newLiveStates(cfg.Tenants, pbxes, p.receiver, metrics, log.With("component", "vodia"))
	p.web, err = web.New(web.Config{
		PublicURL: cfg.PublicURL, Directory: members{p.agents}, Store: p.store, Pairings: pairs{p.keeper}, Screens: screensOf{p.hub},
		Traces: tracesOf{traces}, Doctor: doctor{p.finder}, Captures: captures{p.receiver, cfg.Tenants}, Vault: p.care, Dialler: newDialer(cfg.Tenants, p.hub, pbxes),
		Directories: directories{p.agents, p.keeper}, Settings: settings,
		NoInvites: !cfg.SignIn.Invite, Passwords: newPasswords(cfg, pbxes), SignOn: newSignOn(cfg), SignOnName: signOnName(cfg.SignIn.OIDC),
		Parents: cfg.Embed.AllowedParents,
		Metrics: metrics, Log: log,
	})
	if err != nil {
		return nil, err
	}
	p.watchdog = newWatchdog(p, log.With("component", "watchdog"))
	return p, nil
}

// runners are the parts that have work of their own.
func (p *parts) runners() map[string]func(context.Context) error {
	runners := map[string]func(context.Context) error{
		"flow":      p.flow.Run,
		"tokens":    p.keeper.Run,
		"lookup":    p.finder.Run,
		"pbxevents": p.receiver.Run,
		"vodia":     p.live.Run,
		"directory": p.agents.Run,
		"web":       p.web.Run,
		"store":     p.care.Run,
	}
	if p.watchdog != nil {
		runners["watchdog"] = p.watchdog.Run
	}
	return runners
}

// ops is the handler of the ops listener.
func (p *parts) ops(metrics prometheus.Gatherer) http.Handler {
	return web.Ops(metrics, func(ctx context.Context) []web.Missing {
		var missing []web.Missing
		if err := p.store.Healthy(ctx); err != nil {
			missing = append(missing, web.Missing{Part: "store", Problem: err.Error()})
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := p.flow.Alive(ctx); err != nil {
			missing = append(missing, web.Missing{Part: "flow", Problem: err.Error()})
		}
		return missing
	})
}

// firms is each tenant's configuration in the words of the parts.
type firms struct {
	tokens []tokens.TenantConfig
	lookup []lookup.TenantConfig
	events []pbxevents.Tenant

	settings map[screenpop.Tenant]screenpop.PopSettings
	choices  map[screenpop.Tenant]screenpop.SettingsRule // what agents may make of them
}

func newFirms(cfg *config.Config, client *http.Client, metrics prometheus.Registerer) (*firms, error) {
	budgets := smokeball.NewBudgets()
	counters := smokeball.NewMetrics(metrics)
	f := &firms{settings: map[screenpop.Tenant]screenpop.PopSettings{}, choices: map[screenpop.Tenant]screenpop.SettingsRule{}}
	for _, t := range cfg.Tenants {
		sb := t.Smokeball
		hosts, err := smokeball.HostsFor(t.Region, t.Staging, smokeball.Hosts(sb.Endpoints))
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.Domain, err)
		}
		links, err := smokeball.NewLinks(hosts.App, sb.ContactLink, sb.MatterLink)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.Domain, err)
		}
		api := smokeball.NewClient(smokeball.ClientConfig{
			APIBase: hosts.API, APIKey: sb.APIKey, ClientID: sb.ClientID, HTTP: client,
			Budget: budgets.For(hosts.API, sb.ClientID, sb.RequestsPerSecond, sb.Burst), Metrics: counters,
		})
		plan, err := smokeball.ParseSearchPlan(t.Lookup.Search)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.Domain, err)
		}
		oauth := smokeball.NewOAuth(smokeball.OAuthConfig{
			AuthBase: hosts.Auth, ClientID: sb.ClientID, ClientSecret: sb.ClientSecret,
			RedirectURL: cfg.PublicURL + "/pair/callback", HTTP: client,
		})
		f.tokens = append(f.tokens, tokens.TenantConfig{
			Tenant: t.Domain, OAuth: oauth, API: api, RefreshTokenLifetime: sb.RefreshTokenLifetime,
		})
		f.lookup = append(f.lookup, lookup.TenantConfig{
			Tenant: t.Domain, API: api, Links: links, Numbers: t.PBX.Numbers, Plan: plan, PerAgent: t.Lookup.PerAgent(),
			Timeout: t.Lookup.Timeout, Cache: cacheFor(t.Lookup.Cache), MaxContacts: t.Lookup.MaxContacts, Matters: t.Lookup.Matters,
		})
		f.events = append(f.events, eventsOf(t))
		f.settings[t.Domain], f.choices[t.Domain] = settingsOf(t, hosts.App), t.Pops.Rule()
	}
	return f, nil
}

func eventsOf(t config.Tenant) pbxevents.Tenant {
	var aliases []pbxevents.FieldAliases
	for _, a := range t.PBX.Aliases.ByField() {
		aliases = append(aliases, pbxevents.FieldAliases(a))
	}
	return pbxevents.Tenant{
		Domain: t.Domain,
		Auth: pbxevents.Auth{
			Username: t.PBX.Webhook.Username, Password: t.PBX.Webhook.Password,
			Token: t.PBX.Webhook.Token, Allow: t.PBX.Webhook.Allow,
		},
		Numbers: t.PBX.Numbers, Extensions: t.PBX.Internal.Extensions, MailboxPrefix: t.PBX.Internal.MailboxPrefix,
		StarPrefixes: t.PBX.StarPrefixes, Ignore: t.PBX.Ignore, Scope: pbxevents.Scope(t.Scope),
		Aliases: aliases, EventNames: pbxevents.EventNames(t.PBX.EventNames),
	}
}

// cacheFor turns a cache of 0, which is off in the configuration, into the
// finder's way of saying so.
func cacheFor(configured time.Duration) time.Duration {
	if configured == 0 {
		return -1
	}
	return configured
}

// settingsOf is what a tenant's agents see. Links on an unknown caller's card
// lead into the web app at app.
func settingsOf(t config.Tenant, app string) screenpop.PopSettings {
	s := t.Pops.Settings()
	s.Matters = t.Lookup.Matters
	s.SearchLink = strings.ReplaceAll(t.Smokeball.SearchLink, "{app}", app)
	s.CreateLink = strings.ReplaceAll(t.Smokeball.CreateLink, "{app}", app)
	return s
}
