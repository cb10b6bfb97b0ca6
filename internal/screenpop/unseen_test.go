package screenpop_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

// The number of an agent without a page is looked up when one is opened, and not
// before; when none is, the call is over without a look-up.
func TestFlowLooksUpForWhoWatches(t *testing.T) {
	for name, tc := range map[string]struct {
		opens bool // a page, while the phone rings
		want  []string
		asked int
		ended []Outcome
	}{
		"a page is opened": {true, []string{"pop c connected Alice", "end terminated "}, 1, []Outcome{OutcomeMatched}},
		"none is":          {false, []string{"past c connected terminated unwatched"}, 0, []Outcome{OutcomeUnwatched}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var watched atomic.Bool
				var ended []Outcome
				asked := &counted{}
				r := start(t, all, func(c *FlowConfig) {
					asked.Finder, c.Finder = c.Finder, asked
					c.Watched = func(AgentID) bool { return watched.Load() }
					c.Outcome = func(o Outcome) { ended = append(ended, o) }
					c.Workers = 1
				})
				r.offer(t, step("101", "c", alice, Ringing), step("101", "c", alice, Connected))
				pass(time.Second)
				if n := asked.n.Load(); n > 0 || len(r.wall.of(agent("101").AgentID)) > 0 || r.Pending() > 0 {
					t.Fatalf("nobody watches: %d look-ups, %q, %d pending", n, r.wall.of(agent("101").AgentID), r.Pending())
				}
				if tc.opens {
					watched.Store(true)
					r.Watch(agent("102").AgentID) // somebody else
					r.Watch(agent("101").AgentID)
					r.Watch(agent("101").AgentID) // a second page
					pass(time.Second)
				}
				r.offer(t, step("101", "c", alice, Terminated))
				pass(time.Second)
				if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, tc.want) || int(asked.n.Load()) != tc.asked || !slices.Equal(ended, tc.ended) {
					t.Errorf("%q after %d look-ups, ended as %q; want %q, %d, %q", got, asked.n.Load(), ended, tc.want, tc.asked, tc.ended)
				}
				if r.Pending() != 0 {
					t.Errorf("%d pending", r.Pending())
				}
			})
		})
	}
}

// A page that is opened in the very moment in which its agent is found to have
// none is not missed.
func TestFlowSeesAPageOpenedJustNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r rig
		asked := 0
		r = start(t, all, func(c *FlowConfig) {
			c.Watched = func(a AgentID) bool {
				if asked++; asked == 1 {
					r.Watch(a) // nothing waits yet
					return false
				}
				return true
			}
		})
		r.offer(t, step("101", "c", alice, Ringing))
		pass(time.Second)
		if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, []string{"pop c ringing Alice"}) {
			t.Errorf("%q", got)
		}
	})
}

// counted is a Finder whose look-ups are counted.
type counted struct {
	Finder
	n atomic.Int64
}

func (c *counted) Find(ctx context.Context, a AgentID, call Call) (Match, error) {
	c.n.Add(1)
	return c.Finder.Find(ctx, a, call)
}
