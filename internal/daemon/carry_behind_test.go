package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vault"
)

// behind is a vault whose lists come from a server that is behind, as those of NATS
// may; single records never do.
type behind struct {
	*vault.Store
	list func(now []string) []string // nil: as it is
	gets func() error                // of records; nil: as they are
}

func (b *behind) List(ctx context.Context, prefix string) ([]string, error) {
	paths, err := b.Store.List(ctx, prefix)
	if b.list != nil {
		paths = b.list(paths)
	}
	return paths, err
}

func (b *behind) Get(ctx context.Context, path string) ([]byte, uint64, error) {
	if b.gets != nil && path != ringAt+ringTerm {
		if err := b.gets(); err != nil {
			return nil, 0, err
		}
	}
	return b.Store.Get(ctx, path)
}

// freeze lets lists be as they are now.
func (b *behind) freeze(t *testing.T) {
	t.Helper()
	was, err := b.Store.List(t.Context(), ringAt)
	if err != nil {
		t.Fatal(err)
	}
	b.list = func([]string) []string { return was }
}

func newBehind(t *testing.T) *behind { return &behind{Store: newVault(t)} }

// The next owner reads all that the last one wrote, whatever of it the list lacks; and
// all of that goes from the store.
func TestTheNextOwnerReadsWhatIsNotListedYet(t *testing.T) {
	clock, ctx := &ringClock{time.Unix(1e9, 0)}, t.Context()
	move := func(r *ring, call, pop string) {
		t.Helper()
		if err := r.put(call, legOf(call, pop), clock.at, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := r.flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	end := func(r *ring, call string) {
		t.Helper()
		r.gone(call, clock.at)
		if err := r.flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		left func(s *behind, last *ring)
		want string
	}{
		{"what was handed over", func(s *behind, last *ring) {
			s.freeze(t)
			over := carried{Taken: clock.now(), Legs: []screenpop.CarriedLeg{*legOf("a", "handed over").Leg}}
			if err := sealCarried(ctx, s, ringAt, last.term, over); err != nil {
				t.Fatal(err)
			}
		}, "map[a:handed over]"},
		{"the last record", func(s *behind, last *ring) {
			s.freeze(t)
			end(last, "a")
		}, "map[]"},
		{"many of the last", func(s *behind, last *ring) {
			s.freeze(t)
			for i := range ringLeast - 2 {
				move(last, "b", fmt.Sprint(i))
			}
			end(last, "a")
		}, fmt.Sprintf("map[b:%d]", ringLeast-3)},
		{"the last, after some that were deleted", func(s *behind, last *ring) {
			s.freeze(t)
			move(last, "b", "1")
			move(last, "b", "2")
			end(last, "a")
			for _, n := range []int{1, 2} {
				if _, err := s.Delete(ctx, last.path(n), 0); err != nil {
					t.Fatal(err)
				}
			}
		}, "map[]"},
		{"the first since nothing was under way", func(s *behind, last *ring) {
			for i := range ringLeast - 1 { // the last place is the one that was written last
				move(last, fmt.Sprint(i), "1")
				end(last, fmt.Sprint(i))
			}
			end(last, "a")
			if err := last.clear(ctx); err != nil {
				t.Fatal(err)
			}
			s.freeze(t)
			move(last, "b", "1")
		}, "map[b:1]"},
		{"one in the middle", func(s *behind, last *ring) {
			end(last, "a")
			middle := last.path(1)
			move(last, "b", "1")
			s.list = func(now []string) []string {
				return slices.DeleteFunc(now, func(path string) bool { return path == middle })
			}
		}, "map[b:1]"},
		{"everything", func(s *behind, last *ring) {
			s.list = func([]string) []string { return nil }
		}, "map[a:ring]"},
	} {
		s := newBehind(t)
		last, _, _ := clock.open(t, s)
		move(last, "a", "ring")
		tc.left(s, last)
		next, c, why := clock.open(t, s)
		if got := fmt.Sprint(legsOf(c)); got != tc.want || why != nil {
			t.Errorf("not listed: %s: read %s, %v; want %s", tc.name, got, why, tc.want)
		}
		if next.unused() {
			t.Errorf("not listed: %s: the next owner believes that nobody has left anything", tc.name)
		}
		// The list is right again by the second look.
		if err := next.flush(ctx); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		s.list, next.late = nil, time.Now().Add(-2*ringLate)
		if err := next.flush(ctx); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		paths, err := s.List(ctx, ringAt)
		for _, path := range paths {
			if path != ringAt+ringTerm && !strings.HasPrefix(path, ringAt+ringPrefix+next.term) {
				t.Errorf("not listed: %s: %s is left", tc.name, path)
			}
		}
		if err != nil || len(paths) == 0 {
			t.Errorf("%s: %v, %v", tc.name, paths, err)
		}
	}
}

// A store that goes away while it is read does not say what was left: nothing is taken
// over from it.
func TestNothingIsTakenOverFromAStoreThatGoesAway(t *testing.T) {
	clock, s := &ringClock{time.Unix(1e9, 0)}, newBehind(t)
	last, _, _ := clock.open(t, s)
	if err := last.put("a", legOf("a", "pop"), clock.at, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := last.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for stays := range 3 { // what is read before it goes
		var n atomic.Int32
		s.gets = func() error {
			if n.Add(1) > int32(stays) {
				return vault.ErrAway
			}
			return nil
		}
		if _, _, _, err := openRing(t.Context(), s, ringAt, clock.now); !errors.Is(err, vault.ErrAway) {
			t.Errorf("a store that goes after %d records: %v", stays, err)
		}
	}
}
