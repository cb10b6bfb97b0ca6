package daemon

import (
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

// pbxes are the clients of the tenants' PBXs, one for each tenant whose
// configuration names the PBX's API. All parts share them, so that what one has
// learnt of a PBX serves the others; a reload leaves those alone that stay.
type pbxes struct {
	log     *slog.Logger
	change  func(*vodia.Config)
	clients atomic.Pointer[map[screenpop.Tenant]pbx]
}

type pbx struct {
	client *vodia.Client
	api    config.API
}

// of returns the client of a tenant's PBX; nil: there is none.
func (p *pbxes) of(t screenpop.Tenant) *vodia.Client { return p.all()[t].client }

// tenants lists those with a PBX, in the order of their names.
func (p *pbxes) tenants() (list []screenpop.Tenant) {
	for t := range p.all() {
		list = append(list, t)
	}
	slices.Sort(list)
	return list
}

func (p *pbxes) all() map[screenpop.Tenant]pbx {
	if m := p.clients.Load(); m != nil {
		return *m
	}
	return nil
}

// prepare makes the clients of a configuration. They are used from the call of
// put on.
func (p *pbxes) prepare(cfg *config.Config) (put func(), err error) {
	before, after := p.all(), map[screenpop.Tenant]pbx{}
	for _, t := range cfg.Tenants {
		if t.PBX.API.URL == "" {
			continue
		}
		one := before[t.Domain]
		if one.client == nil || one.api != t.PBX.API {
			c, err := NewPBXClient(t, p.log, p.change)
			if err != nil {
				closePBXes(after, before)
				return nil, err
			}
			one = pbx{c, t.PBX.API}
		}
		after[t.Domain] = one
	}
	return func() {
		p.clients.Store(&after)
		closePBXes(before, after)
	}, nil
}

// close lets go of idle connections.
func (p *pbxes) close() { closePBXes(p.all(), nil) }

// closePBXes closes the clients that are not among those that stay.
func closePBXes(all, stay map[screenpop.Tenant]pbx) {
	for t, one := range all {
		if stay[t].client != one.client {
			one.client.Close()
		}
	}
}
