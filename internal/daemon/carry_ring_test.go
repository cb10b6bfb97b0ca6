package daemon

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vault"
)

// rack is a shelf that counts revisions, and may say that it has failed when it has
// not.
type rack struct {
	mu sync.Mutex
	shelf
	revisions map[string]uint64
	last      uint64
	wrote     int // bytes
	// lies is what writes do: nothing but what they say, all are "lost", or "written"
	// although they fail, or "then lost": all but the first.
	lies string
}

func newRack() *rack {
	return &rack{shelf: shelf{records: map[string][]byte{}}, revisions: map[string]uint64{}}
}

func (s *rack) Get(ctx context.Context, path string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _, err := s.shelf.Get(ctx, path)
	return b, s.revisions[path], err
}

func (s *rack) Put(ctx context.Context, path string, value []byte) error {
	if s.lies == "lost" {
		return errShelf
	}
	if s.lies == "then lost" {
		defer func() { s.lies = "lost" }()
	}
	s.last++
	s.revisions[path] = s.last
	s.wrote += len(value)
	if err := s.shelf.Put(ctx, path, value); err != nil || s.lies != "written" {
		return err
	}
	return errShelf
}

func (s *rack) CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error) {
	if s.revisions[path] != revision {
		return 0, vault.ErrConflict
	}
	err := s.Put(ctx, path, value)
	return s.revisions[path], err
}

func (s *rack) Delete(ctx context.Context, path string, revision uint64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.revisions, path)
	return s.shelf.Delete(ctx, path, revision)
}

func (s *rack) List(_ context.Context, prefix string) ([]string, error) {
	var paths []string
	for _, p := range slices.Sorted(maps.Keys(s.records)) {
		if strings.HasPrefix(p, prefix) {
			paths = append(paths, p)
		}
	}
	return paths, s.try("list", "")
}

const ringAt = "carried/part-07/"

// ringClock is a cluster's time.
type ringClock struct{ at time.Time }

func (c *ringClock) now() moment { return moment{Boot: bootOfMany, Wall: c.at} }

func (c *ringClock) open(t interface{ Fatal(...any) }, s ringStore) (*ring, *carried, error) {
	r, left, why, err := openRing(context.Background(), s, ringAt, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return r, left, why
}

func legOf(call, pop string) thing {
	return thing{Leg: &screenpop.CarriedLeg{Call: screenpop.CarriedCall{ID: screenpop.CallID(call)}, PopID: pop}}
}

// legsOf are what was read: the pop of each call.
func legsOf(c *carried) map[string]string {
	legs := map[string]string{}
	if c != nil {
		for _, l := range c.Legs {
			legs[string(l.Call.ID)] = l.PopID
		}
	}
	return legs
}

// Whatever moves and ends in whatever order, however large or seldom, and whether
// writes fail, are lost or only seem so: what the next owner reads is what was last
// written for sure, and of what may have been written since each thing as it was at
// some time between. The store has no more than it needs, and nothing in the end.
func TestPropertyRingHasWhatIsUnderWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, clock, ctx := newRack(), &ringClock{time.Unix(1e9, 0)}, context.Background()
		r, _, _ := clock.open(t, s)
		sure, is := map[string]string{}, map[string]string{}       // what was written, and how it is
		sureOver, over := map[string]string{}, map[string]string{} // likewise, of what has ended and may stay
		maybe := map[string][]string{}                             // how it was since
		bound, version, wide := rapid.SampledFrom([]int{3, 4, 40, 300}).Draw(t, "calls"), 0, ""
		if bound == 4 {
			wide = strings.Repeat("x", ringRecord/3) // several records at once
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			for range rapid.IntRange(0, bound/2).Draw(t, "moves") {
				id := fmt.Sprint(rapid.IntRange(0, bound).Draw(t, "call"))
				version++
				switch rapid.IntRange(0, 3).Draw(t, "end") {
				case 0:
					is[id], over[id] = "", ""
					r.gone(id, clock.at)
				case 1: // over, and of use for a while
					is[id], over[id] = "", fmt.Sprint(version, wide)
					_ = r.put(id, legOf(id, over[id]), clock.at, clock.at.Add(2*time.Second))
				default:
					is[id], over[id] = fmt.Sprint(version, wide), ""
					_ = r.put(id, legOf(id, is[id]), clock.at, time.Time{})
				}
				maybe[id] = append(maybe[id], is[id], over[id])
			}
			clock.at = clock.at.Add(time.Second)
			s.lies = rapid.SampledFrom([]string{"", "", "", "lost", "written", "then lost"}).Draw(t, "store")
			if r.flush(ctx) == nil {
				sure, sureOver = maps.Clone(is), maps.Clone(over)
				clear(maybe)
			}
			s.lies = ""
			_, left, why := clock.open(t, s)
			if why != nil {
				t.Fatal(why)
			}
			got := legsOf(left)
			if r.before != r.term {
				continue // it was never written whole, and is read by nobody
			}
			for id := range union(sure, got) {
				if got[id] != sure[id] && got[id] != sureOver[id] && !slices.Contains(maybe[id], got[id]) {
					t.Fatalf("call %s is %.20q, want %.20q or one of %d since", id, got[id], sure[id], len(maybe[id]))
				}
			}
			if records := len(s.records) - 1; records > 2*max(ringLeast, r.want())+len(is)*len(wide)*4/ringRecord+2 {
				t.Fatalf("%d calls are in %d records", len(is), records)
			}
		}
		for id := range is {
			r.gone(id, clock.at)
		}
		clock.at = clock.at.Add(time.Hour)
		if err := errors.Join(r.flush(ctx), r.clear(ctx)); err != nil || !r.empty() || len(s.records) > 1 {
			t.Fatalf("nothing is under way: %v, %d records", err, len(s.records))
		}
		if len(r.newest)+len(r.dirty) > 0 {
			t.Fatalf("nothing is under way, and %d things are remembered", len(r.newest))
		}
	})
}

