package screenpop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a Finder over a map of numbers, with a delay for each.
type book struct {
	mu    sync.Mutex
	names map[string]string
	delay map[string]time.Duration
	err   map[string]error
	ended []string // numbers whose look-up was cancelled
}

func (b *book) Find(ctx context.Context, _ AgentID, c Call) (Match, error) {
	n := c.Number
	b.mu.Lock()
	name, delay, err := b.names[n.Canonical], b.delay[n.Canonical], b.err[n.Canonical]
	b.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		b.mu.Lock()
		b.ended = append(b.ended, n.Canonical)
		b.mu.Unlock()
		return Match{}, ErrTooLate
	}
	switch {
	case err != nil:
		return Match{}, err
	case name == "":
		return Match{}, ErrNoMatch
	}
	return Match{Contacts: []Contact{{ID: "id-" + name, Name: name}}}, nil
}

func (b *book) cancelled() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ended)
}

// wall is a Screens that writes down what it is told, one line each.
type wall struct {
	mu    sync.Mutex
	lines map[AgentID][]string
}

func (w *wall) add(a AgentID, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lines == nil {
		w.lines = map[AgentID][]string{}
	}
	w.lines[a] = append(w.lines[a], fmt.Sprintf(format, args...))
}

func (w *wall) Pop(a AgentID, p Pop, _ time.Time) {
	name := "?"
	if len(p.Contacts) > 0 {
		name = p.Contacts[0].Name
	}
	w.add(a, "pop %s %s %s", p.Call.ID, p.Call.State, name)
}
func (w *wall) Resume(a AgentID, p Pop) { w.add(a, "resume %s %s %s", p.ID, p.Call.ID, p.Call.State) }
func (w *wall) Update(a AgentID, p Pop) { w.add(a, "update %s %s", p.Call.ID, p.Call.State) }
func (w *wall) End(a AgentID, _ string, r EndReason, by string) {
	w.add(a, "end %s %s", r, by)
}
func (w *wall) Past(a AgentID, p EndedPop) {
	w.add(a, "past %s %s %s %s", p.Call.ID, p.Call.State, p.Reason, p.Outcome)
}
func (w *wall) of(a AgentID) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lines[a])
}

const alice, bob, carol = "+16175550101", "+16175550102", "+16175550103"

func agent(ext string) Agent { return Agent{AgentID: AgentID{"firm.example", Extension(ext)}} }

func step(ext, call, number string, s State) Event {
	e := Event{Agent: agent(ext), Call: Call{ID: CallID(call), Direction: Inbound, State: s, Number: Number{Canonical: number}}}
	if s == Terminated {
		e.End = EndTerminated
	}
	return e
}

type rig struct {
	*Flow
	book *book
	wall *wall
}

// pass lets time of the bubble's clock go by.
func pass(d time.Duration) { <-time.After(d) }

// start runs a flow inside a synctest bubble and drains it at the test's end.
func start(t *testing.T, settings PopSettings, change func(*FlowConfig)) rig {
	t.Helper()
	r := rig{book: &book{
		names: map[string]string{alice: "Alice", bob: "Bob"},
		delay: map[string]time.Duration{}, err: map[string]error{},
	}, wall: &wall{}}
	cfg := FlowConfig{Finder: r.book, Screens: r.wall, Settings: func(AgentID) PopSettings { return settings }}
	if change != nil {
		change(&cfg)
	}
	r.Flow = NewFlow(cfg)
	ran := make(chan error, 1)
	go func() { ran <- r.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		<-ran
	})
	return r
}

func (r rig) offer(t *testing.T, events ...Event) {
	t.Helper()
	for _, e := range events {
		if !r.Offer([]Event{e}) {
			t.Fatalf("event %v was not taken", e.Call)
		}
	}
}

var all = PopSettings{On: Ringing, Inbound: true, Outbound: true}

