package lookup_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// The trace tells the way of a look-up: the plan, each search with its answers by
// count and its time, how the token stood, and why there is no answer.
func TestTraceTellsTheWayOfALookup(t *testing.T) {
	const known, unknown = "617 399 0007", "617 555 0199"
	for _, tc := range []struct {
		name   string
		fault  []simulator.Fault
		before func(h *house)
		number string
		want   string // verdict, token, cause, searches
	}{
		{"matched", nil, nil, known, "matched fresh  [tail of 4 digits: answered 1/1 1]"},
		{"nobody", nil, nil, unknown, "no-match fresh  [tail of 4 digits: answered 0/0 0; exact form 1: answered 0/0 0; exact form 2: answered 0/0 0]"},
		{"remembered", nil, func(h *house) { _, _ = h.find(known) }, known, "matched fresh  []"},
		{"renewed", simulator.Statuses(simulator.ContactsEndpoint, 401), nil, known, "matched renewed  [tail of 4 digits: answered 1/1 1]"},
		{"unpaired", nil, func(h *house) { h.creds.unpair(h.first()) }, known, "not-paired unpaired  []"},
		{"refused", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Status: http.StatusForbidden}}, nil, known, "refused renewed forbidden [tail of 4 digits: failed 0/0 0]"},
		{"401 for good", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Status: http.StatusUnauthorized}}, nil, known, "refused renewed unauthorized [tail of 4 digits: failed 0/0 0]"},
		{"server error", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Status: http.StatusBadGateway}}, nil, known, "unavailable fresh server-error [tail of 4 digits: failed 0/0 0]"},
		{"no answer", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Stall: true}}, nil, known, "unavailable fresh timeout [tail of 4 digits: failed 0/0 0]"},
		{"no connection", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Reset: true}}, nil, known, "unavailable fresh unreachable [tail of 4 digits: failed 0/0 0]"},
		{"rate limited", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"60"}}}}, nil, known,
			"unavailable fresh rate-limit [tail of 4 digits: failed 0/0 0]"},
		{"not JSON", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Status: http.StatusOK, Body: "<html>"}}, nil, known, "unavailable fresh bad-answer [tail of 4 digits: failed 0/0 0]"},
		{"left alone", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Status: http.StatusBadGateway}}, func(h *house) {
			for i := range 5 {
				_, _ = h.find(fmt.Sprintf("617 555 01%02d", i))
			}
		}, known, "unavailable fresh paused [tail of 4 digits: failed 0/0 0]"},
		{"search refused", []simulator.Fault{{Endpoint: simulator.ContactsEndpoint, Status: http.StatusBadRequest}}, nil, known,
			"unavailable fresh no-search [tail of 4 digits: not-accepted 0/0 0; exact form 1: not-accepted 0/0 0; exact form 2: not-accepted 0/0 0]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, setup{firm: untidy(20), latency: 10 * time.Millisecond})
				h.sim.Inject(tc.fault...)
				if tc.before != nil {
					tc.before(h)
				}
				_, _ = h.find(tc.number)
				e := h.trace.last()
				var searches []string
				for _, s := range e.Searches {
					searches = append(searches, fmt.Sprintf("%s: %s %d/%d %d", s.Search, s.Result, s.Read, s.Hits, s.Verified))
					if s.Result == screenpop.SearchAnswered && s.Took < 10 {
						t.Errorf("%s took %v ms, where the network takes 10", s.Search, s.Took)
					}
				}
				got := fmt.Sprintf("%s %s %s [%s]", e.Verdict, e.Token, e.Cause, strings.Join(searches, "; "))
				if got != tc.want {
					t.Errorf("got  %s\nwant %s", got, tc.want)
				}
				if len(searches) > 0 && !slices.Equal(e.Plan, []string{"tail:4", "exact"}) {
					t.Errorf("plan %q", e.Plan)
				}
			})
		})
	}
}

func TestTraceTellsOfACallThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{firm: untidy(5)})
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Stall: true})
		ctx, end := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, end)
		_, _ = h.finder.Find(ctx, h.first(), call(h.number("617 399 0001")))
		if e := h.trace.last(); e.Verdict != "too-late" || e.Cause != screenpop.CauseCallEnded {
			t.Errorf("%s %s", e.Verdict, e.Cause)
		}
	})
}
