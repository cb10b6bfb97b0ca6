package pbxevents

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// listOf makes a list of live calls: "id number ext,ext state", one a line.
func listOf(lines ...string) []LiveCall {
	calls := []LiveCall{}
	for _, line := range lines {
		f := strings.Fields(line)
		c := LiveCall{ID: strings.Trim(f[0], "-"), From: f[1], To: "+16175550100", State: f[3], Connected: f[3] == "connected", Ended: f[3] == "ended"}
		if f[2] != "-" {
			c.Extensions = strings.Split(f[2], ",")
		}
		calls = append(calls, c)
	}
	return calls
}

const num = "6173998147"

func TestLive(t *testing.T) {
	type snap struct {
		list    []LiveCall
		hook    string
		offered string
	}
	for _, c := range []struct {
		story string
		snaps []snap
	}{
		{"rings, is answered, leaves the list", []snap{
			{list: listOf("l " + num + " 101 alerting"), offered: ring101},
			{list: listOf("l " + num + " 101 alerting")},
			{list: listOf("l " + num + " 101 connected"), offered: conn101},
			{list: listOf(), offered: "101 terminated"},
			{list: listOf()},
		}},
		{"a final state is an end", []snap{
			{list: listOf("l " + num + " 101 alerting"), offered: ring101},
			{list: listOf("l " + num + " 101 ended"), offered: "101 terminated"},
		}},
		{"a ring group: who leaves when one answers is told who did", []snap{
			{list: listOf("l " + num + " 101,102 alerting"), offered: ring101 + "; " + ring102},
			{list: listOf("l " + num + " 102 connected"), offered: conn102 + "; 101 answered-elsewhere by Tom Jones"},
			{list: listOf(), offered: "102 terminated"},
		}},
		{"a phone that stops ringing", []snap{
			{list: listOf("l " + num + " 101,102 alerting"), offered: ring101 + "; " + ring102},
			{list: listOf("l " + num + " 101 alerting"), offered: "102 terminated"},
			{list: listOf(), offered: "101 terminated"},
		}},
		{"a transfer: two entries of one call", []snap{
			{list: listOf("l " + num + " 101 connected"), offered: conn101},
			{list: listOf("l "+num+" 101 connected", "l "+num+" 102 alerting"), offered: ring102},
			{list: listOf("l " + num + " 102 connected"), offered: conn102 + "; 101 terminated"},
		}},
		{"a transfer through a list without the call", []snap{
			{list: listOf("l " + num + " 101 connected"), offered: conn101},
			{list: listOf(), offered: "101 terminated"},
			{list: listOf("l " + num + " 102 alerting"), offered: ring102},
			{hook: "event=ringing&call_id=l&extension=103&from=6173998147&to=600", offered: ring103},
			{hook: "event=terminated&call_id=l", offered: "102 terminated; 103 terminated"},
			{list: listOf("l " + num + " 104 alerting")},
		}},
		{"a call without extensions is told by its parties, or concerns nobody", []snap{
			{list: listOf("l " + num + " - alerting")},
			{list: listOf("l " + num + " 101 alerting"), offered: ring101},
			{list: listOf("l " + num + " - alerting"), offered: "101 terminated"},
		}},
		{"calls without ids", []snap{
			{list: listOf("- "+num+" 101 alerting", "- 6173998148 102 alerting"), offered: ring101 + "; 102 ringing inbound +16173998148"},
			{list: listOf("- "+num+" 101 connected", "- 6173998148 102 alerting"), offered: conn101},
			{list: listOf("- 6173998148 102 alerting"), offered: "101 terminated"},
			{list: listOf(), offered: "102 terminated"},
		}},
		{"what only webhooks know is not ended by a list", []snap{
			{hook: "event=ringing&call_id=w&from=6173998147&to=101", offered: ring101},
			{list: listOf()},
			{list: listOf("l 6173998148 102 alerting"), offered: "102 ringing inbound +16173998148"},
			{list: listOf(), offered: "102 terminated"},
			{hook: "event=terminated&call_id=w", offered: "101 terminated"},
		}},
		{"both sources, one id: one pop", []snap{
			{hook: "event=ringing&call_id=l&from=6173998147&to=101", offered: ring101},
			{list: listOf("l " + num + " 101 alerting")},
			{list: listOf("l " + num + " 101 connected"), offered: conn101},
			{hook: "event=connected&call_id=l&from=6173998147&to=101"},
			{list: listOf(), offered: "101 terminated"},
			{hook: "event=terminated&call_id=l"},
			{hook: "event=ringing&call_id=l&from=6173998147&to=101"},
		}},
		{"both sources, two ids: one pop, the webhook's end ends it", []snap{
			{hook: "event=ringing&call_id=w&from=6173998147&to=101", offered: ring101},
			{list: listOf("l " + num + " 101 alerting")},
			{list: listOf("l " + num + " 101 connected"), offered: conn101},
			{hook: "event=connected&call_id=w&extension=101"},
			{hook: "event=terminated&call_id=w", offered: "101 terminated"},
			{list: listOf("l " + num + " 101 connected")},
			{list: listOf()},
		}},
		{"both sources, two ids, the list first: its end ends it", []snap{
			{list: listOf("l " + num + " 101,102 alerting"), offered: ring101 + "; " + ring102},
			{hook: "event=ringing&call_id=w&from=6173998147&to=+16175550100&extension=101,102"},
			{hook: "event=connected&call_id=w&extension=101", offered: conn101 + "; 102 answered-elsewhere by Priya Shah"},
			{list: listOf("l " + num + " 101 connected")},
			{list: listOf(), offered: "101 terminated"},
			{hook: "event=terminated&call_id=w"},
		}},
		{"both sources, two ids: the list is late and the call is over", []snap{
			{hook: "event=ringing&call_id=w&from=6173998147&to=101", offered: ring101},
			{hook: "event=terminated&call_id=w", offered: "101 terminated"},
			{list: listOf("l " + num + " 101 alerting")},
		}},
		{"both sources: two callers of one number are two calls", []snap{
			{hook: "event=ringing&call_id=w&from=6173998147&to=101", offered: ring101},
			{hook: "event=ringing&call_id=v&from=6173998147&to=101", offered: ring101},
			{list: listOf("l "+num+" 101 alerting", "k "+num+" 101 alerting")},
			{hook: "event=terminated&call_id=w", offered: "101 terminated"},
			{hook: "event=terminated&call_id=v", offered: "101 terminated"},
			{list: listOf()},
		}},
	} {
		t.Run(c.story, func(t *testing.T) {
			r := newRig(t, nil)
			for i, s := range c.snaps {
				if s.hook != "" {
					r.send(s.hook)
				} else if err := r.Live(firm, s.list); err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(r.sink.take(), "; "); got != s.offered {
					t.Fatalf("%d: offered\n\t%q, want\n\t%q", i, got, s.offered)
				}
			}
		})
	}
}

