package tokens

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/vault"
)

// Authorizer is a tenant's authorisation server. Errors are
// [*smokeball.OAuthError] where the server has answered.
type Authorizer interface {
	AuthorizeURL(state, verifier string) string
	Exchange(ctx context.Context, code, verifier string) (smokeball.Grant, error)
	Refresh(ctx context.Context, refreshToken string) (smokeball.Grant, error)
	Revoke(ctx context.Context, refreshToken string) error
}

// Directory knows the agents there are.
type Directory interface {
	Agent(screenpop.AgentID) (screenpop.Agent, bool)
	Agents() []screenpop.Agent
}

// Notifier is told whenever an agent's pairing has changed, in order for each
// agent. It must not block.
type Notifier interface {
	PairingChanged(agent screenpop.AgentID, p screenpop.Pairing)
}

// Store keeps records durably: a write has reached the disk when it returns
// nil. The errors are those of package vault.
type Store interface {
	Get(ctx context.Context, path string) (value []byte, revision uint64, err error)
	CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error)
	Delete(ctx context.Context, path string, revision uint64) (existed bool, err error)
	GetAll(ctx context.Context, prefixes ...string) ([]vault.Record, error)
}

// TenantConfig is one tenant's side of Smokeball.
type TenantConfig struct {
	Tenant screenpop.Tenant
	OAuth  Authorizer
	// API answers who has signed in; nil leaves that unknown.
	API Accounts
	// RefreshTokenLifetime counts from when Smokeball gave the refresh token;
	// 0 means DefaultRefreshTokenLifetime.
	RefreshTokenLifetime time.Duration
}

// DefaultRefreshTokenLifetime is Smokeball's default. The server never tells
// it, and it does not slide (contract 2.4).
const DefaultRefreshTokenLifetime = 30 * 24 * time.Hour

// Config is what a Keeper stands on. Tenants, Store and Directory are required.
type Config struct {
	Tenants   []TenantConfig
	Store     Store
	Directory Directory
	Notify    Notifier
	Metrics   prometheus.Registerer
	Log       *slog.Logger
	Now       func() time.Time // nil: the clock
	// Instance names this process among several that share the store; empty: it
	// has the store to itself.
	Instance string
}

// Keeper keeps the authorisations of all agents. Its methods may be called
// from many goroutines.
type Keeper struct {
	store     Store
	directory Directory
	notify    Notifier
	metrics   *metrics
	log       *slog.Logger
	now       func() time.Time
	attempts  *attempts
	changed   chan struct{} // a tick when Run has to look at its timer again
	seed      maphash.Seed  // of the timer's jitter
	instance  string        // of several; empty: alone
	unsaved   seldom        // the log lines about a store that takes nothing
	// onDemand leaves tokens alone until somebody asks for one. Tests of the
	// askers' side set it before Run.
	onDemand bool

	// questions is the context of what may be dropped at the end.
	questions    context.Context
	endQuestions context.CancelFunc

	mu      sync.Mutex
	gates   map[screenpop.Tenant]*gate // of the configured tenants
	wallets map[screenpop.AgentID]*wallet
	// Those of tenants that a reload has taken out: they may come back, and a
	// refresh may be under way.
	idleGates   map[screenpop.Tenant]*gate
	idleWallets map[screenpop.AgentID]*wallet
	closing     bool
	outstanding sync.WaitGroup
}

