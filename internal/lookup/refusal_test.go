package lookup_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

func TestNotPaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.wants(maria, nil) // and in the cache now
		h.creds.unpair(h.first())
		h.wants(maria, screenpop.ErrNotPaired)
		if n := len(h.searches()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// 401: one refresh and one retry.
func TestExpiredTokenIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.sim.ExpireAccess("")
		h.wants(maria, nil)
		if n := len(h.searches()); n != 2 || h.creds.renewals != 1 || len(h.creds.refused) != 0 {
			t.Errorf("%d requests, %d renewals, refused %q", n, h.creds.renewals, h.creds.refused)
		}
	})
}

func TestStill401(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 401})
		h.wants(maria, screenpop.ErrRefused)
		if n := len(h.searches()); n != 2 || h.creds.renewals != 1 || len(h.creds.refused) != 1 || !strings.Contains(h.creds.refused[0], "401") {
			t.Errorf("%d requests, %d renewals, refused %q", n, h.creds.renewals, h.creds.refused)
		}
	})
}

func TestRefreshTokenGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.sim.RevokeUser("priya@firm.example")
		h.wants(maria, screenpop.ErrNotPaired)
		if len(h.creds.refused) != 0 {
			t.Errorf("refused %q", h.creds.refused)
		}
	})
}

// 403: a newer token is tried, but not within 30 s of the last.
func TestForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		undo := h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 403})
		for i, want := range []struct{ requests, renewals int }{{2, 1}, {1, 1}, {1, 1}, {2, 2}} {
			h.wants(maria, screenpop.ErrRefused)
			if n := len(h.searches()); n != want.requests || h.creds.renewals != want.renewals || len(h.creds.refused) != i+1 {
				t.Errorf("call %d: %d requests, %d renewals in all, refused %d times", i, n, h.creds.renewals, len(h.creds.refused))
			}
			pass(11 * time.Second)
		}
		if p := h.creds.refused[0]; !strings.Contains(p, "403") || !strings.Contains(p, "API key") || !strings.Contains(p, "contacts/read") {
			t.Errorf("told %q", p)
		}
		undo()
		h.wants(maria, nil) // it is not held against the agent
	})
}

func TestForbiddenUntilRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.sim.Inject(simulator.Statuses(simulator.ContactsEndpoint, 403)...)
		h.wants(maria, nil)
		if len(h.creds.refused) != 0 {
			t.Errorf("refused %q", h.creds.refused)
		}
	})
}

// Whatever Smokeball does, a look-up ends in its time as one of the outcomes,
// and asks no more often than it has to.
func TestSmokeballInTrouble(t *testing.T) {
	contacts := simulator.ContactsEndpoint
	late := http.Header{"Retry-After": {"20"}}
	for _, c := range []struct {
		name     string
		faults   []simulator.Fault
		want     error
		requests int
	}{
		{"500", []simulator.Fault{{Endpoint: contacts, Status: 500}}, screenpop.ErrUnavailable, 1},
		{"503 with Retry-After", []simulator.Fault{{Endpoint: contacts, Status: 503, Header: late}}, screenpop.ErrUnavailable, 1},
		{"404", []simulator.Fault{{Endpoint: contacts, Status: 404}}, screenpop.ErrUnavailable, 1},
		{"stall", []simulator.Fault{{Endpoint: contacts, Stall: true}}, screenpop.ErrUnavailable, 1},
		{"reset", []simulator.Fault{{Endpoint: contacts, Reset: true}}, screenpop.ErrUnavailable, 1},
		{"page", []simulator.Fault{simulator.HTML(contacts)}, screenpop.ErrUnavailable, 1},
		{"half", []simulator.Fault{simulator.BadJSON(contacts)}, screenpop.ErrUnavailable, 1},
		{"3 MiB", []simulator.Fault{simulator.Oversize(contacts, 3<<20)}, screenpop.ErrUnavailable, 1},
		{"slow but in time", []simulator.Fault{{Endpoint: contacts, Latency: 2900 * time.Millisecond}}, nil, 1},
		{"too slow", []simulator.Fault{{Endpoint: contacts, Latency: 3100 * time.Millisecond}}, screenpop.ErrUnavailable, 1},
		{"429 that fits", []simulator.Fault{{Endpoint: contacts, Times: 1, Status: 429, Header: http.Header{"Retry-After": {"2"}}}}, nil, 2},
		{"429 without a word", simulator.Statuses(contacts, 429), nil, 2},
		{"429 for too long", []simulator.Fault{{Endpoint: contacts, Status: 429, Header: late}}, screenpop.ErrUnavailable, 1},
		{"429 and no end", []simulator.Fault{{Endpoint: contacts, Status: 429}}, screenpop.ErrUnavailable, 3},
		{"no refresh to be had", []simulator.Fault{{Endpoint: contacts, Status: 401}, {Endpoint: simulator.TokenEndpoint, Status: 503}}, screenpop.ErrUnavailable, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, setup{})
				undo := h.sim.Inject(c.faults...)
				start := time.Now()
				h.wants(maria, c.want)
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("took %v", took)
				}
				if n := len(h.searches()); n != c.requests {
					t.Errorf("%d requests, want %d", n, c.requests)
				}
				outcome := screenpop.OutcomeOf(c.want)
				if n := h.counted("smokepop_lookup_total", string(outcome)); n != 1 {
					t.Errorf("%s counted %d times", outcome, n)
				}
				if e := h.trace.last(); e.Verdict != string(outcome) || e.Step != screenpop.StepLookup {
					t.Errorf("trace %+v", e)
				}
				undo()
				pass(time.Minute)
				h.wants(maria, nil) // a failure is not remembered
			})
		})
	}
}