func TestLiveUnknownTenant(t *testing.T) {
	if err := newRig(t, nil).Live("other.example.com", nil); !errors.Is(err, ErrNoTenant) {
		t.Error(err)
	}
}

// A list that comes again keeps its calls from being swept.
func TestLiveKeepsFromTheSweep(t *testing.T) {
	r := newRig(t, nil)
	for range 4 {
		if err := r.Live(firm, listOf("l "+num+" 101 alerting")); err != nil {
			t.Fatal(err)
		}
		r.clock.pass(ringingLife - time.Minute)
		r.sweep()
	}
	if got := r.sink.take(); !slices.Equal(got, []string{ring101}) {
		t.Errorf("%q", got)
	}
	r.clock.pass(time.Minute)
	r.sweep()
	if got := r.sink.take(); !slices.Equal(got, []string{"101 terminated"}) {
		t.Errorf("%q", got)
	}
}

// What the flow had no room for comes again by itself.
func TestLiveFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- r.Run(ctx) }()
		for _, s := range []struct {
			list []LiveCall
			want string
		}{{listOf("l " + num + " 101,102 alerting"), ring101 + "; " + ring102}, {listOf("l " + num + " 101 alerting"), "102 terminated"}, {listOf(), "101 terminated"}} {
			r.sink.mu.Lock()
			r.sink.full = true
			r.sink.mu.Unlock()
			if err := r.Live(firm, s.list); err != nil {
				t.Fatal(err)
			}
			<-time.After(liveRetry + liveRetry/2)
			r.sink.mu.Lock()
			r.sink.full = false
			r.sink.mu.Unlock()
			<-time.After(liveRetry)
			synctest.Wait()
			if got := strings.Join(r.sink.take(), "; "); got != s.want {
				t.Errorf("offered %q, want %q", got, s.want)
			}
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// Lists are bounded, and what is odd in them is left out.
func TestLiveOddLists(t *testing.T) {
	r := newRig(t, nil)
	odd := []LiveCall{{}, {ID: strings.Repeat("x", 300), From: num, Extensions: []string{"101"}}, {ID: "a\x00", From: num}, {ID: "b", From: strings.Repeat("1", 2000)}}
	for i := range maxLiveCalls + 10 {
		odd = append(odd, LiveCall{ID: fmt.Sprint(i), From: num, To: "600", Extensions: []string{"199", "\x01"}})
	}
	if err := r.Live(firm, odd); err != nil {
		t.Fatal(err)
	}
	if got := r.sink.take(); got != nil {
		t.Errorf("%q", got)
	}
	if n := len(r.tenant(firm).live.calls); n > maxLiveCalls {
		t.Errorf("%d calls kept", n)
	}
}
