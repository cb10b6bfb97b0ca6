package screenpop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

// stopAndGoOn stops a flow, carries its legs over as JSON and returns one that
// goes on from it, an hour earlier by the clock.
func stopAndGoOn(t *testing.T, r rig, limit time.Duration, settings PopSettings, change func(*FlowConfig)) (rig, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_ = r.Close(ctx)
	synctest.Wait() // Run has returned
	legs := r.Carried()
	for i := range legs {
		legs[i].Shown = legs[i].PopID != "" && legs[i].Call.ID != "dismissed"
	}
	text, err := json.Marshal(legs)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &legs); err != nil {
		t.Fatal(err)
	}
	return run(t, r.book, settings, func(f *Flow) { f.Resume(legs, time.Now()) }, change), string(text)
}

// run runs a flow that carries its legs; first is called before.
func run(t *testing.T, names *book, settings PopSettings, first func(*Flow), change func(*FlowConfig)) rig {
	t.Helper()
	r := rig{book: names, wall: &wall{}}
	cfg := FlowConfig{Finder: r.book, Screens: r.wall, Settings: func(AgentID) PopSettings { return settings }, Carry: true}
	if change != nil {
		change(&cfg)
	}
	r.Flow = NewFlow(cfg)
	if first != nil {
		first(r.Flow)
	}
	ran := make(chan error, 1)
	go func() { ran <- r.Run(context.Background()) }()
	t.Cleanup(func() {
		_ = r.Close(context.Background())
		<-ran
	})
	return r
}

func names() *book {
	return &book{names: map[string]string{alice: "Alice", bob: "Bob"}, delay: map[string]time.Duration{}, err: map[string]error{}}
}

func TestRestartKeepsPopsUnderTheirIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outcomes []Outcome
		book := names()
		book.delay[alice] = time.Millisecond // of the bubble: nothing is found before the test waits
		r := run(t, book, all, nil, func(c *FlowConfig) { c.NewID = func(AgentID, CallID) string { return "first" } })
		r.offer(t, step("101", "c", alice, Ringing))
		pass(time.Second)
		next, text := stopAndGoOn(t, r, time.Minute, all, func(c *FlowConfig) {
			c.NewID = func(AgentID, CallID) string { return "second" }
			c.Outcome = func(o Outcome) { outcomes = append(outcomes, o) }
		})
		if strings.Contains(text, "Alice") || !strings.Contains(text, alice) {
			t.Errorf("carried is %s", text)
		}
		if got, want := next.wall.of(agent("101").AgentID), []string{"resume first c ringing"}; !slices.Equal(got, want) {
			t.Errorf("before anything runs: %q, want %q", got, want)
		}
		pass(time.Second)
		next.offer(t, step("101", "c", alice, Connected), step("101", "c", alice, Terminated))
		pass(time.Second)
		want := []string{"resume first c ringing", "update c ringing", "update c connected", "end terminated "}
		if got := next.wall.of(agent("101").AgentID); !slices.Equal(got, want) {
			t.Errorf("on the screens: %q, want %q", got, want)
		}
		synctest.Wait()
		if len(outcomes) != 0 {
			t.Errorf("counted again: %q", outcomes)
		}
	})
}

// What a leg has come to decides what becomes of it after the restart.
func TestRestartGoesOnWhereALegWas(t *testing.T) {
	onConnected := PopSettings{On: Connected, Inbound: true}
	for _, tc := range []struct {
		name     string
		settings PopSettings
		before   Event
		slow     time.Duration // the look-up, which is cut off a second after the stop
		after    []Event
		want     []string
	}{
		{"a look-up that was cut off is done again", all, step("101", "c", alice, Ringing), time.Hour, nil, []string{"pop c ringing Alice"}},
		{"a leg that waits for the answer pops at the answer", onConnected, step("101", "c", alice, Ringing), 0,
			[]Event{step("101", "c", alice, Connected)}, []string{"pop c connected Alice"}},
		{"a leg whose number nobody has is not looked up again", all, step("101", "c", carol, Ringing), 0,
			[]Event{step("101", "c", carol, Connected), step("101", "c", carol, Terminated)}, []string{"past c connected terminated no-match"}},
		{"a dismissed pop stays away", all, step("101", "dismissed", alice, Ringing), 0,
			[]Event{step("101", "dismissed", alice, Connected)}, []string{"update dismissed connected"}}, // of what no screen has
		{"a direction that is off stays off", PopSettings{On: Ringing, Outbound: true}, step("101", "c", alice, Ringing), 0,
			[]Event{step("101", "c", alice, Connected), step("101", "c", alice, Terminated)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, names(), tc.settings, nil, nil)
				r.book.delay[alice] = tc.slow
				r.offer(t, tc.before)
				pass(time.Millisecond)
				synctest.Wait()
				r.book.delay[alice], r.book.names[carol] = 0, "Carol" // of the next one
				next, _ := stopAndGoOn(t, r, time.Second, tc.settings, nil)
				pass(time.Second)
				for _, e := range tc.after {
					next.offer(t, e)
					pass(time.Second)
				}
				if got := next.wall.of(agent("101").AgentID); !slices.Equal(got, tc.want) {
					t.Errorf("on the screens: %q, want %q", got, tc.want)
				}
			})
		})
	}
}

// When Smokeball does not answer after the restart, nothing is said that is not
// known: the pop stays as the screens have it.
func TestRestartWithoutAnAnswerSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, names(), all, nil, nil)
		r.offer(t, step("101", "c", alice, Ringing))
		pass(time.Second)
		synctest.Wait()
		r.book.err[alice] = fmt.Errorf("down: %w", ErrUnavailable)
		var pending []bool
		next, _ := stopAndGoOn(t, r, time.Minute, all, func(c *FlowConfig) {
			c.Screens = watcher{c.Screens, func(p Pop) { pending = append(pending, p.Pending) }}
		})
		pass(time.Second)
		next.offer(t, step("101", "c", alice, Connected))
		pass(time.Second)
		synctest.Wait()
		if want := []bool{true, true}; !slices.Equal(pending, want) {
			t.Errorf("put back and updated as pending: %v, want %v", pending, want)
		}
	})
}

// watcher sees the pops that are put back and updated.
type watcher struct {
	Screens
	see func(Pop)
}

func (w watcher) Resume(_ AgentID, p Pop) { w.see(p) }
func (w watcher) Update(_ AgentID, p Pop) { w.see(p) }

func TestAgeOutlivesAClockThatIsSet(t *testing.T) {
	then := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	c := Call{ID: "c", Direction: Inbound, State: Ringing, Number: Number{Canonical: alice, Display: "(617) 555-0101"}, Queue: "Intake", Started: then}
	carried := c.Carry(then.Add(7 * time.Second))
	later := then.Add(-time.Hour)
	want := c
	want.Started = later.Add(-7 * time.Second)
	if got := carried.Call(later); got != want {
		t.Errorf("the call is %+v, want %+v", got, want)
	}
	if a := AgeOf(time.Time{}, then); !a.Before(later).IsZero() {
		t.Error("never became some time")
	}
	if a := AgeOf(then.Add(time.Second), then); a != 0 {
		t.Errorf("what is still to come is %v old", time.Duration(a))
	}
}
