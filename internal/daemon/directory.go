package daemon

import (
	"context"
	"log/slog"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/directory"
	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/tokens"
)

// directoryTenants are the tenants in the words of the directory. One whose PBX
// has a client gets its agents from there too.
func directoryTenants(tenants []config.Tenant, clients *pbxes) (list []directory.Tenant) {
	for _, t := range tenants {
		one := directory.Tenant{Domain: t.Domain, Agents: t.Agents, Groups: t.Scope.Groups, Refresh: t.PBX.API.Refresh}
		if c := clients.of(t.Domain); c != nil {
			one.Source = pbxSource{c}
		}
		list = append(list, one)
	}
	return list
}

// members is the directory in the words of those who keep sessions and look up
// whom a command names: who is gone from the PBX is still somebody.
type members struct{ *directory.Directory }

func (m members) Agent(id screenpop.AgentID) (screenpop.Agent, bool) { return m.Known(id) }

// directoryNews takes what a reading has changed to those it concerns. Its
// parts are made after the directory.
type directoryNews struct {
	keeper *tokens.Keeper
	hub    *push.Hub
	agents *directory.Directory
	audit  audit.Recorder
	log    *slog.Logger
}

func (n *directoryNews) changed(_ screenpop.Tenant, list []directory.Change) {
	for _, c := range list {
		if c.Kind != directory.Removed {
			n.keeper.DirectoryChanged(c.Agent)
			continue
		}
		// The ends of this agent's calls are not told any more.
		n.hub.EndAll(c.Agent)
		if _, known := n.agents.Known(c.Agent); !known { // taken out of the configuration
			n.hub.CloseAgent(c.Agent, push.EndedByAdmin)
			n.audit.Record(context.Background(), audit.Entry{
				By: audit.ByItself(audit.ActorDaemon), Event: audit.SignOut{Agent: c.Agent, Cause: audit.NoAgent},
			})
			continue
		}
		if n.keeper.Pairing(c.Agent).State != screenpop.Unpaired {
			n.log.Warn("the extension of a paired agent is gone from the PBX: the pairing and the sessions stay, and there are no pops; unpair the agent if the person has left",
				"agent", c.Agent)
		}
	}
}

// refreshDirectory reads the PBX of a tenant, or of every tenant that has one,
// at once.
func refreshDirectory(ctx context.Context, d *directory.Directory, tenants []screenpop.Tenant) error {
	errs := make(chan error, len(tenants))
	for _, t := range tenants {
		go func() { errs <- d.Refresh(ctx, t) }()
	}
	var first error
	for range tenants {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
