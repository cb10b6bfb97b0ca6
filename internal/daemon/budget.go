package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

const (
	// serviceBudget is where members ask each other for requests to Smokeball.
	serviceBudget = "budget"
	// budgetLook is how often it is looked at which budgets are kept here.
	budgetLook = 200 * time.Millisecond
	// budgetWait is how long a request waits for who keeps its budget to be found,
	// or to be heard of: then it goes out of this node's share.
	budgetWait = 500 * time.Millisecond
	// budgetGone is how long a node that is gone without a word is counted: cut
	// off, it goes on with its share.
	budgetGone = time.Minute
)

// sharedBudgets shares Smokeball's budgets among the members of a cluster. Each
// is kept by the owner of the first of its tenants, so that a client id of one
// tenant asks nobody.
type sharedBudgets struct {
	*smokeball.Budgets
	of      *budgetPlaces
	metrics *loanMetrics

	mu      sync.Mutex
	member  *member // nil until this daemon is one
	lenders map[string]*borrower
	nodes   map[string]time.Time // when each was last seen
	there   int                  // how many were, the last time that this one saw them
	parts   map[int]bool         // which are here, from taking to having let go
	closed  bool
}

// budgetPlaces are the budgets of a configuration. It is not changed.
type budgetPlaces struct {
	parts  map[smokeball.BudgetID]int
	limits map[smokeball.BudgetID]smokeball.Limit
}

func placesOf(cfg *config.Config) (*budgetPlaces, error) {
	p := &budgetPlaces{map[smokeball.BudgetID]int{}, map[smokeball.BudgetID]smokeball.Limit{}}
	first := map[smokeball.BudgetID]screenpop.Tenant{}
	for _, t := range cfg.Tenants {
		hosts, err := smokeball.HostsFor(t.Region, t.Staging, smokeball.Hosts(t.Smokeball.Endpoints))
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.Domain, err)
		}
		id := smokeball.BudgetOf(hosts.API, t.Smokeball.ClientID)
		limit := smokeball.Limit{PerSecond: t.Smokeball.RequestsPerSecond, Burst: t.Smokeball.Burst}
		if all, there := p.limits[id]; there {
			limit = all.Lower(limit)
		}
		p.limits[id] = limit
		if before, there := first[id]; !there || t.Domain < before {
			first[id], p.parts[id] = t.Domain, cluster.PartOf(string(t.Domain))
		}
	}
	return p, nil
}

func newSharedBudgets(places *budgetPlaces, metrics prometheus.Registerer) *sharedBudgets {
	s := &sharedBudgets{of: places, metrics: newLoanMetrics(metrics), lenders: map[string]*borrower{}, nodes: map[string]time.Time{}, parts: map[int]bool{}}
	s.Budgets = smokeball.NewSharedBudgets(s)
	s.Limit(places.limits)
	return s
}

// join begins to share: the members are known from now on.
func (s *sharedBudgets) join(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member = m
}

// set puts other places in the place of those there are.
func (s *sharedBudgets) set(places *budgetPlaces) {
	s.mu.Lock()
	s.of = places
	m := s.member
	s.mu.Unlock()
	s.Limit(places.limits)
	s.look(m)
}

// place returns where a budget is kept, and as which member that is seen.
func (s *sharedBudgets) place(id smokeball.BudgetID) (m *member, part int, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	part, known = s.of.parts[id]
	return s.member, part, known
}

// Where implements [smokeball.Sharing].
func (s *sharedBudgets) Where(ctx context.Context, id smokeball.BudgetID) (smokeball.Role, smokeball.Lender) {
	m, part, known := s.place(id)
	switch {
	case m == nil || !known || !m.Connected():
		return s.share(), nil
	case s.holds(part):
		return s.whole(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, budgetWait)
	defer cancel()
	owner, local, err := m.Owner(ctx, part)
	if err != nil || local { // local: it is being let go of
		return s.share(), nil
	}
	if b := s.borrower(owner); b != nil {
		return s.share(), b
	}
	return s.share(), nil
}

func (s *sharedBudgets) holds(part int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[part]
}

// share is what this node has of each budget while it is by itself.
func (s *sharedBudgets) share() smokeball.Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return smokeball.Role{Share: 1 / float64(max(1, s.there))}
}

// whole is what this node has of a budget that it keeps: all but the shares of
// nodes that may be cut off.
func (s *sharedBudgets) whole() smokeball.Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := max(1, s.there)
	return smokeball.Role{Share: float64(there) / float64(max(there, len(s.nodes))), Lends: true}
}

// run looks after the budgets until ctx ends.
func (s *sharedBudgets) run(ctx context.Context, m *member) error {
	tick := time.NewTicker(budgetLook)
	defer tick.Stop()
	defer s.close()
	for {
		s.look(m)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *sharedBudgets) look(m *member) {
	connected := m.Connected()
	if connected {
		s.see(m.Members(), time.Now())
	}
	s.mu.Lock()
	places := s.of.parts
	s.mu.Unlock()
	for id, part := range places {
		here := s.holds(part)
		switch has := s.Role(id); {
		case !connected && has.Share > 0:
			s.Keep(id, s.share())
		case connected && here:
			s.Keep(id, s.whole())
		case connected && has.Lends:
			s.Keep(id, smokeball.Role{})
		}
	}
}

// see remembers who is there. A member that says that it leaves is not missed.
func (s *sharedBudgets) see(members []cluster.Member, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.there = 0
	for _, m := range members {
		s.there++
		if m.Leaving {
			delete(s.nodes, m.Node)
		} else {
			s.nodes[m.Node] = now
		}
	}
	for node, seen := range s.nodes {
		if now.Sub(seen) > budgetGone {
			delete(s.nodes, node)
		}
	}
}

// take begins to keep what belongs to a part.
func (s *sharedBudgets) take(part int) { s.hold(part, true, s.whole()) }

// release ends to: what was granted has gone out when it returns.
func (s *sharedBudgets) release(part int) {
	s.hold(part, false, smokeball.Role{})
	ctx, cancel := context.WithTimeout(context.Background(), budgetWait)
	defer cancel()
	s.mu.Lock()
	places := s.of.parts
	s.mu.Unlock()
	for id, at := range places {
		if at == part {
			s.Sent(ctx, id)
		}
	}
}

func (s *sharedBudgets) hold(part int, here bool, as smokeball.Role) {
	s.mu.Lock()
	if s.parts[part] = here; !here {
		delete(s.parts, part)
	}
	places := s.of.parts
	s.mu.Unlock()
	for id, at := range places {
		if at == part && (here || s.Role(id).Lends) {
			s.Keep(id, as)
		}
	}
}
