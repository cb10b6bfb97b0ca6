package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// member is this daemon as a member of a cluster: it has a stack for each part
// that it owns, and the lobby for what belongs to no tenant.
type member struct {
	*cluster.Cluster
	ground *ground
	lobby  *stack
	inside []*server // for the other members
	lends  *budgetServer
	failed chan error
	going  chan struct{} // closed to hand everything over
	handed chan struct{} // closed when that is done

	closing sync.WaitGroup // screens of parts that are handed over

	admins   http.Handler // of the admin socket
	commands *front       // what it goes by
	browsers *front       // what the agents' listener goes by
	webhooks *front       // what the PBX's listener goes by
	ends     *unkept      // that came to it

	spread atomic.Pointer[spread]
	mu     sync.Mutex
	stacks map[int]*stack
	state  push.ClusterState // that pages were told
}

// join makes this daemon a member. What belongs to no tenant is the lobby's.
func (g *ground) join(ctx context.Context, cfg *config.Config, lobby *parts) (*member, error) {
	m := &member{
		state: push.ClusterWhole, ground: g, stacks: map[int]*stack{}, failed: make(chan error, 1), going: make(chan struct{}), handed: make(chan struct{}),
		lobby: &stack{parts: lobby, agents: lobby.web.Handler(), pbx: lobby.receiver.Handler(), admin: lobby.web.Admin(), ending: context.Background()},
	}
	m.spread.Store(spreadOf(cfg))
	m.admins, m.browsers = m.admin(), m.front(serviceAgents, false, m.ofBrowser)
	m.webhooks, m.ends = m.front(servicePBX, true, m.ofWebhook), newUnkept()
	g.member = m
	lobby.everybody.member = m
	lobby.administers(cfg)
	if lobby.watchdog != nil {
		lobby.watchdog.flow = m
	}
	log := g.log.With("component", "cluster")
	var err error
	m.Cluster, err = cluster.Join(ctx, cluster.Config{
		Conn: g.nats, Name: cfg.Cluster.Name, Node: cfg.Cluster.Node, Secrets: g.memberKeys, Parts: m, Wanted: m.wanted,
		Replicas: cfg.Cluster.Replicas, Build: g.version, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	for _, service := range []string{serviceAgents, servicePBX, serviceAdmin} {
		l, err := m.Listen(service)
		if err != nil {
			return nil, fmt.Errorf("join the cluster: %w", err)
		}
		s := newServer("members-"+service, l, m.inner(service), log)
		s.streams()
		m.inside = append(m.inside, s)
	}
	l, err := m.Listen(serviceBudget)
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	m.lends = newBudgetServer(g.budgets.Budgets, l)
	g.budgets.join(m)
	return m, nil
}

// leaveTime is how long handing everything over may take.
const leaveTime = 12 * time.Second

// leave hands over what this node has, while its listeners are open still: what
// comes meanwhile goes on to the next owners.
func (m *member) leave(ctx context.Context) {
	close(m.going)
	select {
	case <-m.handed:
	case <-ctx.Done():
	}
}

// run is a member until ctx ends, or a part of it fails. Once leave is called it is
// one that has nothing any more, and knows who has.
func (m *member) run(ctx context.Context) error {
	ctx, fail := context.WithCancel(ctx)
	defer fail()
	group, failing := errgroup.WithContext(ctx)
	for _, s := range m.inside {
		group.Go(s.serve)
	}
	group.Go(func() error { m.lends.serve(); return nil })
	group.Go(func() error { m.tellPages(failing); return nil })
	group.Go(func() error { m.webhooks.offerUnkept(failing); return nil })
	group.Go(func() error { return m.ground.budgets.run(failing, m) })
	for _, prefix := range []string{web.SessionsPrefix, web.FramesPrefix} {
		group.Go(func() error { m.ground.learning().follow(failing, prefix); return nil })
	}
	over, end := context.WithCancel(context.WithoutCancel(ctx)) // when nobody asks anything any more
	group.Go(func() error {
		here, stop := context.WithCancelCause(failing)
		defer stop(nil)
		go func() {
			select {
			case err := <-m.failed:
				stop(err)
			case <-m.going:
				stop(nil)
			case <-here.Done():
			}
		}()
		err := m.Cluster.Run(here, over, leaveTime, func() {
			m.closing.Wait()
			close(m.handed)
			if failureOf(here) != nil {
				fail()
			}
		})
		return errors.Join(err, failureOf(here))
	})
	group.Go(func() error {
		<-failing.Done()
		defer end()
		return m.closeInside(context.WithoutCancel(ctx))
	})
	return group.Wait()
}

// failureOf is why a context has ended, unless somebody wanted it to.
func failureOf(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// insideTime is how long requests of other members may take that are here still
// when all has been handed over. A server alone waits for arrivals first.
const insideTime = arrivals + 2*time.Second

// closeInside stops what other members ask. A request that takes too long is cut
// off, and its member asks the next owner.
func (m *member) closeInside(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, insideTime)
	defer cancel()
	m.lends.stop()
	group := new(errgroup.Group)
	for _, s := range m.inside {
		group.Go(func() error { return s.stop(ctx) })
	}
	return group.Wait()
}

// fatal ends the daemon: a part of it has failed.
func (m *member) fatal(err error) {
	select {
	case m.failed <- err:
	default:
	}
}

// missing is what keeps this node from being a whole member.
func (m *member) missing(ctx context.Context) (all []web.Missing) {
	if !m.Connected() {
		all = append(all, web.Missing{Part: "cluster", Problem: "NATS does not answer: this node goes on with the calls and the authorisations that it has, and can neither pair nor save"})
	}
	if err := m.Alive(ctx); err != nil {
		all = append(all, web.Missing{Part: "flow", Problem: err.Error()})
	}
	return all
}

// Alive passes through every worker of every flow here; see [screenpop.Flow.Alive].
func (m *member) Alive(ctx context.Context) error {
	m.mu.Lock()
	stacks := append(slices.Collect(maps.Values(m.stacks)), m.lobby)
	m.mu.Unlock()
	for _, s := range stacks {
		if err := s.flow.Alive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// metrics are those of all that runs here.
func (m *member) metrics(own prometheus.Gatherer) prometheus.Gatherer {
	return summed(func() []prometheus.Gatherer {
		m.mu.Lock()
		defer m.mu.Unlock()
		all := []prometheus.Gatherer{own}
		for _, part := range slices.Sorted(maps.Keys(m.stacks)) {
			all = append(all, m.stacks[part].registry)
		}
		return all
	})
}

// prepare makes every stack ready for another configuration.
func (m *member) prepare(ctx context.Context, next *config.Config) (put func(), err error) {
	m.mu.Lock()
	stacks := maps.Clone(m.stacks)
	m.mu.Unlock()
	spread := spreadOf(next)
	places, err := placesOf(next)
	if err != nil {
		return nil, err
	}
	var puts []func()
	for part, s := range stacks {
		put, err := s.prepare(ctx, spread.part(part))
		if err != nil {
			return nil, err
		}
		puts = append(puts, put)
	}
	put, err = m.lobby.prepare(ctx, spread.lobby)
	if err != nil {
		return nil, err
	}
	return func() {
		for _, each := range append(puts, put) {
			each()
		}
		m.lobby.administers(next)
		m.spread.Store(spread)
		m.ground.budgets.set(places)
	}, nil
}

// spread is a configuration by parts. It is not changed.
type spread struct {
	parts map[int]*config.Config // with the tenants of a part each
	lobby *config.Config         // with none
	of    map[screenpop.Tenant]int
}

func spreadOf(cfg *config.Config) *spread {
	s := &spread{parts: map[int]*config.Config{}, lobby: withoutTenants(cfg), of: map[screenpop.Tenant]int{}}
	for _, t := range cfg.Tenants {
		part := cluster.PartOf(string(t.Domain))
		if s.parts[part] == nil {
			s.parts[part] = withoutTenants(cfg)
		}
		s.parts[part].Tenants = append(s.parts[part].Tenants, t)
		s.of[t.Domain] = part
	}
	return s
}

// all are the parts with tenants.
func (s *spread) all() []int { return slices.Sorted(maps.Keys(s.parts)) }

// part is the configuration of one part.
func (s *spread) part(part int) *config.Config {
	if cfg := s.parts[part]; cfg != nil {
		return cfg
	}
	return s.lobby
}

// guessesOf is the part where an address' attempts to sign in count that name no
// tenant; -1 where there is no part.
func (s *spread) guessesOf(address string) int {
	if len(s.parts) == 0 {
		return -1
	}
	all := s.all()
	return all[cluster.PartOf(address)%len(all)]
}

func withoutTenants(cfg *config.Config) *config.Config {
	some := *cfg
	some.Tenants = nil
	return &some
}

// wanted tells whether a part has a tenant.
func (m *member) wanted(part int) bool { return m.spread.Load().parts[part] != nil }

// partOf is a tenant's part; -1 for a tenant that there is not.
func (m *member) partOf(tenant screenpop.Tenant) int {
	if part, there := m.spread.Load().of[tenant]; there {
		return part
	}
	return -1
}

func carriedAt(part int) string { return fmt.Sprintf("carried/part-%02d/", part) }

// Take implements [cluster.Parts].
func (m *member) Take(ctx context.Context, part int) error {
	began := time.Now()
	store := fenced{
		learning: m.ground.learning(), owned: func() bool { return m.Owns(part) }, standing: m.Standing, doubts: m.Doubts, hearing: m.Hearing, part: part,
		recall: newRecall(func() bool { return m.Owns(part) || m.NobodyLeads() }, m.CutOff),
	}
	cfg := m.spread.Load().part(part)
	s, err := m.ground.newStack(ctx, cfg, store, carriedAt(part), m.fatal)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.stacks[part] = s
	s.hub.Cluster(m.state)
	m.mu.Unlock()
	m.ground.budgets.take(part)
	m.ground.log.Info("a part of the cluster is this node's", "part", part, "tenants", len(cfg.Tenants), "took", time.Since(began))
	return nil
}

// tellPages tells the pages here when this node is cut off from the others, and
// when it is not any more, until ctx ends.
func (m *member) tellPages(ctx context.Context) {
	for ctx.Err() == nil {
		cutOff, changed := m.Standing()
		state := push.ClusterWhole
		if cutOff {
			state = push.ClusterCutOff
		}
		m.stand(state)
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (m *member) stand(state push.ClusterState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == state {
		return
	}
	m.state = state
	m.ground.log.Warn("how this node stands with the others of the cluster has changed: pages that are open here are told", "state", state)
	for _, s := range m.stacks {
		s.hub.Cluster(state)
	}
}

// goes tells whether this node is on its way out.
func (m *member) goes() bool {
	select {
	case <-m.going:
		return true
	default:
		return false
	}
}

// Release implements [cluster.Parts].
func (m *member) Release(ctx context.Context, part int) {
	s := m.remove(part)
	if s == nil {
		return
	}
	began := time.Now()
	defer func() {
		m.ground.log.Info("a part of the cluster is handed over", "part", part, "took", time.Since(began))
	}()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	rest, err := s.stop(ctx)
	m.ground.budgets.release(part)
	m.closing.Go(func() {
		defer cancel()
		if err := errors.Join(err, rest(ctx)); err != nil {
			m.ground.log.Warn("a part of the cluster was handed over with something left undone", "part", part, "err", err)
		}
	})
}

// Lost implements [cluster.Parts].
func (m *member) Lost(part int) {
	s := m.remove(part)
	if s == nil {
		return
	}
	m.ground.budgets.release(part)
	m.ground.log.Warn("a part of the cluster goes on at another node, and could not be handed over", "part", part)
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	s.drop(ctx)
	m.ends.soon()
}

func (m *member) remove(part int) *stack {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stacks[part]
	delete(m.stacks, part)
	return s
}

func (m *member) stack(part int) *stack {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stacks[part]
}
