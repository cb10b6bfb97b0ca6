package screenpop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

// docket is a MatterFinder over a map of contacts, with a delay and an error
// for each, and a Finder of the contacts a test names.
type docket struct {
	contacts []Contact

	mu        sync.Mutex
	open      map[string][]string // matters' numbers by contact
	delay     map[string]time.Duration
	err       map[string]error
	asked     []string // "agent contact"
	cancelled int
}

func (d *docket) Find(context.Context, AgentID, Call) (Match, error) {
	return Match{Contacts: d.contacts}, nil
}

func (d *docket) Matters(ctx context.Context, a AgentID, contact string) ([]Matter, error) {
	d.mu.Lock()
	d.asked = append(d.asked, string(a.Extension)+" "+contact)
	numbers, delay, err := d.open[contact], d.delay[contact], d.err[contact]
	d.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		d.mu.Lock()
		defer d.mu.Unlock()
		d.cancelled++
		return nil, ErrTooLate
	}
	found := []Matter{}
	for _, n := range numbers {
		found = append(found, Matter{Number: n})
	}
	return found, err
}

func (d *docket) requests() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := slices.Sorted(slices.Values(d.asked))
	return strings.Join(s, ", ")
}

// cards is a Screens that writes down each card as it stands: the state, and
// each contact with its matters.
type cards struct {
	wall
	mu  sync.Mutex
	ids []string
}

func (c *cards) Pop(a AgentID, p Pop, _ time.Time) {
	c.mu.Lock()
	c.ids = append(c.ids, p.ID)
	c.mu.Unlock()
	c.add(a, "pop %s", card(p))
}
func (c *cards) Update(a AgentID, p Pop) { c.add(a, "update %s", card(p)) }

func (c *cards) id(i int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[i]
}

func card(p Pop) string {
	s := string(p.Call.State)
	for _, contact := range p.Contacts {
		s += " " + contact.ID
		for _, m := range contact.Matters {
			s += "/" + m.Number
		}
	}
	return s
}

// people are contacts whose own number it is.
func people(ids ...string) []Contact {
	var list []Contact
	for _, id := range ids {
		list = append(list, Contact{ID: id, Kind: Person, Direct: true})
	}
	return list
}

var withMatters = PopSettings{On: Ringing, Inbound: true, Matters: true}

type mattersRig struct {
	*Flow
	*docket
	*cards
	notes *[]TraceEntry
}

type notes struct {
	mu   sync.Mutex
	list *[]TraceEntry
}

func (n *notes) Record(e TraceEntry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*n.list = append(*n.list, e)
}

func startMatters(t *testing.T, settings PopSettings, contacts []Contact, change func(*FlowConfig)) mattersRig {
	t.Helper()
	r := mattersRig{docket: &docket{
		contacts: contacts, open: map[string][]string{"a": {"1", "2"}}, delay: map[string]time.Duration{}, err: map[string]error{},
	}, cards: &cards{}, notes: &[]TraceEntry{}}
	r.Flow = start(t, settings, func(cfg *FlowConfig) {
		cfg.Finder, cfg.Matters, cfg.Screens, cfg.Trace = r.docket, r.docket, r.cards, &notes{list: r.notes}
		if change != nil {
			change(cfg)
		}
	}).Flow
	return r
}

func (r mattersRig) step(t *testing.T, s State) {
	t.Helper()
	if !r.Offer([]Event{step("101", "c", alice, s)}) {
		t.Fatal("the event was not taken")
	}
	pass(time.Second)
	synctest.Wait()
}

func (r mattersRig) wants(t *testing.T, lines ...string) {
	t.Helper()
	if got := r.of(agent("101").AgentID); !slices.Equal(got, lines) {
		t.Errorf("on the screens: %q, want %q", got, lines)
	}
}

func TestMattersComeWithTheAnswerAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a", "b"), nil)
		r.step(t, Ringing)
		r.step(t, Ringing) // a queue's call that moves on rings again
		if asked := r.requests(); asked != "" {
			t.Errorf("asked for %s while the phone rang", asked)
		}
		r.step(t, Connected)
		r.wants(t, "pop ringing a b", "update ringing a b", "update connected a b", "update connected a/1/2 b")
		if asked := r.requests(); asked != "101 a, 101 b" {
			t.Errorf("asked %s", asked)
		}
		r.step(t, Terminated)
		if n := r.Pending(); n != 0 {
			t.Errorf("%d pending, want 0", n)
		}
	})
}

func TestMattersOfACallFirstSeenConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a"), nil)
		r.step(t, Connected)
		r.wants(t, "pop connected a", "update connected a/1/2")
	})
}

func TestMattersOfPhonesThatOnlyRangAreNotFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a"), nil)
		for _, ext := range []string{"101", "102", "103"} {
			r.Offer([]Event{step(ext, "c", alice, Ringing)})
		}
		pass(time.Second)
		r.Offer([]Event{step("102", "c", alice, Connected)})
		for _, ext := range []string{"101", "103"} {
			e := step(ext, "c", alice, Terminated)
			e.End = EndAnsweredElsewhere
			r.Offer([]Event{e})
		}
		pass(time.Second)
		if asked := r.requests(); asked != "102 a" {
			t.Errorf("asked %q, want the one who answered only", asked)
		}
	})
}

func TestMattersWhenTheAgentOpensTheCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a"), func(cfg *FlowConfig) { cfg.Workers = 1 })
		r.step(t, Ringing)
		me, other := agent("101").AgentID, agent("102").AgentID
		r.Open(me, "unknown")
		r.Open(other, r.id(0)) // somebody else's pop
		pass(time.Second)
		synctest.Wait()
		if asked := r.requests(); asked != "" {
			t.Fatalf("asked %q for a pop that is not the agent's", asked)
		}
		for range 3 {
			r.Open(me, r.id(0))
		}
		pass(time.Second)
		r.step(t, Connected)
		r.wants(t, "pop ringing a", "update ringing a/1/2", "update connected a/1/2")
		if asked := r.requests(); asked != "101 a" {
			t.Errorf("asked %q, want once", asked)
		}
		r.step(t, Terminated)
		r.Open(me, r.id(0))
		synctest.Wait()
		if n := r.Pending(); n != 0 {
			t.Errorf("%d pending, want 0", n)
		}
	})
}

func TestMattersAreOff(t *testing.T) {
	for name, c := range map[string]struct {
		settings PopSettings
		contacts []Contact
		change   func(*FlowConfig)
	}{
		"by the tenant":        {PopSettings{On: Ringing, Inbound: true}, people("a"), nil},
		"without a finder":     {withMatters, people("a"), func(cfg *FlowConfig) { cfg.Matters = nil }},
		"for an unknown card":  {PopSettings{On: Ringing, Inbound: true, Matters: true, UnknownCard: true}, nil, nil},
		"for a call not shown": {PopSettings{On: Ringing, Outbound: true, Matters: true}, people("a"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startMatters(t, c.settings, c.contacts, c.change)
				r.step(t, Ringing)
				r.step(t, Connected)
				if asked := r.requests(); asked != "" {
					t.Errorf("asked %q", asked)
				}
				if n := r.Pending(); n != 0 {
					t.Errorf("%d pending, want 0", n)
				}
			})
		})
	}
}

func TestMattersOfTheFirstThreeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("w", "x", "y", "a"), nil)
		r.step(t, Connected)
		if asked := r.requests(); asked != "101 w, 101 x, 101 y" {
			t.Errorf("asked %q", asked)
		}
		r.wants(t, "pop connected w x y a") // nobody has any: nothing changes
	})
}