func union(a, b map[string]string) map[string]bool {
	all := map[string]bool{}
	for _, m := range []map[string]string{a, b} {
		for id := range m {
			all[id] = true
		}
	}
	return all
}

// What is written for a call that moves does not depend on how many others there are.
func TestRingWritesWhatHasMoved(t *testing.T) {
	clock := &ringClock{time.Unix(1e9, 0)}
	cost := func(calls int) int {
		s := newRack()
		r, _, _ := clock.open(t, s)
		move := func(i int) {
			if err := r.put(fmt.Sprint(i), legOf(fmt.Sprint(i), fmt.Sprintf("%040d", i*7919)), clock.at, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range calls {
			move(i)
		}
		if err := r.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 200 { // the first records are written over
			move(0)
			if err := r.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.wrote = 0
		for i := range 300 {
			move(i % calls)
			if err := r.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return s.wrote / 300
	}
	few, many := cost(10), cost(2000)
	if all := 2000 * 40; many > all/20 || many > 20*few {
		t.Errorf("a call that moves costs %d bytes beside 2,000 others, %d beside ten", many, few)
	}
}

// Only the owner who came last is read: what an earlier one still writes is not, nor
// can it say that its own counts again, and it goes from the store.
func TestRingOfWhoWasSucceeded(t *testing.T) {
	s, clock, ctx := newRack(), &ringClock{time.Unix(1e9, 0)}, t.Context()
	write := func(r *ring, call, pop string) error {
		if err := r.put(call, legOf(call, pop), clock.at, time.Time{}); err != nil {
			t.Fatal(err)
		}
		return r.flush(ctx)
	}
	reads := func(want string) *ring {
		t.Helper()
		r, c, why := clock.open(t, s)
		if got := legsOf(c); why != nil || fmt.Sprint(got) != want {
			t.Errorf("the next owner reads %v, %v; want %s", got, why, want)
		}
		return r
	}
	first := reads("map[]")
	if err := write(first, "a", "1"); err != nil {
		t.Fatal(err)
	}
	stuck := reads("map[a:1]") // an owner that stands still before it has written
	second := reads("map[a:1]")
	if err := write(second, "a", "2"); err != nil {
		t.Fatal(err)
	}
	_ = write(first, "a", "late")
	reads("map[a:2]")
	if err := write(stuck, "a", "stuck"); !errors.Is(err, vault.ErrConflict) {
		t.Errorf("who was overtaken is told %v", err)
	}
	reads("map[a:2]")
	second.late = time.Now().Add(-2 * ringLate)
	if err := second.claim(ctx); err != nil {
		t.Fatal(err)
	}
	for path := range s.records {
		if path != ringAt+ringTerm && !strings.HasPrefix(path, ringAt+ringPrefix+second.term) {
			t.Errorf("%s is left", path)
		}
	}
	// Somebody seals the record of the term with another key.
	third := reads("map[a:2]")
	s.revisions[ringAt+ringTerm]++
	if err := write(third, "b", "3"); err != nil {
		t.Error(err)
	}
	reads("map[b:3]")
}

// What was handed over in order goes before the ring, once; what cannot be read
// leaves the ring, and a record of the ring the others.
func TestWhatWasLeftIsReadInItsOrder(t *testing.T) {
	clock, ctx := &ringClock{time.Unix(1e9, 0)}, t.Context()
	handedOver := carried{Taken: clock.now(), Legs: []screenpop.CarriedLeg{*legOf("a", "handed over").Leg}}
	ringed := func(s *rack, pops ...string) *ring {
		r, _, _ := clock.open(t, s)
		for i, pop := range pops {
			if err := r.put(fmt.Sprint(i), legOf(fmt.Sprint(i), pop), clock.at, time.Time{}); err != nil {
				t.Fatal(err)
			}
			if err := r.flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	seal := func(s *rack, term string) {
		if err := sealCarried(ctx, s, ringAt, term, handedOver); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		left   func(*rack)
		want   string
		broken bool
	}{
		{"by an earlier version, in order", func(s *rack) { seal(s, "") }, "map[a:handed over]", false},
		{"by an earlier version, without a word", func(s *rack) {
			b, err := json.Marshal(handedOver)
			if err != nil {
				t.Fatal(err)
			}
			s.records[ringAt+carriedNow] = gzipped(t, b)
		}, "map[a:handed over]", false},
		{"in order", func(s *rack) { seal(s, ringed(s, "ring").term) }, "map[a:handed over]", false},
		{"in order, before anything was written", func(s *rack) {
			ringed(s, "ring")
			r, _, _ := clock.open(t, s)
			seal(s, r.before)
		}, "map[a:handed over]", false},
		{"in order, and taken over since", func(s *rack) {
			seal(s, ringed(s, "ring").term)
			s.fail = func(op, _ string) error {
				if op == "delete" {
					return errShelf
				}
				return nil
			}
			r, _, _ := clock.open(t, s)
			if err := r.put("a", legOf("a", "newer"), clock.at, time.Time{}); err != nil {
				t.Fatal(err)
			}
			if err := r.flush(ctx); !errors.Is(err, errShelf) {
				t.Errorf("flush: %v", err)
			}
			s.fail = nil
		}, "map[a:newer]", false},
		{"in order, and damaged", func(s *rack) {
			seal(s, ringed(s, "ring").term)
			s.records[carriedPath(ringAt, 0)] = []byte("?")
		}, "map[0:ring]", false},
		{"damaged, by an earlier version", func(s *rack) {
			seal(s, "")
			s.records[carriedPath(ringAt, 0)] = []byte("?")
		}, "map[]", true},
		{"a ring with a damaged record", func(s *rack) {
			r := ringed(s, "zero", "one")
			s.records[r.path(0)] = []byte("?")
		}, "map[1:one]", true},
		{"a ring of a later version", func(s *rack) {
			r := ringed(s, "zero")
			s.records[r.path(0)] = gzipped(t, []byte(`{"form":2,"all":[]}`))
		}, "map[]", true},
	} {
		s := newRack()
		tc.left(s)
		r, c, why := clock.open(t, s)
		if got := fmt.Sprint(legsOf(c)); got != tc.want || (why != nil) != tc.broken {
			t.Errorf("%s: read %s, %v; want %s", tc.name, got, why, tc.want)
		}
		// Read or not, it goes once the next owner has written.
		if err := r.flush(ctx); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		for path := range s.records {
			if path != ringAt+ringTerm {
				t.Errorf("%s: %s is left", tc.name, path)
			}
		}
	}
}

// A thing is as old as it is, however long ago it was written and however often it
// was written again beside others.
func TestRingTellsHowOldThingsAre(t *testing.T) {
	s, clock, ctx := newRack(), &ringClock{time.Unix(1e9, 0)}, t.Context()
	r, _, _ := clock.open(t, s)
	long := legOf("long", "pop")
	long.Leg.Call.Started = screenpop.Age(time.Minute)
	if err := r.put("long", long, clock.at, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * ringLeast {
		if err := r.put("short", legOf("short", fmt.Sprint(i)), clock.at, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := r.flush(ctx); err != nil {
			t.Fatal(err)
		}
		clock.at = clock.at.Add(time.Second)
		_, c, why := clock.open(t, s)
		if why != nil {
			t.Fatal(why)
		}
		for _, l := range c.Legs {
			if want := screenpop.Age(time.Minute) + screenpop.Age(c.Taken.Wall.Sub(time.Unix(1e9, 0))); l.Call.ID == "long" && l.Call.Started != want {
				t.Fatalf("after %d records it began %v ago, want %v", i+1, time.Duration(l.Call.Started), time.Duration(want))
			}
		}
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// A record of which nobody knows whether it was written is written over, wherever
// the next one would have gone: else what is in it came back one day.
func TestRingForgetsNoPlace(t *testing.T) {
	s, clock, ctx := newRack(), &ringClock{time.Unix(1e9, 0)}, t.Context()
	r, _, _ := clock.open(t, s)
	move := func(call, pop string) {
		if err := r.put(call, legOf(call, pop), clock.at, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	flush := func() {
		t.Helper()
		if err := r.flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for i := range ringLeast {
		move("b", fmt.Sprint(i))
		flush()
	}
	move("a", strings.Repeat("x", ringRecord))
	move("b", "last") // so that there is more than one record takes, and a place is made
	s.lies = "written"
	if err := r.flush(ctx); !errors.Is(err, errShelf) {
		t.Fatalf("flush: %v", err)
	}
	s.lies = ""
	r.gone("a", clock.at)
	flush()
	for i := range 3 * ringLeast {
		move("b", fmt.Sprint("later ", i))
		flush()
	}
	if _, c, why := clock.open(t, s); why != nil || len(c.Legs) != 1 {
		t.Errorf("%d calls are read, %v; one is under way", len(c.Legs), why)
	}
}

// What waits for a record to come is not written over in one that goes before it.
func TestRingKeepsWhatIsWrittenAnew(t *testing.T) {
	s, clock, ctx := newRack(), &ringClock{time.Unix(1e9, 0)}, t.Context()
	r, _, _ := clock.open(t, s)
	move := func(call, pop string) {
		if err := r.put(call, legOf(call, pop), clock.at, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range ringLeast {
		move(string(rune('a'+i)), "first")
		if err := r.flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	move("large", strings.Repeat("x", ringRecord))
	move("a", "second")
	s.lies = "then lost"
	if err := r.flush(ctx); !errors.Is(err, errShelf) {
		t.Fatalf("flush: %v", err)
	}
	if _, c, why := clock.open(t, s); legsOf(c)["a"] != "first" {
		t.Errorf("between two records the call is %q, %v", legsOf(c)["a"], why)
	}
}

// What is left of a tenant that is not served any more leaves the store.
func TestRingKeepsWhoIsServed(t *testing.T) {
	s, clock, ctx := newRack(), &ringClock{time.Unix(1e9, 0)}, t.Context()
	r, _, _ := clock.open(t, s)
	for _, key := range []string{"leg/stays.example/101/a", "leg/goes.example/101/b", "call/stays.example/c", "call/goes.example/d"} {
		if err := r.put(key, legOf(key, "pop"), clock.at, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.flush(ctx); err != nil {
		t.Fatal(err)
	}
	r.keep([]screenpop.Tenant{"stays.example"}, clock.at)
	if err := r.flush(ctx); err != nil {
		t.Fatal(err)
	}
	if _, c, why := clock.open(t, s); fmt.Sprint(legsOf(c)) != "map[call/stays.example/c:pop leg/stays.example/101/a:pop]" {
		t.Errorf("what is read is %v, %v", legsOf(c), why)
	}
}