// New returns a Keeper with every authorisation the store holds for the
// configured tenants. A record that does not open makes its agent pair again
// and nothing worse; New fails when the store itself cannot be read.
func New(cfg Config) (*Keeper, error) {
	k := &Keeper{
		store:     cfg.Store,
		directory: cfg.Directory,
		notify:    cfg.Notify,
		log:       cfg.Log,
		attempts:  newAttempts(),
		changed:   make(chan struct{}, 1),
		gates:     map[screenpop.Tenant]*gate{},
		seed:      maphash.MakeSeed(),
		wallets:   map[screenpop.AgentID]*wallet{},
		instance:  cfg.Instance,

		idleGates: map[screenpop.Tenant]*gate{}, idleWallets: map[screenpop.AgentID]*wallet{},
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	// Tokens end by the calendar. The monotonic clock, which would be compared
	// otherwise, stands still while a laptop or a virtual machine sleeps.
	k.now = func() time.Time { return cfg.Now().Round(0) }
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	put, err := k.Prepare(context.Background(), cfg.Tenants)
	if err != nil {
		return nil, err
	}
	put()
	if k.metrics, err = newMetrics(cfg.Metrics, k); err != nil {
		return nil, err
	}
	k.questions, k.endQuestions = context.WithCancel(context.Background())
	return k, nil
}

// load reads all records of the tenants of gates. Those of others are left
// alone: a tenant may come back.
func (k *Keeper) load(ctx context.Context, gates map[screenpop.Tenant]*gate) (map[screenpop.AgentID]*wallet, error) {
	wallets := map[screenpop.AgentID]*wallet{}
	// By tenant: the daemons of a cluster have a part of them each, and take one
	// over while everybody waits.
	var prefixes []string
	for tenant := range gates {
		prefixes = append(prefixes, recordsOf(tenant))
	}
	all, err := k.store.GetAll(ctx, prefixes...)
	if err != nil {
		return nil, err
	}
	for _, stored := range all {
		id, ok := agentOf(stored.Path)
		if !ok {
			k.log.Warn("a stored authorisation belongs to no agent", "record", stored.Path)
			continue
		}
		w := newWallet(id, gates[id.Tenant])
		w.revision = stored.Revision
		err := stored.Err
		if err == nil {
			w.rec, err = decodeRecord(stored.Value)
		}
		switch {
		case damaged(err):
			k.log.Error("a stored authorisation cannot be read; the agent has to pair again", "agent", id, "err", err)
			w.damaged = true
		case err != nil:
			return nil, err
		case w.rec != nil && !w.rec.Asked.IsZero() && w.rec.Ended.IsZero() && k.instance == "":
			k.log.Warn("a refresh was under way when smokepop ended, and its answer is not here; the authorisation is tried again",
				"agent", id, "asked", w.rec.Asked)
		}
		w.told = k.pairingOf(w)
		wallets[id] = w
	}
	return wallets, nil
}

// damaged tells whether err says that a record, and not the store, is beyond
// reading.
func damaged(err error) bool {
	return errors.Is(err, vault.ErrDamaged) || errors.Is(err, vault.ErrWrongKey) ||
		errors.Is(err, vault.ErrNewerSchema) || errors.Is(err, errRecord)
}

// wallet returns the agent's wallet, nil when the agent has never had one or
// the tenant is not configured.
func (k *Keeper) wallet(id screenpop.AgentID) *wallet {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wallets[id]
}

// newcomer is wallet for an agent who is about to get one; nil when the tenant
// is not configured.
func (k *Keeper) newcomer(id screenpop.AgentID) *wallet {
	k.mu.Lock()
	defer k.mu.Unlock()
	g, w := k.gates[id.Tenant], k.wallets[id]
	if g == nil {
		return nil
	}
	if w == nil {
		w = newWallet(id, g)
		k.wallets[id] = w
	}
	return w
}

func (k *Keeper) all() []*wallet {
	k.mu.Lock()
	defer k.mu.Unlock()
	ws := make([]*wallet, 0, len(k.wallets))
	for _, w := range k.wallets {
		ws = append(ws, w)
	}
	return ws
}

// enter counts work that Run waits for; false when it is too late to begin.
// Whoever got true calls k.outstanding.Done.
func (k *Keeper) enter() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing {
		return false
	}
	k.outstanding.Add(1)
	return true
}

// run does an errand on a goroutine that Run waits for, with a context that
// ends after timeout and with parent. It returns false when it is too late.
func (k *Keeper) run(parent context.Context, timeout time.Duration, errand func(context.Context)) bool {
	if !k.enter() {
		return false
	}
	go func() {
		defer k.outstanding.Done()
		ctx, cancel := context.WithTimeout(parent, timeout)
		defer cancel()
		errand(ctx)
	}()
	return true
}
