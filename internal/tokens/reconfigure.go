package tokens

import (
	"context"
	"fmt"
	"maps"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Prepare makes ready for other tenants in the place of those there are, and
// reads the authorisations of those that are new. Nothing has changed until the
// function it returns is called, which cannot fail; one call of Prepare at a
// time. Requests under way end as they began. A tenant that is taken out keeps
// its authorisations, but nobody gets a token of them and none is refreshed.
func (k *Keeper) Prepare(ctx context.Context, tenants []TenantConfig) (put func(), err error) {
	k.mu.Lock()
	known := maps.Clone(k.gates)
	maps.Copy(known, k.idleGates)
	k.mu.Unlock()
	after, fresh := map[screenpop.Tenant]*gate{}, map[screenpop.Tenant]*gate{}
	for _, t := range tenants {
		g := known[t.Tenant]
		if g == nil {
			g = &gate{tenant: t.Tenant}
			g.configure(t)
			fresh[t.Tenant] = g
		}
		after[t.Tenant] = g
	}
	loaded := map[screenpop.AgentID]*wallet{}
	if len(fresh) > 0 {
		if loaded, err = k.load(ctx, fresh); err != nil {
			return nil, fmt.Errorf("load authorisations: %w", err)
		}
	}
	return func() {
		for _, t := range tenants {
			after[t.Tenant].configure(t)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		maps.Copy(loaded, k.wallets)
		maps.Copy(loaded, k.idleWallets)
		k.gates = after
		k.wallets, k.idleWallets = map[screenpop.AgentID]*wallet{}, map[screenpop.AgentID]*wallet{}
		for id, w := range loaded {
			if after[id.Tenant] != nil {
				k.wallets[id] = w
			} else {
				k.idleWallets[id] = w
			}
		}
		for t, g := range known {
			if after[t] == nil {
				k.idleGates[t] = g
			} else {
				delete(k.idleGates, t)
			}
		}
		k.stir()
	}, nil
}

// configure puts a tenant's configuration in the place of the one before. Other
// credentials are tried at once, whatever became of those before.
func (g *gate) configure(t TenantConfig) {
	if t.RefreshTokenLifetime <= 0 {
		t.RefreshTokenLifetime = DefaultRefreshTokenLifetime
	}
	before := g.config.Swap(&t)
	if before == nil || before.OAuth == t.OAuth {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.client, g.resting = backoff{}, backoff{}
}

// tenant returns a tenant's configuration; nil: there is none.
func (k *Keeper) tenant(t screenpop.Tenant) *TenantConfig {
	k.mu.Lock()
	defer k.mu.Unlock()
	if g := k.gates[t]; g != nil {
		return g.config.Load()
	}
	return nil
}
