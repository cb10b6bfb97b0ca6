package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/tokens"
)

// firms is each tenant's configuration in the words of the parts. It is not
// changed: another configuration makes others.
type firms struct {
	tokens []tokens.TenantConfig
	lookup []lookup.TenantConfig
	events []pbxevents.Tenant

	settings map[screenpop.Tenant]screenpop.PopSettings
	choices  map[screenpop.Tenant]screenpop.SettingsRule // what agents may make of them

	accounts map[screenpop.Tenant]account
	budgets  *smokeball.Budgets
}

// account is a tenant's account at Smokeball with what asks it.
type account struct {
	of    accountConfig
	links smokeball.Links
	app   string
	api   *smokeball.Client
	oauth *smokeball.OAuth
}

// accountConfig is what of a configuration makes an account.
type accountConfig struct {
	publicURL, region string
	staging           bool
	smokeball         config.Smokeball
}

func accountOf(cfg *config.Config, t config.Tenant) accountConfig {
	return accountConfig{cfg.PublicURL, t.Region, t.Staging, t.Smokeball}
}

// smokeballs makes accounts.
type smokeballs struct {
	http    *http.Client
	metrics *smokeball.Metrics
	budgets *smokeball.Budgets // nil: each configuration's own
}

// firms returns those of a configuration. Accounts that are in before, which may
// be nil, stay what they are with all that their clients know, unless one of
// them has changed: accounts share budgets, and so all are made anew. The members
// of a cluster share budgets that stay what they are.
func (s smokeballs) firms(cfg *config.Config, before *firms) (*firms, error) {
	f := &firms{
		settings: map[screenpop.Tenant]screenpop.PopSettings{}, choices: map[screenpop.Tenant]screenpop.SettingsRule{},
		accounts: map[screenpop.Tenant]account{}, budgets: smokeball.NewBudgets(),
	}
	if before != nil && before.fits(cfg) {
		f.budgets = before.budgets
	} else {
		before = &firms{}
	}
	if s.budgets != nil {
		f.budgets = s.budgets
	}
	for _, t := range cfg.Tenants {
		a, there := before.accounts[t.Domain]
		if !there {
			var err error
			if a, err = s.account(accountOf(cfg, t), f.budgets); err != nil {
				return nil, fmt.Errorf("tenant %s: %w", t.Domain, err)
			}
		}
		plan, err := smokeball.ParseSearchPlan(t.Lookup.Search)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.Domain, err)
		}
		f.accounts[t.Domain] = a
		f.tokens = append(f.tokens, tokens.TenantConfig{
			Tenant: t.Domain, OAuth: a.oauth, API: a.api, RefreshTokenLifetime: t.Smokeball.RefreshTokenLifetime,
		})
		f.lookup = append(f.lookup, lookup.TenantConfig{
			Tenant: t.Domain, API: a.api, Links: a.links, Numbers: t.PBX.Numbers, Plan: plan, PerAgent: t.Lookup.PerAgent(),
			Timeout: t.Lookup.Timeout, Cache: cacheFor(t.Lookup.Cache), MaxContacts: t.Lookup.MaxContacts, Matters: t.Lookup.Matters,
		})
		f.events = append(f.events, eventsOf(t))
		f.settings[t.Domain], f.choices[t.Domain] = settingsOf(t, a.app), t.Pops.Rule()
	}
	return f, nil
}

// fits tells whether the accounts of a configuration are those there are, or new.
func (f *firms) fits(cfg *config.Config) bool {
	for _, t := range cfg.Tenants {
		if a, there := f.accounts[t.Domain]; there && a.of != accountOf(cfg, t) {
			return false
		}
	}
	return true
}

func (s smokeballs) account(of accountConfig, budgets *smokeball.Budgets) (account, error) {
	sb := of.smokeball
	hosts, err := smokeball.HostsFor(of.region, of.staging, smokeball.Hosts(sb.Endpoints))
	if err != nil {
		return account{}, err
	}
	links, err := smokeball.NewLinks(hosts.App, sb.ContactLink, sb.MatterLink)
	if err != nil {
		return account{}, err
	}
	return account{
		of: of, links: links, app: hosts.App,
		api: smokeball.NewClient(smokeball.ClientConfig{
			APIBase: hosts.API, APIKey: sb.APIKey, ClientID: sb.ClientID, HTTP: s.http,
			Budget: budgets.For(hosts.API, sb.ClientID, sb.RequestsPerSecond, sb.Burst), Metrics: s.metrics,
		}),
		oauth: smokeball.NewOAuth(smokeball.OAuthConfig{
			AuthBase: hosts.Auth, ClientID: sb.ClientID, ClientSecret: sb.ClientSecret,
			RedirectURL: RedirectURL(of.publicURL), HTTP: s.http,
		}),
	}, nil
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
