package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/vault"
)

// The ends of a move.
const (
	toCluster  = "cluster"
	toDatabase = "database"
)

func newMigrate() *cobra.Command {
	var flags storeFlags
	var to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "migrate --to cluster|database --config FILE",
		Short: "Move the store from this machine's database to the cluster, or back; what is moved from is kept",
		Long: `Copies every record from the database in state_dir into the cluster's bucket in
NATS, or back, and compares them all. Every smokepopd has to be stopped. The place that is moved to has to be empty; a
move that was broken off goes on when the command is given again. What is moved from stays as it is: delete it once all is well.

Nothing lies open on the way: what is read from one store is sealed for the other with the same key file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to != toCluster && to != toDatabase {
				return failure{exitUsage, errors.New("say where to move to: --to cluster or --to database")}
			}
			cfg, err := loadConfig(flags.configFile)
			if err != nil {
				return err
			}
			if !cfg.Cluster.On() {
				return failure{exitUsage, errors.New("cluster.nats.urls is empty: the configuration names no cluster to move to or from")}
			}
			flags.take(cfg)
			done, err := flags.migrate(cmd.Context(), cfg, to)
			if err != nil {
				return failure{exitFailed, err}
			}
			if asJSON {
				return printJSON(cmd, map[string]any{"to": to, "records": done.Records, "copied": done.Copied, "resumed": done.Resumed})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "moved to the %s and compared, records: %d; what was moved from is as it was\n", to, done.Records)
			return nil
		},
	}
	configFlag(cmd, &flags.configFile)
	cmd.Flags().StringVar(&to, "to", "", "cluster or database")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// quietLog is for commands that open a cluster's store: only what has gone wrong.
func quietLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

func (f *storeFlags) migrate(ctx context.Context, cfg *config.Config, to string) (done vault.Migrated, err error) {
	keys, err := vault.LoadKeys(f.keyFile)
	if err != nil {
		return done, err
	}
	cluster, closeCluster, err := daemon.OpenClusterStore(ctx, cfg, keys, quietLog())
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, closeCluster()) }()
	database, err := f.database(ctx, keys, to == toDatabase)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	if to == toCluster {
		done, err = vault.Migrate(ctx, database, cluster, "database")
		if errors.Is(err, vault.ErrNotEmpty) {
			err = fmt.Errorf("%w in the cluster, and they are as they were: if they are to be replaced, stop every node, make a backup of them, and remove the stream KV_%s-vault with NATS' own tool", err, cfg.Cluster.Name)
		}
		return done, err
	}
	return vault.Migrate(ctx, cluster, database, "cluster "+cfg.Cluster.Name)
}

// database opens the database in the state directory, and makes it where it may
// be new.
func (f *storeFlags) database(ctx context.Context, keys vault.KeyRing, isNew bool) (s *vault.Store, err error) {
	if !isNew {
		return f.open(ctx, keys)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	open := func() error {
		s, err = vault.Open(ctx, f.stateDir, keys, vault.Options{Inspect: vault.InspectInChild(self, vaultInspect)})
		return err
	}
	if _, missing := os.Stat(f.stateDir); missing == nil {
		err = asOwner(f.stateDir, open)
	} else {
		err = open()
	}
	return s, err
}
