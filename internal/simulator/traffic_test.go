package simulator_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestTheFirstMinuteShowsEverything(t *testing.T) {
	x := newExchange(t, nil)
	began := x.Now()
	var calls []Announcement
	traffic := Traffic{PBX: x.PBX, Firm: x.firm, Calls: 12, Announce: func(a Announcement) { calls = append(calls, a) }}
	if err := traffic.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 12 || calls[11].At.Sub(began) != 55*time.Second {
		t.Fatalf("%d calls, the last after %v", len(calls), calls[len(calls)-1].At.Sub(began))
	}
	first := calls[0].Scenario
	if first.Kind != KindInbound || first.Expected[0].Extension != "101" || first.Expected[0].Names[0] != "Maria Castellanos" {
		t.Errorf("first comes %s", first.Legend())
	}
	seen := map[Kind]bool{}
	for i, c := range calls {
		seen[c.Scenario.Kind] = true
		if !slices.ContainsFunc(c.Scenario.Expected, func(e Expected) bool { return e.Extension == "101" }) {
			t.Errorf("call %d does not concern the watcher: %s", i+1, c.Scenario.Legend())
		}
	}
	for _, k := range []Kind{KindInbound, KindMissed, KindOutbound, KindRingGroup, KindQueue, KindUnknown, KindWithheld, KindStarCode, KindInternal, KindTransfer, KindSecondCall} {
		if !seen[k] {
			t.Errorf("no call of kind %s", k)
		}
	}
	// Every call that began has ended.
	open := map[string]bool{}
	for _, h := range x.all() {
		leg := h.body[strings.Index(h.body, `"call_id"`):strings.Index(h.body, `,"from"`)] + h.path[strings.LastIndex(h.path, "/"):]
		open[leg] = !strings.Contains(h.path, "/call/")
	}
	for leg, still := range open {
		if still {
			t.Errorf("%s is still on", leg)
		}
	}
}

func TestTrafficEndsWithItsContext(t *testing.T) {
	x := newExchange(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Traffic{PBX: x.PBX, Firm: x.firm, PerMinute: 600, Announce: func(Announcement) {
		if n++; n == 30 {
			cancel()
		}
	}}.Run(ctx)
	if err != nil || n != 30 {
		t.Errorf("%v after %d calls", err, n)
	}
}

// However fast calls are asked for, the firm has so many lines.
func TestTrafficIsBounded(t *testing.T) {
	x := newExchange(t, nil)
	var ends []time.Time
	most := 0
	err := Traffic{PBX: x.PBX, Firm: x.firm, PerMinute: 1e9, Calls: 300, Announce: func(a Announcement) {
		var last time.Duration
		for _, st := range a.Scenario.Steps {
			last = max(last, st.At)
		}
		ends = slices.DeleteFunc(append(ends, a.At.Add(last)), func(end time.Time) bool { return !end.After(a.At) })
		most = max(most, len(ends))
	}}.Run(t.Context())
	if err != nil || most != 64 {
		t.Errorf("%v: %d calls at once", err, most)
	}
}

func TestTrafficNeedsAFirm(t *testing.T) {
	if (Traffic{Firm: &Firm{}}).Run(t.Context()) == nil {
		t.Error("traffic without anybody to call")
	}
}

// Websockets hear of traffic too, and at its end nothing is on.
func TestTrafficHappensOnThePBX(t *testing.T) {
	x := newExchange(t, nil)
	most := 0
	traffic := Traffic{PBX: x.PBX, Firm: x.firm, Calls: 12, Disorder: Disorder{Repeat: 1}, Announce: func(Announcement) {
		most = max(most, len(x.LiveForTest()))
	}}
	if err := traffic.Run(t.Context()); err != nil || most == 0 || len(x.LiveForTest()) != 0 {
		t.Errorf("%v: %d phones at the most, on at the end: %v", err, most, x.LiveForTest())
	}
}
