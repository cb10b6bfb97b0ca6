package screenpop_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

// remembered is a Memory of Alice, and of Carol's number that nobody has.
type remembered struct{}

func (remembered) Known(_ AgentID, c Call) (Match, error, bool) {
	switch c.Number.Canonical {
	case alice:
		return Match{Contacts: []Contact{{ID: "id-Alice", Name: "Alice of memory"}}}, nil, true
	case carol:
		return Match{}, ErrNoMatch, true
	}
	return Match{}, nil, false
}

// What is at hand is shown before anything that has to be asked for, in the
// agent's order, and nothing of it stays behind.
func TestWhatIsAtHandIsNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outcomes []Outcome
		r := start(t, all, func(c *FlowConfig) {
			c.Memory, c.Workers = remembered{}, 1
			c.Outcome = func(o Outcome) { outcomes = append(outcomes, o) }
		})
		r.book.delay[bob] = time.Second
		r.offer(t, step("101", "b", bob, Ringing), step("101", "a", alice, Ringing), step("101", "c", carol, Ringing),
			step("101", "a", alice, Connected), step("101", "a", alice, Terminated), step("101", "c", carol, Terminated))
		synctest.Wait()
		want := []string{"pop a ringing Alice of memory", "update a connected", "end terminated ", "past c ringing terminated no-match"}
		if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, want) {
			t.Errorf("the screens were told %q, want %q", got, want)
		}
		if r.Pending() != 1 {
			t.Errorf("%d events are pending, want 1", r.Pending())
		}
		pass(time.Second)
		synctest.Wait()
		if got := r.wall.of(agent("101").AgentID); len(got) != 5 || got[4] != "pop b ringing Bob" {
			t.Errorf("the screens were told %q", got)
		}
		if want := []Outcome{OutcomeMatched, OutcomeNoMatch, OutcomeMatched}; !slices.Equal(outcomes, want) || r.Pending() != 0 {
			t.Errorf("outcomes %v, %d pending", outcomes, r.Pending())
		}
	})
}
