package smokeball

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// cluster is processes that share a budget. Who keeps it, and whether they hear
// each other, is up to the test.
type cluster struct {
	mu     sync.Mutex
	keeper int // -1: nobody
	cut    bool
	nodes  []*Budgets
	id     BudgetID
}

type node struct {
	*cluster
	me int
}

func (n node) Where(context.Context, BudgetID) (Role, Lender) {
	n.mu.Lock()
	defer n.mu.Unlock()
	share := Role{Share: 1 / float64(len(n.nodes))}
	switch {
	case n.cut || n.keeper < 0:
		return share, nil
	case n.keeper == n.me:
		return Role{Share: 1, Lends: true}, nil
	}
	return share, n.nodes[n.keeper]
}

func newCluster(n int, limit Limit) *cluster {
	c := &cluster{id: BudgetOf("https://api.example", "app")}
	for me := range n {
		b := NewSharedBudgets(node{c, me})
		b.Limit(map[BudgetID]Limit{c.id: limit})
		c.nodes = append(c.nodes, b)
	}
	return c
}

// hand lets another process keep the budget.
func (c *cluster) hand(to int) {
	c.mu.Lock()
	before := c.keeper
	c.keeper = to
	c.mu.Unlock()
	c.nodes[before].Keep(c.id, Role{})
	pass(30 * time.Millisecond) // nobody has it
	c.nodes[to].Keep(c.id, Role{Share: 1, Lends: true})
}

// part takes the processes from each other, or brings them together again; each
// notices.
func (c *cluster) part(cut bool) {
	c.mu.Lock()
	c.cut = cut
	keeper := c.keeper
	c.mu.Unlock()
	for me, b := range c.nodes {
		role := Role{Share: 1 / float64(len(c.nodes))}
		switch {
		case !cut && me == keeper:
			role = Role{Share: 1, Lends: true}
		case !cut:
			role = Role{}
		}
		b.Keep(c.id, role)
	}
}

func (c *cluster) budget(me int) *Budget { return c.nodes[me].For(c.id.API, c.id.ClientID, 0, 0) }

// However three processes ask, whoever of them keeps the budget, and while they
// do not hear each other: Smokeball's bucket never runs over, and what is there
// is used.
func TestProcessesThatShareABudgetStayWithinIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCluster(3, Limit{6, 6}), newServer(6, 6)
		c.nodes[0].Keep(c.id, Role{Share: 1, Lends: true})
		random := rand.New(rand.NewPCG(3, 4))
		var mu sync.Mutex
		var wg sync.WaitGroup
		send := func(me int) {
			jitter := time.Duration(random.IntN(40)) * time.Millisecond
			wg.Go(func() {
				p, err := c.budget(me).acquire(t.Context(), EndpointContacts)
				if err != nil {
					t.Error(err)
					return
				}
				p.sent()
				pass(5*time.Millisecond + jitter)
				mu.Lock()
				s.arrive()
				mu.Unlock()
				p.done(nil)
			})
		}
		began := time.Now()
		const rounds, each = 12, 30
		for round := range rounds {
			for range each {
				send(random.IntN(3))
			}
			pass(time.Duration(random.IntN(3000)) * time.Millisecond)
			switch round % 4 {
			case 0, 1:
				c.hand((c.keeper + 1) % 3)
			case 2:
				c.part(true)
			case 3:
				c.part(false)
			}
			synctest.Wait()
		}
		wg.Wait()
		if s.refused > 0 || s.seen != rounds*each {
			t.Errorf("%d of %d refused", s.refused, s.seen)
		}
		// At least two thirds of the rate: what shares leave lie, and empty beginnings.
		if took, most := time.Since(began), time.Duration(rounds*each/6*3/2)*time.Second; took > most {
			t.Errorf("%d requests took %v, more than %v", s.seen, took, most)
		}
	})
}

// The most urgent request goes first, whichever process it comes from.
func TestASharedBudgetServesTheMostUrgentFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2, Limit{1, 1})
		c.nodes[0].Keep(c.id, Role{Share: 1, Lends: true})
		order := make(chan int, 4)
		ask := func(name, me int, class Class) {
			go func() {
				p, err := c.budget(me).acquire(WithPriority(t.Context(), Priority{Class: class, Since: time.Now()}), EndpointContacts)
				if err != nil {
					t.Error(err)
					return
				}
				p.sent()
				p.done(nil)
				order <- name
			}()
			synctest.Wait()
		}
		ask(0, 0, Background)
		ask(1, 0, RingingOutbound)
		ask(2, 1, RingingInbound)
		ask(3, 1, ConnectedInbound)
		for _, want := range []int{2, 1, 3, 0} {
			if got := <-order; got != want {
				t.Errorf("%d went out before %d", got, want)
			}
		}
	})
}

// A 429 that one process hears slows all of them, as long as it asks for.
func TestARefusalSlowsEveryProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(3, Limit{100, 100})
		c.nodes[0].Keep(c.id, Role{Share: 1, Lends: true})
		pass(time.Second)
		p, err := c.budget(1).acquire(t.Context(), EndpointContacts)
		if err != nil {
			t.Fatal(err)
		}
		p.sent()
		p.done(&StatusError{Status: 429, RetryAfter: 20 * time.Second})
		refused := time.Now()
		for me := range c.nodes {
			short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if _, err := c.budget(me).acquire(short, EndpointContacts); !errors.Is(err, ErrBusy) {
				t.Errorf("process %d: %v", me, err)
			}
			cancel()
		}
		p, err = c.budget(2).acquire(t.Context(), EndpointContacts)
		if err != nil {
			t.Fatal(err)
		}
		p.done(nil)
		if after := time.Since(refused); after < 20*time.Second || after > 21*time.Second {
			t.Errorf("the next request went out %v after the refusal", after)
		}
	})
}

// A process that waits goes on as what it has become, or fails in time; who
// hears nothing of a keeper goes on with its share.
func TestWhoWaitsGoesOnWhenTheKeeperIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2, Limit{2, 2})
		c.nodes[0].Keep(c.id, Role{Share: 1, Lends: true})
		began := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				p, err := c.budget(1).acquire(t.Context(), EndpointContacts)
				if err != nil {
					t.Error(err)
					return
				}
				p.done(nil)
			})
		}
		synctest.Wait()
		c.part(true)
		wg.Wait()
		if took := time.Since(began); took < 4*time.Second || took > 5*time.Second {
			t.Errorf("4 requests of a share of 1 a second took %v", took)
		}
		if _, err := c.nodes[0].Lend(t.Context(), c.id, EndpointContacts, Priority{}); !errors.Is(err, ErrElsewhere) {
			t.Errorf("who does not keep the budget lends: %v", err)
		}
	})
}

// One process' failures at Smokeball are no reason for another not to ask.
func TestABreakerIsEachProcessesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2, Limit{100, 100})
		c.nodes[0].Keep(c.id, Role{Share: 1, Lends: true})
		for range tripAfter {
			p, err := c.budget(0).acquire(t.Context(), EndpointContacts)
			if err != nil {
				t.Fatal(err)
			}
			p.done(&StatusError{Status: 503})
		}
		if _, err := c.budget(0).acquire(t.Context(), EndpointContacts); !errors.Is(err, ErrNotAsked) {
			t.Errorf("the breaker is closed: %v", err)
		}
		p, err := c.budget(1).acquire(t.Context(), EndpointContacts)
		if err != nil {
			t.Fatal(err)
		}
		p.done(nil)
	})
}
