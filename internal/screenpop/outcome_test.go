package screenpop_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

// tally counts outcomes as the metrics do.
type tally struct {
	mu sync.Mutex
	of map[Outcome]int
}

func (c *tally) count(o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[o]++
}

// Every leg ends as exactly one outcome, and every call but those the tenant
// does not want shown is told to the agent: as a pop, or as a line afterwards.
func TestFlowEveryLegHasOneOutcome(t *testing.T) {
	outbound := func(s State) Event {
		e := step("101", "c", alice, s)
		e.Call.Direction = Outbound
		return e
	}
	inbound := PopSettings{On: Ringing, Inbound: true}
	whole := []Event{step("101", "c", alice, Ringing), step("101", "c", alice, Connected), step("101", "c", alice, Terminated)}
	for _, tc := range []struct {
		name     string
		settings PopSettings
		err      error
		delay    time.Duration
		events   []Event
		want     Outcome
		screens  []string
	}{
		{"matched", inbound, nil, 0, whole, OutcomeMatched, []string{"pop c ringing Alice", "update c connected", "end terminated "}},
		{"no match", inbound, ErrNoMatch, 0, whole, OutcomeNoMatch, []string{"past c connected terminated no-match"}},
		{"no match, with a card", PopSettings{On: Ringing, Inbound: true, UnknownCard: true}, ErrNoMatch, 0, whole, OutcomeNoMatch,
			[]string{"pop c ringing ?", "update c connected", "end terminated "}},
		{"not paired", inbound, ErrNotPaired, 0, whole, OutcomeNotPaired, []string{"past c connected terminated not-paired"}},
		{"refused", inbound, ErrRefused, 0, whole, OutcomeRefused, []string{"past c connected terminated refused"}},
		{"unavailable", inbound, ErrUnavailable, 0, whole, OutcomeUnavailable, []string{"past c connected terminated unavailable"}},
		{"an error nobody expects", inbound, errors.New("?"), 0, whole, OutcomeUnavailable, []string{"past c connected terminated unavailable"}},
		{"the time ran out", inbound, ErrTooLate, 0, whole, OutcomeTooLate, []string{"past c connected terminated too-late"}},
		{"the call ended first", inbound, nil, time.Minute, whole, OutcomeTooLate, []string{"past c connected terminated too-late"}},
		{"only rang", inbound, ErrNoMatch, 0, []Event{whole[0], whole[2]}, OutcomeNoMatch, []string{"past c ringing terminated no-match"}},
		{"the other direction", inbound, nil, 0, []Event{outbound(Ringing), outbound(Connected), outbound(Terminated)}, OutcomePopsOff, nil},
		{"never answered where pops wait for it", PopSettings{On: Connected, Inbound: true}, nil, 0, []Event{whole[0], whole[2]}, OutcomePopsOff, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &tally{of: map[Outcome]int{}}
				r := start(t, tc.settings, func(cfg *FlowConfig) { cfg.Outcome = c.count })
				r.book.delay[alice], r.book.err[alice] = tc.delay, tc.err
				for _, e := range tc.events {
					r.offer(t, e)
					pass(time.Second)
				}
				pass(2 * time.Minute)
				synctest.Wait()
				if len(c.of) != 1 || c.of[tc.want] != 1 {
					t.Errorf("counted %v, want one %s", c.of, tc.want)
				}
				if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, tc.screens) {
					t.Errorf("on the screens: %q, want %q", got, tc.screens)
				}
			})
		})
	}
}

func TestFlowPastTellsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got EndedPop
		r := start(t, all, func(cfg *FlowConfig) {
			cfg.Screens = pastOnly{cfg.Screens, &got}
			cfg.NewID = func(AgentID, CallID) string { return "id" }
		})
		r.book.err[alice] = ErrNotPaired
		end := step("101", "c", alice, Terminated)
		end.End, end.AnsweredBy = EndAnsweredElsewhere, "Priya"
		r.offer(t, step("101", "c", alice, Ringing))
		pass(time.Second)
		r.offer(t, end)
		synctest.Wait()
		want := EndedPop{
			Pop: Pop{ID: "id", Call: step("101", "c", alice, Ringing).Call}, Ended: time.Now(),
			Reason: EndAnsweredElsewhere, AnsweredBy: "Priya", Outcome: OutcomeNotPaired,
		}
		if got.Pop.Call != want.Pop.Call || got.ID != "id" || len(got.Contacts) != 0 || !got.Ended.Equal(want.Ended) ||
			got.Reason != want.Reason || got.AnsweredBy != want.AnsweredBy || got.Outcome != want.Outcome {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

type pastOnly struct {
	Screens
	got *EndedPop
}

func (p pastOnly) Past(_ AgentID, e EndedPop) { *p.got = e }

func TestFlowUnknownCardHasItsLinks(t *testing.T) {
	for _, tc := range []struct {
		name           string
		search, create string
		want           *Links
	}{
		{"both", "https://app.example/#/s?q={number}", "https://app.example/#/new?p={number}&x={number}",
			&Links{"https://app.example/#/s?q=%2B16175550103", "https://app.example/#/new?p=%2B16175550103&x=%2B16175550103"}},
		{"one is not shown", "https://app.example/", "", &Links{Search: "https://app.example/"}},
		{"none", "", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []Pop
				settings := PopSettings{On: Ringing, Inbound: true, UnknownCard: true, SearchLink: tc.search, CreateLink: tc.create}
				r := start(t, settings, func(cfg *FlowConfig) { cfg.Screens = popsOnly{cfg.Screens, &got} })
				r.offer(t, step("101", "c", carol, Ringing), step("101", "d", alice, Ringing))
				pass(time.Second)
				synctest.Wait()
				for _, p := range got {
					switch {
					case p.Call.ID == "d" && p.Links != nil:
						t.Errorf("a known caller's pop has the links %v", *p.Links)
					case p.Call.ID == "c" && (p.Links == nil) != (tc.want == nil):
						t.Errorf("links %v, want %v", p.Links, tc.want)
					case p.Call.ID == "c" && p.Links != nil && *p.Links != *tc.want:
						t.Errorf("links %v, want %v", *p.Links, *tc.want)
					}
				}
				if len(got) != 2 {
					t.Errorf("%d pops, want 2", len(got))
				}
			})
		})
	}
}

type popsOnly struct {
	Screens
	got *[]Pop
}

func (p popsOnly) Pop(_ AgentID, pop Pop, _ time.Time) { *p.got = append(*p.got, pop) }

// A leg whose end nobody will hear of has an outcome all the same, also one
// whose event is still queued.
func TestFlowEveryLegHasOneOutcomeWhenItStops(t *testing.T) {
	waiting := PopSettings{On: Connected, Inbound: true}
	for _, tc := range []struct {
		name     string
		settings PopSettings
		before   []Event // worked off before the stop
		queued   []Event // taken and not yet worked off
		want     map[Outcome]int
	}{
		{"shown", all, []Event{step("101", "c", bob, Ringing)}, nil, map[Outcome]int{OutcomeMatched: 1}},
		{"looked up", all, []Event{step("101", "c", alice, Ringing)}, nil, map[Outcome]int{OutcomeTooLate: 1}},
		{"ringing, pops wait for the answer", waiting, []Event{step("101", "c", alice, Ringing)}, nil, map[Outcome]int{OutcomePopsOff: 1}},
		{"over", all, []Event{step("101", "c", alice, Ringing), step("101", "c", alice, Terminated)}, nil, map[Outcome]int{OutcomeTooLate: 1}},
		{"queued", all, nil, []Event{step("101", "c", bob, Ringing), step("102", "c", bob, Ringing), step("102", "c", bob, Connected)},
			map[Outcome]int{OutcomeTooLate: 2}},
		{"queued, pops wait for the answer", waiting, nil,
			[]Event{step("101", "c", bob, Ringing), step("102", "c", bob, Ringing), step("102", "c", bob, Connected)},
			map[Outcome]int{OutcomePopsOff: 1, OutcomeTooLate: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := &tally{of: map[Outcome]int{}}, &book{
					names: map[string]string{alice: "Alice", bob: "Bob"}, delay: map[string]time.Duration{alice: time.Hour},
				}
				f := NewFlow(FlowConfig{
					Finder: b, Screens: &wall{}, Outcome: c.count, Workers: 1, Settings: func(AgentID) PopSettings { return tc.settings },
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				f.Offer(tc.before)
				if tc.queued != nil {
					f.Offer(tc.queued)
					cancel()
				}
				ran := make(chan error, 1)
				go func() { ran <- f.Run(ctx) }()
				synctest.Wait()
				closing, stop := context.WithTimeout(t.Context(), time.Second)
				defer stop()
				_ = f.Close(closing)
				<-ran
				if !maps.Equal(c.of, tc.want) {
					t.Errorf("counted %v, want %v", c.of, tc.want)
				}
				if f.Offer([]Event{step("101", "d", bob, Ringing)}) {
					t.Error("an event was taken that nobody works off")
				}
			})
		})
	}
}