func TestFlow(t *testing.T) {
	outbound := step("101", "c", alice, Ringing)
	outbound.Call.Direction = Outbound
	elsewhere := step("101", "c", alice, Terminated)
	elsewhere.End, elsewhere.AnsweredBy = EndAnsweredElsewhere, "Priya"
	for _, tc := range []struct {
		name     string
		settings PopSettings
		events   []Event
		want     []string
	}{
		{"a known caller pops, is updated and ends", all,
			[]Event{step("101", "c", alice, Ringing), step("101", "c", alice, Connected), step("101", "c", alice, Terminated)},
			[]string{"pop c ringing Alice", "update c connected", "end terminated "}},
		{"a call first seen connected pops", all,
			[]Event{step("101", "c", alice, Connected)}, []string{"pop c connected Alice"}},
		{"nobody has the number: nothing but a line among the recent calls", all,
			[]Event{step("101", "c", carol, Ringing), step("101", "c", carol, Connected), step("101", "c", carol, Terminated)},
			[]string{"past c connected terminated no-match"}},
		{"nobody has the number, unknown: card", PopSettings{On: Ringing, Inbound: true, UnknownCard: true},
			[]Event{step("101", "c", carol, Ringing)}, []string{"pop c ringing ?"}},
		{"answered elsewhere names the colleague", all,
			[]Event{step("101", "c", alice, Ringing), elsewhere}, []string{"pop c ringing Alice", "end answered-elsewhere Priya"}},
		{"on: connected shows nothing while it rings", PopSettings{On: Connected, Inbound: true},
			[]Event{step("101", "c", alice, Ringing)}, nil},
		{"on: connected shows the pop at the answer", PopSettings{On: Connected, Inbound: true},
			[]Event{step("101", "c", alice, Ringing), step("101", "c", alice, Connected)}, []string{"pop c connected Alice"}},
		{"outbound off", PopSettings{On: Ringing, Inbound: true}, []Event{outbound}, nil},
		{"outbound on", all, []Event{outbound}, []string{"pop c ringing Alice"}},
		{"an end without a beginning", all, []Event{step("101", "c", alice, Terminated)}, nil},
		{"two calls stand beside each other", all,
			[]Event{step("101", "c", alice, Ringing), step("101", "d", bob, Ringing), step("101", "c", alice, Terminated)},
			[]string{"pop c ringing Alice", "pop d ringing Bob", "end terminated "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, tc.settings, nil)
				for _, e := range tc.events {
					r.offer(t, e)
					synctest.Wait()
					pass(time.Millisecond) // the bubble's clock: lets the look-up of 0 s end
					synctest.Wait()
				}
				if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, tc.want) {
					t.Errorf("on the screens: %q, want %q", got, tc.want)
				}
			})
		})
	}
}

func TestFlowSlowLookupDelaysNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, all, func(c *FlowConfig) { c.Workers = 1 })
		r.book.delay[alice] = 2 * time.Second
		r.offer(t, step("101", "c", alice, Ringing), step("101", "d", bob, Ringing), step("102", "e", bob, Ringing))
		pass(time.Second)
		for _, ext := range []string{"101", "102"} {
			if got := r.wall.of(agent(ext).AgentID); len(got) != 1 {
				t.Errorf("%s sees %q a second later, want Bob only", ext, got)
			}
		}
		r.offer(t, step("101", "c", alice, Connected))
		pass(2 * time.Second)
		want := []string{"pop d ringing Bob", "pop c connected Alice"}
		if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, want) {
			t.Errorf("101 sees %q, want %q", got, want)
		}
	})
}

func TestFlowCallThatEndsFirstNeverPops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, all, nil)
		r.book.delay[alice] = 2 * time.Second
		r.offer(t, step("101", "c", alice, Ringing))
		pass(time.Second)
		r.offer(t, step("101", "c", alice, Terminated))
		pass(5 * time.Second)
		want := []string{"past c ringing terminated too-late"}
		if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, want) {
			t.Errorf("on the screens: %q, want no pop and %q", got, want)
		}
		if got := r.book.cancelled(); !slices.Equal(got, []string{alice}) {
			t.Errorf("cancelled look-ups: %q, want Alice's", got)
		}
		if n := r.Pending(); n != 0 {
			t.Errorf("%d events pending, want 0", n)
		}
	})
}

func TestFlowFullTakesAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, all, func(c *FlowConfig) { c.Capacity = 3 })
		r.book.delay[alice] = time.Second
		r.offer(t, step("101", "c", alice, Ringing), step("102", "c", alice, Ringing))
		group := []Event{step("103", "c", alice, Ringing), step("104", "c", alice, Ringing)}
		if r.Offer(group) {
			t.Fatal("two more were taken where only one has room")
		}
		r.offer(t, step("105", "c", alice, Ringing))
		pass(2 * time.Second)
		if got := r.wall.of(agent("103").AgentID); len(got) != 0 {
			t.Errorf("103 sees %q of a refused offer", got)
		}
		if !r.Offer(group) {
			t.Error("refused although the flow is empty again")
		}
	})
}

