package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

func phone(i int) string { return fmt.Sprintf("+1%03d5551%03d", 201+i%700, i%1000) }

// ring looks a number up for several agents at once and returns how each of
// them came out.
func (h *house) ring(ctx context.Context, number string, extensions ...string) (wait func() map[string]error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := map[string]error{}
	for _, e := range extensions {
		wg.Go(func() {
			m, err := h.finder.Find(ctx, h.agent(e), call(h.number(number)))
			if err == nil && !slices.Equal(names(m), []string{"Maria Castellanos"}) {
				h.t.Errorf("%s sees %v", e, names(m))
			}
			mu.Lock()
			defer mu.Unlock()
			out[e] = err
		})
		synctest.Wait() // so that they come in this order
	}
	return func() map[string]error { wg.Wait(); return out }
}

func TestOneSearchForAllPhones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: 200 * time.Millisecond})
		out := h.ring(t.Context(), maria, "101", "102", "103", "104", "105", "106")()
		for e, err := range out {
			if err != nil {
				t.Errorf("%s: %v", e, err)
			}
		}
		if n := len(h.searches()); n != 1 {
			t.Errorf("%d requests", n)
		}
		if n := h.counted("smokepop_lookup_coalesced_total"); n != 5 {
			t.Errorf("coalesced %d", n)
		}
	})
}

// What one agent does with the answer is not seen by another.
func TestAnswersAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		for i := range 3 { // searched for, then twice from memory
			m, err := h.find(maria)
			if err != nil || m.Contacts[0].Name != "Maria Castellanos" || len(m.Contacts[0].Matters) != 0 || m.Contacts[0].Matters == nil {
				t.Fatalf("%d: %+v, %v", i, m, err)
			}
			m.Contacts[0].Name = "spoilt"
			m.Contacts[0].Matters = append(m.Contacts[0].Matters, screenpop.Matter{ID: "x"})
		}
	})
}

// An agent who is not paired never sees what a colleague's token has found.
func TestUnpairedAgentHasNoShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: 200 * time.Millisecond})
		h.creds.unpair(h.agent("102"))
		out := h.ring(t.Context(), maria, "101", "102", "103")()
		if out["101"] != nil || !errors.Is(out["102"], screenpop.ErrNotPaired) || out["103"] != nil {
			t.Errorf("%v", out)
		}
	})
}

// Unpaired while the search runs, whoever's token it runs with.
func TestUnpairedDuringTheSearch(t *testing.T) {
	for _, e := range []string{"101", "102"} {
		t.Run(e, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, setup{latency: 200 * time.Millisecond})
				wait := h.ring(t.Context(), maria, "101", "102")
				h.creds.unpair(h.agent(e))
				out := wait()
				if !errors.Is(out[e], screenpop.ErrNotPaired) {
					t.Errorf("%s: %v", e, out[e])
				}
				delete(out, e)
				for other, err := range out {
					if err != nil {
						t.Errorf("%s: %v", other, err)
					}
				}
			})
		})
	}
}

// When the token a search runs with is refused, the next agent's takes over:
// one agent's trouble is not another's.
func TestTheNextAgentTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: 100 * time.Millisecond})
		h.sim.RevokeUser("priya@firm.example") // 101: not paired any more, as the refresh finds out
		h.sim.Inject(simulator.Statuses(simulator.ContactsEndpoint, 200, 401, 401)...)
		wait := h.ring(t.Context(), maria, "101", "102", "101", "103")
		out := wait()
		if !errors.Is(out["101"], screenpop.ErrNotPaired) || !errors.Is(out["102"], screenpop.ErrRefused) || out["103"] != nil {
			t.Errorf("%v", out)
		}
		if len(h.creds.refused) != 1 {
			t.Errorf("refused %q", h.creds.refused)
		}
	})
}

// A key that is wrong for everybody is not tried with everybody's token.
func TestRefusedForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: 100 * time.Millisecond})
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 403})
		out := h.ring(t.Context(), maria, "101", "102", "103", "104", "105", "106")()
		for e, err := range out {
			if !errors.Is(err, screenpop.ErrRefused) {
				t.Errorf("%s: %v", e, err)
			}
		}
		if n := len(h.searches()); n != 6 || len(h.creds.refused) != 3 {
			t.Errorf("%d requests, refused %q", n, h.creds.refused)
		}
	})
}

