package lookup

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Credentials hands out agents' access tokens.
type Credentials interface {
	// Token returns a token to use now, or screenpop.ErrNotPaired.
	Token(ctx context.Context, agent screenpop.AgentID) (screenpop.Secret, error)
	// Use is Token, and tells how the token stands, also with an error.
	Use(ctx context.Context, agent screenpop.AgentID) (screenpop.Secret, screenpop.TokenState, error)
	// Renew returns a newer token than stale, which Smokeball refused.
	Renew(ctx context.Context, agent screenpop.AgentID, stale screenpop.Secret) (screenpop.Secret, error)
	// Refused tells that Smokeball refuses the agent's newest token too, and
	// what to check.
	Refused(agent screenpop.AgentID, problem string)
	// Accepted tells that Smokeball has let the agent look up contacts: what
	// Refused told is over. It is called for each answer and has to be cheap.
	Accepted(agent screenpop.AgentID)
}

// News hears how Smokeball does.
type News interface {
	// Answering tells that Smokeball does not answer a tenant's searches any
	// more, so that none is sent for a while, or that it does again. It is
	// called once for each change, by Finder.Run and by nobody who waits for an
	// answer.
	Answering(tenant screenpop.Tenant, ok bool)
}

// Config is what a Finder stands on. Tenants and Credentials are required.
type Config struct {
	Tenants     []TenantConfig
	Credentials Credentials
	News        News // told while Run runs; nil: nobody
	Trace       screenpop.Recorder
	Metrics     prometheus.Registerer
	Log         *slog.Logger
	Now         func() time.Time
}

// TenantConfig is how one tenant is looked up.
type TenantConfig struct {
	Tenant  screenpop.Tenant
	API     *smokeball.Client
	Links   smokeball.Links
	Numbers *numbering.Plan
	// Plan is how Smokeball is searched; empty means DefaultPlan of the
	// numbers' country.
	Plan Plan
	// Timeout is all the time a look-up has; 0 means DefaultTimeout.
	Timeout time.Duration
	// Cache is how long an answer is kept; 0 means DefaultCache, negative not
	// at all.
	Cache time.Duration
	// MaxContacts is how many matches are shown; 0 means DefaultMaxContacts.
	MaxContacts int
	// Matters lets Finder.Matters ask.
	Matters bool
	// PerAgent keeps agents' answers apart, for firms with walls inside: no
	// search and no cached answer is shared.
	PerAgent bool
}

// The defaults of TenantConfig.
const (
	DefaultTimeout     = 3 * time.Second
	DefaultCache       = 60 * time.Second
	DefaultMaxContacts = 10
)

func (c TenantConfig) withDefaults() TenantConfig {
	if len(c.Plan) == 0 {
		c.Plan = DefaultPlan(c.Numbers.Country())
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Cache == 0 {
		c.Cache = DefaultCache
	}
	if c.MaxContacts <= 0 {
		c.MaxContacts = DefaultMaxContacts
	}
	return c
}
