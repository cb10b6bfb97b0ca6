package daemon

import (
	"log/slog"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

// pbxes are the clients of the tenants' PBXs, one for each tenant whose
// configuration names the PBX's API. All parts share them, so that what one has
// learnt of a PBX serves the others.
type pbxes map[screenpop.Tenant]*vodia.Client

func newPBXes(cfg *config.Config, log *slog.Logger, change func(*vodia.Config)) (pbxes, error) {
	clients := pbxes{}
	for _, t := range cfg.Tenants {
		if t.PBX.API.URL == "" {
			continue
		}
		c, err := NewPBXClient(t, log, change)
		if err != nil {
			clients.close()
			return nil, err
		}
		clients[t.Domain] = c
	}
	return clients, nil
}

// close lets go of idle connections.
func (p pbxes) close() {
	for _, c := range p {
		c.Close()
	}
}