// The phone that rang first stops ringing: the search goes on for the others,
// and ends when the last has stopped.
func TestTheSearchLivesAsLongAsSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: time.Second})
		firstCtx, hangUp := context.WithCancel(t.Context())
		first := h.ring(firstCtx, maria, "101")
		pass(400 * time.Millisecond)
		second := h.ring(t.Context(), maria, "102")
		hangUp()
		if err := first()["101"]; !errors.Is(err, screenpop.ErrTooLate) {
			t.Errorf("first: %v", err)
		}
		if err := second()["102"]; err != nil {
			t.Errorf("second: %v", err)
		}
		if n := len(h.searches()); n != 1 {
			t.Errorf("%d requests", n)
		}

		ctx, hangUp := context.WithCancel(t.Context())
		both := h.ring(ctx, stranger, "101", "102")
		hangUp()
		for e, err := range both() {
			if !errors.Is(err, screenpop.ErrTooLate) {
				t.Errorf("%s: %v", e, err)
			}
		}
		pass(10 * time.Second)
		if n := len(h.searches()); n > 1 { // cut off on its way; no further step of the plan
			t.Errorf("%d requests after the last had stopped", n)
		}
	})
}

func TestRungAgainWithinTheCacheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.wants(maria, nil)
		h.wants(stranger, screenpop.ErrNoMatch)
		h.searches()
		pass(59 * time.Second)
		for _, e := range h.firm.Agents {
			if _, err := h.finder.Find(t.Context(), h.agent(e.Extension), call(h.number(maria))); err != nil {
				t.Error(err)
			}
		}
		h.wants(stranger, screenpop.ErrNoMatch)
		if n := len(h.searches()); n != 0 {
			t.Errorf("%d requests within the cache time", n)
		}
		pass(time.Second)
		h.wants(maria, nil)
		h.wants(stranger, screenpop.ErrNoMatch)
		if n := len(h.searches()); n != 2 {
			t.Errorf("%d requests after the cache time", n)
		}
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: 100 * time.Millisecond})
		h.wants(maria, nil)
		h.finder.Forget("elsewhere.example")
		h.wants(maria, nil)
		if n := len(h.searches()); n != 1 {
			t.Errorf("%d requests: another tenant's forgetting is ours", n)
		}
		h.finder.Forget(h.first().Tenant)
		h.wants(maria, nil)
		if n := len(h.searches()); n != 1 {
			t.Errorf("%d requests after forgetting", n)
		}
		// what is on its way when all is forgotten is not remembered
		h.finder.Forget(h.first().Tenant)
		wait := h.ring(t.Context(), maria, "101")
		h.finder.Forget(h.first().Tenant)
		wait()
		h.searches()
		h.wants(maria, nil)
		if n := len(h.searches()); n != 1 {
			t.Errorf("%d requests: a search under way was remembered", n)
		}
	})
}

func TestNoCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{tenant: TenantConfig{Cache: -1}})
		h.wants(maria, nil)
		h.wants(maria, nil)
		if n := len(h.searches()); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// A firm with walls inside: nothing is shared between its agents.
func TestPerAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{tenant: TenantConfig{PerAgent: true}, latency: 100 * time.Millisecond})
		h.ring(t.Context(), maria, "101", "102")()
		users := map[string]bool{}
		for _, r := range h.sim.Requests(simulator.ContactsEndpoint) {
			users[r.User] = true
		}
		if n := len(h.searches()); n != 2 || len(users) != 2 {
			t.Errorf("%d requests of %v", n, users)
		}
		h.ring(t.Context(), maria, "101", "102")()
		if n := len(h.searches()); n != 0 {
			t.Errorf("%d requests for what each knows already", n)
		}
	})
}

// Monday at nine: 40 calls in 10 s, each on every phone. One search for each
// caller, none of them too fast, everybody in time.
func TestMondayMorning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{options: simulator.Options{RateLimit: simulator.RateLimit{Slack: -1}}, latency: 120 * time.Millisecond})
		h.wants(maria, nil) // the plan has learnt
		pass(2 * time.Second)
		h.searches()
		var wg sync.WaitGroup
		for i := range 40 {
			for _, a := range h.firm.Agents {
				wg.Go(func() {
					_, err := h.finder.Find(t.Context(), h.agent(a.Extension), call(h.number(phone(i))))
					if !errors.Is(err, screenpop.ErrNoMatch) {
						t.Errorf("call %d at %s: %v", i, a.Extension, err)
					}
				})
			}
			pass(250 * time.Millisecond)
		}
		wg.Wait()
		if n := len(h.searches()); n != 40 || h.sim.RateLimited() != 0 {
			t.Errorf("%d requests, %d too fast", n, h.sim.RateLimited())
		}
	})
}