// While Smokeball fails again and again, calls cost it nothing.
func TestBreakerOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		undo := h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 500})
		for range 12 {
			h.wants(maria, screenpop.ErrUnavailable)
		}
		if n := len(h.searches()); n != 5 {
			t.Errorf("%d requests", n)
		}
		undo()
		pass(5 * time.Second)
		h.wants(maria, nil)
	})
}

func TestTheCallEndsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := h.finder.Find(ctx, h.first(), call(h.number(maria)))
			ended <- err
		}()
		pass(300 * time.Millisecond)
		start := time.Now()
		cancel()
		if err := <-ended; !errors.Is(err, screenpop.ErrTooLate) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := h.finder.Find(ctx, h.first(), call(h.number(stranger))); !errors.Is(err, screenpop.ErrTooLate) {
			t.Errorf("a call that had ended: %v", err)
		}
		if n := h.counted("smokepop_lookup_total", "too-late"); n != 2 {
			t.Errorf("counted %d", n)
		}
	})
}

// More calls than five a second can serve in time: those that cannot be are
// dropped before they cost a request.
func TestBehindTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{options: simulator.Options{RateLimit: simulator.RateLimit{Slack: -1}}, latency: 80 * time.Millisecond})
		outcomes := make(chan error)
		const calls = 60
		for i := range calls {
			go func() {
				n := h.plan.Parse(phone(i))
				_, err := h.finder.Find(t.Context(), h.first(), call(n))
				outcomes <- err
			}()
		}
		late := 0
		for range calls {
			switch err := <-outcomes; {
			case errors.Is(err, screenpop.ErrTooLate):
				late++
			case !errors.Is(err, screenpop.ErrNoMatch) && !errors.Is(err, screenpop.ErrUnavailable):
				t.Error(err)
			}
		}
		if n := len(h.searches()); n > 20 || h.sim.RateLimited() != 0 || late < calls-20 {
			t.Errorf("%d requests, %d too fast, %d of %d calls too late", n, h.sim.RateLimited(), late, calls)
		}
	})
}

// A token that does not come in time is Smokeball's failure; a call that ends
// before it comes is not.
func TestTokenThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{tenant: TenantConfig{Matters: true}})
		h.creds.hold = make(chan struct{})
		start := time.Now()
		h.wants(maria, screenpop.ErrUnavailable)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
		if _, err := h.finder.Matters(t.Context(), h.first(), goodID); !errors.Is(err, screenpop.ErrUnavailable) {
			t.Errorf("matters: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := h.finder.Find(ctx, h.first(), call(h.number(maria))); !errors.Is(err, screenpop.ErrTooLate) {
			t.Errorf("the call ended: %v", err)
		}
		if n := len(h.searches()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// An answer of Smokeball's ends what an earlier refusal told; a refusal does not.
func TestAnswersAreToldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.wants(stranger, screenpop.ErrNoMatch)
		if !slices.Contains(h.creds.accepted, string(h.first().Extension)) {
			t.Error("nobody was told that Smokeball has answered")
		}
		h.creds.accepted = nil
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 403})
		h.wants(maria, screenpop.ErrRefused)
		if len(h.creds.accepted) > 0 {
			t.Error("a refusal was told as an answer")
		}
	})
}
