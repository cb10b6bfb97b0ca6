package daemon

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vault"
)

// ground is what parts stand on: the store, and how the world is reached and
// told.
type ground struct {
	world   outside
	audit   audit.Recorder
	version string
	log     *slog.Logger
	vault   *vault.Store
	care    *caretaker

	// Of a member of a cluster.
	nats       *nats.Conn
	memberKeys [][]byte
	member     *member // once it has joined
	node       string  // this one's name
	instance   string
	sessions   *sessionParts  // of whom they are
	budgets    *sharedBudgets // of Smokeball, that all members share
	popSecret  []byte         // that ids of pops are made with; nil: they are random
}

// learning is the store as a member of a cluster reads it.
func (g *ground) learning() learning { return learning{g.vault, g.sessions} }

// newPopIDs returns what makes a stack's ids of pops; nil for random ones.
func (g *ground) newPopIDs() func(screenpop.AgentID, screenpop.CallID) string {
	if g.popSecret == nil {
		return nil
	}
	return (&popIDs{secret: g.popSecret}).next
}

// storage is the store as parts use it.
type storage interface {
	Get(ctx context.Context, path string) (value []byte, revision uint64, err error)
	CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error)
	Put(ctx context.Context, path string, value []byte) error
	Delete(ctx context.Context, path string, revision uint64) (existed bool, err error)
	List(ctx context.Context, prefix string) ([]string, error)
	GetAll(ctx context.Context, prefixes ...string) ([]vault.Record, error)
	Healthy(ctx context.Context) error
	Answers(ctx context.Context) error
}

// open opens the store. It is closed with down.
func (g *ground) open(ctx context.Context, cfg *config.Config, metrics prometheus.Registerer, inspect func(context.Context, string) error, down *teardown) error {
	keys, err := vault.LoadKeys(cfg.EncryptionKeyFile)
	if err != nil {
		return fmt.Errorf("encryption_key_file: %w", err)
	}
	opts := vault.Options{Metrics: metrics, Inspect: inspect}
	if cfg.Cluster.On() {
		err = g.openCluster(ctx, cfg, keys, opts, down)
	} else {
		g.vault, err = vault.Open(ctx, cfg.StateDir, keys, opts)
	}
	if err != nil {
		return err
	}
	if g.vault.Created() {
		g.log.Warn("there was no database: a new one was made, and no agent is paired", "state_dir", cfg.StateDir)
	}
	down.add("store", func(context.Context) error { return g.vault.Close() })
	g.care = newCaretaker(g.vault, cfg.EncryptionKeyFile, cfg.StateDir, g.audit, g.log.With("component", "store"))
	return nil
}
