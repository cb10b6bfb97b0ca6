package trace_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func entry(tenant, extension, call, verdict string) screenpop.TraceEntry {
	return screenpop.TraceEntry{
		Tenant: screenpop.Tenant(tenant), Extension: screenpop.Extension(extension),
		Call: screenpop.CallID(call), Step: screenpop.StepEvent, Verdict: verdict,
	}
}

func verdicts(entries []screenpop.TraceEntry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Verdict)
	}
	return list
}

func TestFilter(t *testing.T) {
	l := trace.New(trace.Config{})
	l.Record(entry("a", "101", "c1", "1"))
	l.Record(entry("b", "101", "c1", "2"))
	l.Record(entry("a", "102", "c2", "3"))
	l.Record(entry("a", "", "c2", "4"))
	for _, tc := range []struct {
		filter trace.Filter
		want   []string
	}{
		{trace.Filter{}, []string{"1", "2", "3", "4"}},
		{trace.Filter{Tenant: "a"}, []string{"1", "3", "4"}},
		{trace.Filter{Tenant: "a", Extension: "101"}, []string{"1", "4"}},
		{trace.Filter{Call: "c1"}, []string{"1", "2"}},
		{trace.Filter{Tenant: "nobody"}, nil},
	} {
		if got := verdicts(l.Entries(tc.filter)); !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %q, want %q", tc.filter, got, tc.want)
		}
	}
}

// A tenant that floods the trace pushes out its own entries only.
func TestEachTenantHasItsOwnRoom(t *testing.T) {
	l := trace.New(trace.Config{PerTenant: 3})
	l.Record(entry("quiet", "101", "c", "kept"))
	for i := range 10 {
		l.Record(entry("busy", "101", "c", fmt.Sprint(i)))
	}
	if got := verdicts(l.Entries(trace.Filter{Tenant: "busy"})); !slices.Equal(got, []string{"7", "8", "9"}) {
		t.Errorf("the busy tenant has %q, want the last three", got)
	}
	if got := verdicts(l.Entries(trace.Filter{Tenant: "quiet"})); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("the quiet tenant has %q", got)
	}
}

func TestFollowHasNoGap(t *testing.T) {
	l := trace.New(trace.Config{Behind: 100_000})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const writers, each = 4, 500
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				l.Record(entry("a", "101", fmt.Sprint(w), fmt.Sprint(i)))
			}
		})
	}
	past, next := l.Follow(ctx, trace.Filter{})
	wg.Wait()
	l.Record(entry("a", "101", "end", "end"))
	all := past
	for e := range next {
		if e.Call == "end" {
			break
		}
		all = append(all, e)
	}
	seen := map[screenpop.CallID]int{}
	for _, e := range all {
		if e.Verdict != fmt.Sprint(seen[e.Call]) {
			t.Fatalf("writer %s: entry %s where %d was due", e.Call, e.Verdict, seen[e.Call])
		}
		seen[e.Call]++
	}
	for w := range writers {
		if n := seen[screenpop.CallID(fmt.Sprint(w))]; n != each {
			t.Errorf("%d entries of writer %d, want %d", n, w, each)
		}
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	l := trace.New(trace.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	_, next := l.Follow(ctx, trace.Filter{})
	cancel()
	if e, open := <-next; open {
		t.Errorf("got %v after the end", e)
	}
	l.Record(entry("a", "101", "c", "after")) // nobody is there to be blocked by
}

func TestAFollowerThatDoesNotReadIsLetGo(t *testing.T) {
	l := trace.New(trace.Config{Behind: 2})
	_, next := l.Follow(t.Context(), trace.Filter{})
	for i := range 5 {
		l.Record(entry("a", "101", "c", fmt.Sprint(i)))
	}
	var got []string
	for e := range next {
		got = append(got, e.Verdict)
	}
	if !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("read %q before the end, want the two that fitted", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	l := trace.New(trace.Config{})
	e := entry("a", "101", "c", "accepted")
	b.ReportAllocs()
	for b.Loop() {
		l.Record(e)
	}
}
