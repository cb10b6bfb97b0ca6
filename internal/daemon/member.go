package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// natsStart is how long NATS may take to be there when smokepop starts.
const natsStart = 20 * time.Second

// connectNATS connects to the servers of a configuration. The connection comes
// back by itself whenever it breaks.
func connectNATS(ctx context.Context, c config.Cluster, g *ground) (*nats.Conn, error) {
	log := g.log.With("component", "cluster")
	options := []nats.Option{
		nats.Name("smokepop " + c.Node), nats.Timeout(2 * time.Second), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to NATS is broken", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("connected to NATS again", "server", nc.ConnectedAddr()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("NATS", "err", err) }),
	}
	if c.NATS.CredsFile != "" {
		options = append(options, nats.UserCredentials(c.NATS.CredsFile))
	}
	if t := c.NATS.TLS; t != (config.NATSTLS{}) {
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
		if t.CAFile != "" {
			options = append(options, nats.RootCAs(t.CAFile))
		}
		if t.CertFile != "" {
			options = append(options, nats.ClientCert(t.CertFile, t.KeyFile))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, natsStart)
	defer cancel()
	for {
		nc, err := nats.Connect(strings.Join(c.NATS.URLs, ","), options...)
		if err == nil {
			return nc, nil
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("cluster.nats: none of the servers lets this node in: %w", err)
		}
	}
}

// openCluster opens the store in JetStream and prepares to be a member.
func (g *ground) openCluster(ctx context.Context, cfg *config.Config, keys vault.KeyRing, opts vault.Options, down *teardown) error {
	nc, err := connectNATS(ctx, cfg.Cluster, g)
	if err != nil {
		return err
	}
	down.add("connection to NATS", func(context.Context) error { nc.Close(); return nil })
	g.nats, g.instance = nc, cfg.Cluster.Node+"-"+nuid.Next()
	if g.memberKeys, err = keys.Derive("members"); err != nil {
		return err
	}
	ids, err := keys.Derive("pop ids")
	if err != nil {
		return err
	}
	g.popSecret = ids[0]
	g.vault, err = vault.OpenJetStream(ctx, nc, keys, vault.JetStreamOptions{Bucket: cfg.Cluster.Name + "-vault", Replicas: cfg.Cluster.Replicas}, opts)
	return err
}

// popIDs makes the ids of pops of what they are for, so that a call that goes on
// at another node, which knows nothing of it, has the pop that it had.
type popIDs struct {
	secret []byte

	mu   sync.Mutex
	made map[popKey]uint32
	keys []popKey // the oldest first
}

type popKey struct {
	agent screenpop.AgentID
	call  screenpop.CallID
}

// popsRemembered is of how many calls it is known how many pops they had.
const popsRemembered = 4096

func (p *popIDs) next(agent screenpop.AgentID, call screenpop.CallID) string {
	p.mu.Lock()
	key := popKey{agent, call}
	if p.made == nil {
		p.made = map[popKey]uint32{}
	}
	n, known := p.made[key]
	if !known {
		if len(p.keys) == popsRemembered {
			delete(p.made, p.keys[0])
			p.keys = p.keys[1:]
		}
		p.keys = append(p.keys, key)
	}
	p.made[key] = n + 1
	p.mu.Unlock()

	h := hmac.New(sha256.New, p.secret)
	for _, word := range []string{string(agent.Tenant), string(agent.Extension), string(call)} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(word))))
		h.Write([]byte(word))
	}
	h.Write(binary.BigEndian.AppendUint32(nil, n))
	return base32.StdEncoding.EncodeToString(h.Sum(nil))[:26]
}

// member is this daemon as a member of a cluster: it has a stack for each part
// that it owns, and the lobby for what belongs to no tenant.
type member struct {
	*cluster.Cluster
	ground *ground
	lobby  *stack
	inside []*server // for the other members
	failed chan error
	going  chan struct{} // closed to hand everything over
	handed chan struct{} // closed when that is done

	closing sync.WaitGroup // screens of parts that are handed over

	mu     sync.Mutex
	cfg    *config.Config
	stacks map[int]*stack
}

