package screenpop_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

// A leg is told of once for each time that it has moved, and when it is gone; after
// a question that nobody answered in time, all legs are.
func TestChangesOfLegsAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := names()
		book.delay[alice] = time.Minute
		r := run(t, book, all, nil, func(c *FlowConfig) { c.NewID = func(_ AgentID, id CallID) string { return "pop-" + string(id) } })
		expect := func(when string, whole bool, want ...string) {
			t.Helper()
			changes, is, err := r.Changes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range changes {
				line := string(c.ID.Agent.Extension) + " " + string(c.ID.Call) + " "
				if c.Gone {
					line += "gone"
				} else {
					line += string(c.Leg.Call.State) + " " + string(c.Leg.Outcome) + " " + c.Leg.PopID
				}
				got = append(got, line)
			}
			if slices.Sort(got); !slices.Equal(got, want) || is != whole {
				t.Errorf("%s: %q, all of them: %v; want %q, %v", when, got, is, want, whole)
			}
		}
		r.offer(t, step("101", "early", bob, Ringing))
		pass(time.Second)
		expect("the first time", true, "101 early ringing matched pop-early")
		expect("nothing has moved", false)
		r.offer(t, step("101", "c", alice, Ringing))
		expect("a call", false, "101 c ringing  ")
		pass(2 * time.Minute)
		expect("its contact is found", false, "101 c ringing matched pop-c")
		r.offer(t, step("101", "c", alice, Connected), step("101", "early", bob, Terminated))
		expect("an answer and an end", false, "101 c connected matched pop-c", "101 early gone")
		r.offer(t, step("101", "c", alice, Terminated))
		late, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := r.Changes(late); !errors.Is(err, ErrFlowStuck) {
			t.Errorf("who does not wait is told %v", err)
		}
		r.offer(t, step("102", "d", bob, Ringing))
		synctest.Wait()
		expect("nobody has waited", true, "102 d ringing matched pop-d")
	})
}
