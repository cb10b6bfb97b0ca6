package trace_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/trace"
)

// at is so many milliseconds after the beginning.
func at(ms int) time.Time {
	return time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond)
}

func line(ms int, extension, call string, step screenpop.Step, verdict, detail string) screenpop.TraceEntry {
	return screenpop.TraceEntry{
		Time: at(ms), Tenant: "a", Extension: screenpop.Extension(extension), Call: screenpop.CallID(call), Step: step, Verdict: verdict, Detail: detail,
	}
}

// The time of a step is counted from the event that led to it, whatever else came.
func TestWaysCountFromTheEvent(t *testing.T) {
	ways := trace.Ways([]screenpop.TraceEntry{
		line(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"),
		line(0, "102", "c1", screenpop.StepEvent, "accepted", "ringing"),
		line(3, "101", "c2", screenpop.StepEvent, "accepted", "ringing"),
		line(15, "101", "c1", screenpop.StepPush, "shown", ""),
		line(40, "102", "c1", screenpop.StepPush, "shown", ""),
		line(5002, "101", "c1", screenpop.StepPush, "updated", ""), // recorded before its event
		line(5000, "101", "c1", screenpop.StepEvent, "accepted", "connected"),
		line(5001, "102", "c1", screenpop.StepPush, "ended", ""),
	})
	if len(ways) != 2 || ways[0].Call != "c1" || ways[1].Call != "c2" {
		t.Fatalf("%+v", ways)
	}
	var after []float64
	for _, s := range ways[0].Steps {
		after = append(after, s.After)
	}
	// What an answer does to a colleague is counted from the answer.
	if want := []float64{0, 15, 40, 0, 1, 2}; !slices.Equal(after, want) {
		t.Errorf("after %v, want %v", after, want)
	}
	if s := ways[0].Steps[0]; s.Extension != "" || !strings.Contains(s.Text, "for 101, 102") {
		t.Errorf("the first event is %+v", s)
	}
}

// A call that is skipped on one level and taken on another is told by the latter;
// whoever was left out of it is named.
func TestWaysTellOfWhoHadTheCall(t *testing.T) {
	ways := trace.Ways([]screenpop.TraceEntry{
		line(0, "", "c1", screenpop.StepEvent, "unknown-extension", "no extension of the directory is concerned"),
		line(1, "150", "c1", screenpop.StepEvent, "out-of-scope", ""),
		line(2, "101", "c1", screenpop.StepEvent, "accepted", "ringing"),
		line(3, "101", "c1", screenpop.StepPush, "shown", ""),
		line(4, "101", "c1", screenpop.StepEvent, "duplicate", ""),
	})
	var ends []string
	for _, e := range ways[0].Ends {
		ends = append(ends, string(e.Extension)+" "+map[bool]string{true: "pop", false: "none"}[e.Pop])
	}
	if want := []string{"101 pop", "150 none"}; !slices.Equal(ends, want) {
		t.Errorf("%q, want %q", ends, want)
	}
}

// A leg's id finds the whole call.
func TestFilterByTheIDOfALeg(t *testing.T) {
	l := trace.New(trace.Config{})
	e := line(0, "101", "call", screenpop.StepEvent, "accepted", "ringing")
	e.TraceFacts = &screenpop.TraceFacts{Leg: "leg"}
	l.Record(e)
	l.Record(line(1, "101", "call", screenpop.StepLookup, "matched", ""))
	l.Record(line(2, "101", "other", screenpop.StepLookup, "matched", ""))
	for _, id := range []screenpop.CallID{"leg", "call"} {
		if got := l.Entries(trace.Filter{Call: id}); len(got) != 2 {
			t.Errorf("%s: %d entries", id, len(got))
		}
	}
	if got := l.Entries(trace.Filter{Call: "nobody"}); len(got) != 0 {
		t.Errorf("%d entries of nobody", len(got))
	}
}

// Every verdict and cause there is has a sentence of its own.
func TestEveryReasonHasAWhy(t *testing.T) {
	seen := map[string]string{}
	check := func(name string, e screenpop.TraceEntry) {
		t.Helper()
		w := trace.Ways([]screenpop.TraceEntry{e})[0]
		if len(w.Ends) != 1 || w.Ends[0].Why == "" {
			t.Fatalf("%s: %+v", name, w.Ends)
		}
		if other, twice := seen[w.Ends[0].Why]; twice {
			t.Errorf("%s and %s are told alike: %s", name, other, w.Ends[0].Why)
		}
		seen[w.Ends[0].Why] = name
	}
	for _, s := range screenpop.Skips() {
		check(string(s), line(0, "101", "c", screenpop.StepEvent, string(s), ""))
	}
	for _, o := range []screenpop.Outcome{screenpop.OutcomeMatched, screenpop.OutcomeNoMatch, screenpop.OutcomeNotPaired} {
		check(string(o), line(0, "101", "c", screenpop.StepLookup, string(o), ""))
	}
	for _, c := range []screenpop.LookupCause{
		screenpop.CauseCallEnded, screenpop.CauseRateLimit, screenpop.CauseTimeout, screenpop.CauseUnreachable, screenpop.CausePaused,
		screenpop.CauseServerError, screenpop.CauseBadAnswer, screenpop.CauseUnauthorized, screenpop.CauseForbidden, screenpop.CauseNoSearch,
	} {
		e := line(0, "101", "c", screenpop.StepLookup, "unavailable", "")
		e.TraceFacts = &screenpop.TraceFacts{Cause: c}
		check(string(c), e)
	}
	for _, v := range []string{"no-screen", "unpaired", "failed"} {
		check(v, line(0, "101", "c", screenpop.StepPush, v, ""))
	}
}

func BenchmarkWays(b *testing.B) {
	var entries []screenpop.TraceEntry
	for i := range 1000 {
		id := string(rune('a'+i%26)) + time.Duration(i).String()
		entries = append(entries, line(i, "101", id, screenpop.StepEvent, "accepted", "ringing"), line(i+1, "101", id, screenpop.StepLookup, "matched", ""),
			line(i+2, "101", id, screenpop.StepPush, "shown", ""))
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(trace.Ways(entries)) != 1000 {
			b.Fatal("calls are missing")
		}
	}
}