// join makes this daemon a member. What belongs to no tenant is the lobby's.
func (g *ground) join(ctx context.Context, cfg *config.Config, lobby *parts) (*member, error) {
	m := &member{
		ground: g, cfg: cfg, stacks: map[int]*stack{}, failed: make(chan error, 1), going: make(chan struct{}), handed: make(chan struct{}),
		lobby: &stack{parts: lobby, agents: lobby.web.Handler(), pbx: lobby.receiver.Handler(), admin: lobby.web.Admin()},
	}
	lobby.everybody.member = m
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

// run is a member until leave is called or ctx ends.
func (m *member) run(ctx context.Context) error {
	group, failing := errgroup.WithContext(ctx)
	for _, s := range m.inside {
		group.Go(s.serve)
	}
	group.Go(func() error {
		defer close(m.handed)
		here, end := context.WithCancelCause(failing)
		defer end(nil)
		go func() {
			select {
			case err := <-m.failed:
				end(err)
			case <-m.going:
				end(nil)
			case <-here.Done():
			}
		}()
		err := m.Cluster.Run(here, leaveTime)
		m.closing.Wait()
		return errors.Join(err, failureOf(here))
	})
	group.Go(func() error {
		<-failing.Done()
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

func (m *member) closeInside(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var errs []error
	for _, s := range m.inside {
		errs = append(errs, s.stop(ctx))
	}
	return errors.Join(errs...)
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
	m.mu.Lock()
	stacks := slices.Collect(maps.Values(m.stacks))
	m.mu.Unlock()
	for _, s := range stacks {
		if err := s.flow.Alive(ctx); err != nil {
			all = append(all, web.Missing{Part: "flow", Problem: err.Error()})
		}
	}
	return all
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
	var puts []func()
	for part, s := range stacks {
		put, err := s.prepare(ctx, tenantsOf(next, part))
		if err != nil {
			return nil, err
		}
		puts = append(puts, put)
	}
	put, err = m.lobby.prepare(ctx, tenantsOf(next, -1))
	if err != nil {
		return nil, err
	}
	return func() {
		for _, each := range append(puts, put) {
			each()
		}
		m.mu.Lock()
		m.cfg = next
		m.mu.Unlock()
	}, nil
}

// tenantsOf returns the configuration with the tenants of one part, or of none
// for -1.
func tenantsOf(cfg *config.Config, part int) *config.Config {
	some := *cfg
	some.Tenants = nil
	for _, t := range cfg.Tenants {
		if cluster.PartOf(string(t.Domain)) == part {
			some.Tenants = append(some.Tenants, t)
		}
	}
	return &some
}

func (m *member) config() *config.Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg
}

// wanted tells whether a part has a tenant.
func (m *member) wanted(part int) bool { return len(tenantsOf(m.config(), part).Tenants) > 0 }

func carriedAt(part int) string { return fmt.Sprintf("carried/part-%02d/", part) }

// Take implements [cluster.Parts].
func (m *member) Take(ctx context.Context, part int) error {
	began := time.Now()
	store := fenced{m.ground.vault, func() bool { return m.Owns(part) }}
	s, err := m.ground.newStack(ctx, tenantsOf(m.config(), part), store, carriedAt(part), m.fatal)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.stacks[part] = s
	m.mu.Unlock()
	m.ground.log.Info("a part of the cluster is this node's", "part", part, "tenants", len(tenantsOf(m.config(), part).Tenants), "took", time.Since(began))
	return nil
}

// Release implements [cluster.Parts].
func (m *member) Release(ctx context.Context, part int) {
	s := m.remove(part)
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	rest, err := s.stop(ctx)
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
	m.ground.log.Warn("another node has taken over a part of the cluster", "part", part)
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	s.drop(ctx)
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
