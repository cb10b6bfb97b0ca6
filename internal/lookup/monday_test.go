package lookup_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// clocked are screens that keep how long each pop took.
type clocked struct {
	screenpop.Screens
	mu   sync.Mutex
	took []time.Duration
}

func (c *clocked) Pop(_ screenpop.AgentID, pop screenpop.Pop, received time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(pop.Contacts) == 1 {
		c.took = append(c.took, time.Since(received))
	}
}

// Monday at nine: 40 known people call within 10 s, and again within 2 s, each
// on eight phones. There is one search for each caller, none of them too fast,
// and pops come within 5 % of when Smokeball's bucket and its latency alone would
// let them come. When the calls come at any moments, that holds on average but
// for the 50 ms that our bucket keeps from Smokeball's.
func TestMondayAtNine(t *testing.T) {
	const (
		calls, phones = 40, 8
		latency       = 150 * time.Millisecond
		spacing       = 50 * time.Millisecond
	)
	for seed := range uint64(5) {
		for _, within := range []time.Duration{10 * time.Second, 2 * time.Second} {
			t.Run(fmt.Sprint(within, " ", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					limit := simulator.RateLimit{Slack: -1}
					firm := simulator.NewFirm()
					firm.Agents = append(firm.Agents,
						simulator.Agent{Extension: "107", Name: "Eleanor Harlow", Email: "eleanor@firm.example"},
						simulator.Agent{Extension: "108", Name: "Ines Duarte", Email: "ines@firm.example"})
					// A caller whose turn comes after the usual 3 s would be dropped, and
					// of 40 in 2 s the last one's turn comes after 8.
					h := build(t, setup{firm: firm, options: simulator.Options{RateLimit: limit}, tenant: TenantConfig{Timeout: 15 * time.Second}, latency: latency})
					for i := range calls {
						h.sim.PutContacts(simulator.Contact{
							ID:     fmt.Sprintf("00000000-0000-4000-8000-00000000c%03d", i),
							Person: &simulator.Person{LastName: fmt.Sprint("Caller ", i), Cell: simulator.Phone{AreaCode: "617", Number: fmt.Sprintf("555-%04d", 7000+i)}},
						})
					}
					screens := &clocked{}
					flow := screenpop.NewFlow(screenpop.FlowConfig{Finder: h.finder, Screens: screens, Settings: func(screenpop.AgentID) screenpop.PopSettings {
						return screenpop.PopSettings{On: screenpop.Ringing, Inbound: true}
					}})
					ran := make(chan error, 1)
					go func() { ran <- flow.Run(context.WithoutCancel(t.Context())) }()

					random := rand.New(rand.NewPCG(seed, 9))
					at := make([]time.Duration, calls)
					for i := range at {
						// Not to the tick of the bucket: of a call that comes at the very
						// moment of a token it is chance whether it is the newest there.
						at[i] = time.Duration(i) * (within/calls + 37*time.Microsecond)
						if seed > 0 {
							at[i] = time.Duration(random.Int64N(int64(within)))
						}
					}
					slices.Sort(at)
					start := time.Now()
					for i := range calls {
						pass(time.Until(start.Add(at[i])))
						now := time.Now()
						for _, a := range firm.Agents {
							if !flow.Offer([]screenpop.Event{{
								Agent: screenpop.Agent{AgentID: h.agent(a.Extension)}, Received: now,
								Call: screenpop.Call{
									ID: screenpop.CallID(fmt.Sprint(i)), Direction: screenpop.Inbound, State: screenpop.Ringing, Started: now,
									Number: h.number(fmt.Sprintf("+1617555%04d", 7000+i)),
								},
							}}) {
								t.Fatal("the flow is full")
							}
						}
					}
					if err := flow.Close(t.Context()); err != nil {
						t.Error(err)
					}
					if err := <-ran; err != nil {
						t.Error(err)
					}

					if n := len(h.searches()); n > calls || h.sim.RateLimited() != 0 {
						t.Errorf("%d searches for %d rings, %d too fast", n, calls*phones, h.sim.RateLimited())
					}
					if len(screens.took) != calls*phones {
						t.Fatalf("%d pops for %d rings", len(screens.took), calls*phones)
					}
					slices.Sort(screens.took)
					bound := limit.NewestFirst(at)
					slices.Sort(bound)
					var over time.Duration
					for i := range screens.took {
						over += screens.took[i] - bound[i/phones] - latency
					}
					if over /= calls * phones; over > spacing {
						t.Errorf("%v over what the bucket and the latency alone permit, on average", over)
					}
					if seed > 0 {
						return // when calls come in heaps, who is next at the p50 is chance
					}
					for _, share := range []float64{.5, .95} {
						took, least := screens.took[int(share*float64(calls*phones))-1], bound[int(share*calls)-1]+latency
						t.Logf("p%.0f: %v, the bucket and the latency alone: %v", 100*share, took, least)
						if float64(took) > 1.05*float64(least) {
							t.Errorf("p%.0f: %v, more than 5%% over %v", 100*share, took, least)
						}
					}
				})
			})
		}
	}
}
