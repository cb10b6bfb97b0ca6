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

// waiting is a finder that has no token to ask with until the store is back.
type waiting struct {
	Finder
	away atomic.Bool
	n    atomic.Int64
}

func (f *waiting) Find(ctx context.Context, a AgentID, c Call) (Match, error) {
	f.n.Add(1)
	if f.away.Load() {
		return Match{}, ErrStoreAway
	}
	return f.Finder.Find(ctx, a, c)
}

// While a cluster's store is away and with it an agent's token, the look-up is made
// again as long as the call lasts: the pop is late, and comes.
func TestFlowLooksUpAgainOnceTheStoreIsBack(t *testing.T) {
	for name, tc := range map[string]struct {
		back bool
		want []string
	}{
		"while the call lasts": {true, []string{"pop c connected Alice", "end terminated "}},
		"after the call":       {false, []string{"past c connected terminated too-late"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &waiting{}
				f.away.Store(true)
				var ended []Outcome
				r := start(t, all, func(c *FlowConfig) {
					f.Finder, c.Finder = c.Finder, f
					c.Outcome = func(o Outcome) { ended = append(ended, o) }
					c.Workers = 1
				})
				r.offer(t, step("101", "c", alice, Ringing), step("101", "c", alice, Connected))
				pass(5 * time.Second)
				if n := f.n.Load(); n < 3 || n > 6 || len(ended) > 0 {
					t.Fatalf("after five seconds it was looked up %d times, and ended as %q", n, ended)
				}
				if tc.back {
					f.away.Store(false)
					pass(2 * time.Second)
				}
				r.offer(t, step("101", "c", alice, Terminated))
				pass(2 * time.Second)
				asked := f.n.Load()
				pass(time.Minute)
				if got := r.wall.of(agent("101").AgentID); !slices.Equal(got, tc.want) || f.n.Load() != asked || len(ended) != 1 || r.Pending() != 0 {
					t.Errorf("%q, ended as %q, %d pending, %d look-ups after the end; want %q", got, ended, r.Pending(), f.n.Load()-asked, tc.want)
				}
			})
		})
	}
}