// A PBX that does not send an end again must not leave a pop on the screens.
func TestFullFlowTakesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, all, func(c *FlowConfig) { c.Capacity = 2 })
		r.book.delay[bob] = time.Second
		r.offer(t, step("101", "c", alice, Ringing))
		synctest.Wait() // her pop is shown
		r.offer(t, step("102", "d", bob, Ringing), step("103", "d", bob, Ringing))
		if r.Offer([]Event{step("104", "d", bob, Ringing)}) || r.Offer([]Event{step("101", "c", alice, Connected), step("102", "d", bob, Terminated)}) {
			t.Fatal("a full flow took more than ends")
		}
		r.offer(t, step("101", "c", alice, Terminated))
		synctest.Wait()
		if got, want := r.wall.of(agent("101").AgentID), []string{"pop c ringing Alice", "end terminated "}; !slices.Equal(got, want) {
			t.Errorf("on the screens: %q, want %q", got, want)
		}
		if n := r.Pending(); n != 2 {
			t.Errorf("%d events pending, want the 2 look-ups", n)
		}
	})
}

func TestFlowCloseWaitsForLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, all, nil)
		r.book.delay[alice] = time.Second
		r.offer(t, step("101", "c", alice, Ringing))
		if err := r.Close(t.Context()); err != nil {
			t.Fatalf("close: %v", err)
		}
		if got := r.wall.of(agent("101").AgentID); len(got) != 1 {
			t.Errorf("on the screens after the drain: %q, want one pop", got)
		}
		if r.Offer([]Event{step("101", "d", bob, Ringing)}) {
			t.Error("a closed flow took an event")
		}
	})
}

func TestFlowCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{names: map[string]string{alice: "Alice"}, delay: map[string]time.Duration{alice: time.Hour}}
		f := NewFlow(FlowConfig{Finder: b, Screens: &wall{}, Settings: func(AgentID) PopSettings { return all }})
		ran := make(chan error, 1)
		go func() { ran <- f.Run(context.Background()) }()
		f.Offer([]Event{step("101", "c", alice, Ringing)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var drain *DrainError
		if err := f.Close(ctx); !errors.As(err, &drain) || drain.Dropped != 1 {
			t.Errorf("close: %v, want a DrainError of 1", err)
		}
		<-ran
		if len(b.cancelled()) != 1 {
			t.Error("the look-up was not cancelled")
		}
	})
}

func TestFlowAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, all, nil)
		if err := r.Alive(t.Context()); err != nil {
			t.Errorf("alive: %v", err)
		}
		f := NewFlow(FlowConfig{Finder: &book{}, Screens: &wall{}, Settings: func(AgentID) PopSettings { return all }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Alive(ctx); !errors.Is(err, ErrFlowStuck) {
			t.Errorf("a flow that does not run: %v, want ErrFlowStuck", err)
		}
	})
}

// Many goroutines offer at once; each agent's screens see each call's steps in
// the order they were offered.
func TestFlowKeepsOrderPerAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, all, nil)
		var wg sync.WaitGroup
		const agents, calls = 40, 25
		for a := range agents {
			wg.Go(func() {
				ext := fmt.Sprint(100 + a)
				for c := range calls {
					id := fmt.Sprintf("%s-%d", ext, c)
					for _, s := range []State{Ringing, Connected} {
						r.offer(t, step(ext, id, alice, s))
					}
					pass(time.Millisecond)
					r.offer(t, step(ext, id, alice, Terminated))
				}
			})
		}
		wg.Wait()
		pass(time.Second)
		for a := range agents {
			got := r.wall.of(agent(fmt.Sprint(100 + a)).AgentID)
			last := ""
			pops, ends := 0, 0
			for _, line := range got {
				switch line[:3] {
				case "pop":
					pops++
				case "upd":
					if last[:3] != "pop" {
						t.Fatalf("an update after %q", last)
					}
				case "end":
					ends++
				}
				last = line
			}
			if pops != calls || ends != calls {
				t.Fatalf("agent %d saw %d pops and %d ends, want %d of each", 100+a, pops, ends, calls)
			}
		}
	})
}
