package directory

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/crew"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Tenant is a PBX domain and where its agents come from.
type Tenant struct {
	Domain screenpop.Tenant
	// Agents are those of the configuration. What is set there wins over what
	// the PBX says; what is empty is filled in. They are in the PBX's groups
	// beside their own.
	Agents []screenpop.Agent
	// Groups are the names of groups as the configuration writes them: a group
	// of the PBX that differs in case only is known by that name too.
	Groups []string
	// Source is the PBX; nil: the configuration alone tells.
	Source Source
	// Refresh is how often Source is read; 0 is 10 minutes.
	Refresh time.Duration
}

const defaultRefresh = 10 * time.Minute

// Config is what a Directory stands on.
type Config struct {
	Tenants []Tenant
	// Changed is told what a reading has changed, after it can be seen, in
	// order for each tenant. It delays the tenant's next reading only.
	Changed func(screenpop.Tenant, []Change)
	Metrics prometheus.Registerer
	Log     *slog.Logger
}

// Directory knows the agents. Its methods may be called from many goroutines;
// those that look somebody up take no lock. Slices in what they return belong
// to the Directory: do not change them.
type Directory struct {
	current atomic.Pointer[snapshot]
	members []*member
	readers *crew.Crew[*member] // of the members that have a PBX
	changed func(screenpop.Tenant, []Change)
	metrics *metrics
	log     *slog.Logger
	stopped chan struct{} // closed when Run has ended

	mu sync.Mutex // held to change members and publish
}

// New returns a Directory that knows the configured agents. Run reads the PBXs.
func New(cfg Config) (*Directory, error) {
	d := &Directory{changed: cfg.Changed, log: cfg.Log, stopped: make(chan struct{}), readers: crew.New[*member]()}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.Reconfigure(cfg.Tenants)
	var err error
	d.metrics, err = newMetrics(cfg.Metrics, d)
	return d, err
}

// Agent returns the agent of an extension. False: there is none, or not any
// more.
func (d *Directory) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	c := d.current.Load().tenants[id.Tenant]
	if c == nil {
		return screenpop.Agent{}, false
	}
	a, ok := c.agents[id.Extension]
	if !ok {
		return screenpop.Agent{}, false
	}
	return *a, true
}

// Known is Agent that knows those too whose extension is gone from the PBX:
// their sessions and pairings stay.
func (d *Directory) Known(id screenpop.AgentID) (screenpop.Agent, bool) {
	if a, ok := d.Agent(id); ok {
		return a, true
	}
	c := d.current.Load().tenants[id.Tenant]
	if c == nil {
		return screenpop.Agent{}, false
	}
	a, ok := c.gone[id.Extension]
	return a, ok
}

// Phones is a Directory asked by the numbers of a call: an extension's aliases
// name its agent too. Sessions and authorisations must not be looked up so, as
// an alias may pass from one agent to another.
type Phones struct{ *Directory }

// Agent returns the agent who answers at a number.
func (p Phones) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	if a, ok := p.Directory.Agent(id); ok {
		return a, true
	}
	c := p.current.Load().tenants[id.Tenant]
	if c == nil {
		return screenpop.Agent{}, false
	}
	a, ok := c.aliases[id.Extension]
	if !ok {
		return screenpop.Agent{}, false
	}
	return *a, true
}

// Agents lists all agents, by tenant and extension in the order they came.
func (d *Directory) Agents() []screenpop.Agent { return slices.Clone(d.current.Load().list) }

// Account returns what answers at a number of the tenant's PBX, as the PBX
// told: an extension, a ring group, a queue and so on.
func (d *Directory) Account(t screenpop.Tenant, number string) (Account, bool) {
	c := d.current.Load().tenants[t]
	if c == nil {
		return Account{}, false
	}
	a, ok := c.accounts[number]
	if !ok {
		return Account{}, false
	}
	return *a, true
}

// AccountName is Account for who wants its name alone; it may be empty.
func (d *Directory) AccountName(t screenpop.Tenant, number string) (name string, ok bool) {
	a, ok := d.Account(t, number)
	return a.Name, ok
}

// Assume takes extensions for agents until their tenant's PBX has been read:
// they were agents before this process began. Those that turn out not to be
// are then known as gone.
func (d *Directory) Assume(agents []screenpop.AgentID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.members {
		if m.Source == nil || m.read {
			continue
		}
		for _, id := range agents {
			if id.Tenant == m.Domain && !slices.Contains(m.assumed, id.Extension) {
				m.assumed = append(m.assumed, id.Extension)
			}
		}
		d.publish(m)
	}
}
