package daemon

import (
	"context"
	"errors"
	"log/slog"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

// OpenClusterStore opens the store that the nodes of a configuration's cluster
// share, without being a member. done closes it.
func OpenClusterStore(ctx context.Context, cfg *config.Config, keys vault.KeyRing, log *slog.Logger) (store *vault.Store, done func() error, err error) {
	g := &ground{log: log}
	down := teardown{log: log}
	if err := g.openCluster(ctx, cfg, keys, vault.Options{}, &down); err != nil {
		return nil, nil, errors.Join(err, down.run(ctx))
	}
	return g.vault, func() error { return errors.Join(g.vault.Close(), down.run(context.WithoutCancel(ctx))) }, nil
}