func TestMattersMoveTheirContactsAhead(t *testing.T) {
	company := Contact{ID: "co", Kind: Company, Direct: true}
	colleague := Contact{ID: "a", Kind: Person} // behind the switchboard
	for _, c := range []struct {
		name     string
		contacts []Contact
		want     string
	}{
		{"before those without, who keep their order", people("x", "y", "a"), "a/1/2 x y"},
		{"not before an organisation", append([]Contact{company}, people("a")...), "co a/1/2"},
		{"an organisation not before a person", append(people("x"), Contact{ID: "a", Kind: Company, Direct: true}), "x a/1/2"},
		{"among organisations", []Contact{company, {ID: "a", Kind: Trust, Direct: true}}, "a/1/2 co"},
		{"not from behind a switchboard", append(people("x"), colleague), "x a/1/2"},
		{"not from beyond the three", people("x", "y", "z", "a"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startMatters(t, withMatters, c.contacts, nil)
				before := fmt.Sprint(c.contacts)
				r.step(t, Connected)
				got := r.of(agent("101").AgentID)
				if c.want == "" && len(got) == 1 {
					return
				}
				if last := got[len(got)-1]; last != "update connected "+c.want {
					t.Errorf("on the screens %q, want %q", last, c.want)
				}
				if fmt.Sprint(c.contacts) != before {
					t.Error("contacts that the look-up shares were changed")
				}
			})
		})
	}
}

func TestMattersThatFailShowNothingAndBreakNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a", "b"), nil)
		r.err["b"] = errors.New("a body nobody may see")
		r.open["b"] = []string{"9"}
		r.step(t, Connected)
		r.wants(t, "pop connected a b", "update connected a/1/2 b")
		var traced []string
		for _, e := range *r.notes {
			traced = append(traced, e.Verdict+": "+e.Detail)
		}
		want := []string{"no-matters: the matters of 1 of 2 contacts are not shown: smokeball is not answering", "matters: 2 matters shown"}
		if !slices.Equal(traced, want) {
			t.Errorf("trace %q, want %q", traced, want)
		}
		r.err["a"] = ErrNotPaired
		r.Offer([]Event{step("101", "d", alice, Connected)})
		pass(time.Second)
		if n := len(r.of(agent("101").AgentID)); n != 3 {
			t.Errorf("%d lines on the screens, want 3: no update without matters", n)
		}
		r.step(t, Terminated)
	})
}

func TestMattersEndWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a"), nil)
		r.delay["a"] = 4 * time.Second
		r.step(t, Connected)
		r.step(t, Terminated)
		pass(time.Minute)
		synctest.Wait()
		r.wants(t, "pop connected a", "end terminated ")
		if r.cancelled != 1 || r.Pending() != 0 {
			t.Errorf("%d cancelled and %d pending, want 1 and 0", r.cancelled, r.Pending())
		}
	})
}

func TestMattersHaveFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a", "b"), nil)
		r.delay["a"] = time.Hour
		r.open["b"] = []string{"9"}
		r.step(t, Connected)
		pass(3900 * time.Millisecond)
		synctest.Wait()
		r.wants(t, "pop connected a b")
		pass(200 * time.Millisecond)
		synctest.Wait()
		r.wants(t, "pop connected a b", "update connected b/9 a")
	})
}

// What fetches matters takes room in the flow, and delays no other call.
func TestMattersAreHeldAgainstTheCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startMatters(t, withMatters, people("a"), func(cfg *FlowConfig) { cfg.Capacity, cfg.Workers = 2, 1 })
		r.delay["a"] = 4 * time.Second
		r.step(t, Connected)
		if n := r.Pending(); n != 1 {
			t.Fatalf("%d pending while matters are fetched, want 1", n)
		}
		r.Offer([]Event{step("102", "d", alice, Ringing)})
		pass(time.Second)
		synctest.Wait()
		if got := r.of(agent("102").AgentID); len(got) != 1 {
			t.Errorf("102 sees %q meanwhile, want its pop", got)
		}
		if r.Offer([]Event{step("103", "d", alice, Ringing), step("104", "d", alice, Ringing)}) {
			t.Error("two events were taken where one has room")
		}
		r.Open(agent("102").AgentID, r.id(1))
		synctest.Wait()
		if n := r.Pending(); n != 2 {
			t.Errorf("%d pending, want 2", n)
		}
		r.Open(agent("102").AgentID, r.id(1)) // no room: nothing
		pass(5 * time.Second)
		synctest.Wait()
		if n := r.Pending(); n != 0 {
			t.Errorf("%d pending in the end, want 0", n)
		}
	})
}
