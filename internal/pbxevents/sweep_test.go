package pbxevents

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func (r *rig) sizes() (live, done, all int) {
	tr := r.tenant(firm).tracker
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.live.Len(), tr.done.Len(), len(tr.calls)
}

func TestSweepEndsWhatNeverEnded(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&from=6173998147&to=101")
	r.send("event=connected&call_id=d&from=6173998147&to=102")
	r.sink.take()
	r.clock.pass(ringingLife - time.Second)
	r.sweep()
	if got := r.sink.take(); got != nil {
		t.Errorf("swept %q before its time", got)
	}
	r.clock.pass(time.Second)
	r.sweep()
	if got := r.sink.take(); !slices.Equal(got, []string{"101 terminated"}) {
		t.Errorf("swept %q, want the ringing leg", got)
	}
	r.clock.pass(connectedLife)
	r.sweep()
	if got := r.sink.take(); !slices.Equal(got, []string{"102 terminated"}) {
		t.Errorf("swept %q, want the connected leg", got)
	}
	if got := r.send("event=connected&call_id=d&extension=102"); got != "out-of-order" {
		t.Errorf("a swept leg moved on: %q", got)
	}
	r.clock.pass(endedLife)
	r.sweep()
	if live, done, all := r.sizes(); live+done+all != 0 {
		t.Errorf("%d live, %d done, %d calls are left", live, done, all)
	}
}

// News of a ringing leg keep it: a caller may wait long in a queue.
func TestSweepLeavesWhatHasNews(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&from=6173998147&to=101")
	r.sink.take()
	for range 5 {
		r.clock.pass(ringingLife - time.Minute)
		r.send("event=ringing&call_id=c&from=6173998147&to=101")
		r.sweep()
	}
	if got := r.sink.take(); got != nil {
		t.Errorf("swept %q", got)
	}
}

func TestSweepTriesAgainWhenTheFlowIsFull(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&from=6173998147&to=101")
	r.sink.take()
	r.clock.pass(ringingLife)
	r.sink.full = true
	r.sweep()
	r.sink.full = false
	r.sweep()
	if got := r.sink.take(); !slices.Equal(got, []string{"101 terminated"}) {
		t.Errorf("swept %q", got)
	}
}

func TestSweepLateEventsFindAnEndedCallForAnHour(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&from=6173998147&to=101")
	r.send("event=terminated&call_id=c")
	r.clock.pass(endedLife - time.Second)
	r.sweep()
	if got := r.send("event=ringing&call_id=c&from=6173998147&to=101"); got != "out-of-order" {
		t.Errorf("answered %q", got)
	}
}

func TestRunSweepsEachMinuteUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.now = time.Now
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- r.Run(ctx) }()
		r.send("event=ringing&call_id=c&from=6173998147&to=101")
		<-time.After(ringingLife + sweepEvery)
		synctest.Wait()
		if got := r.sink.take(); len(got) != 2 || got[1] != "101 terminated" {
			t.Errorf("offered %q", got)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestTrackerIsBounded(t *testing.T) {
	r := newRig(t, nil)
	tr := r.tenant(firm).tracker
	tr.max = 10
	for i := range 5 {
		r.send(fmt.Sprintf("event=ringing&call_id=live%d&from=6173998147&to=101", i))
	}
	for i := range 50 {
		r.send(fmt.Sprintf("event=terminated&call_id=gone%d", i))
	}
	if live, done, all := r.sizes(); live != 5 || done != 5 || all != 10 {
		t.Errorf("%d live, %d done, %d calls", live, done, all)
	}
	if tr.calls["gone49"] == nil || tr.calls["gone44"] != nil {
		t.Error("the oldest without a leg were to go first")
	}
	r.sink.take()
	for i := range 10 {
		r.send(fmt.Sprintf("event=ringing&call_id=new%d&from=6173998147&to=102", i))
	}
	if live, done, all := r.sizes(); live != 10 || done != 0 || all != 10 {
		t.Errorf("%d live, %d done, %d calls", live, done, all)
	}
	ended := 0
	for _, line := range r.sink.take() {
		if line == "101 terminated" {
			ended++
		}
	}
	if ended != 5 {
		t.Errorf("%d of the 5 live calls that had to go left their pops", 5-ended)
	}
	r.sink.full = true
	if got := r.send("event=terminated&call_id=last"); got != "503" {
		t.Errorf("a live call was forgotten without its end: %q", got)
	}
	if tr.calls["new0"] == nil || tr.calls["last"] != nil {
		t.Error("what was not offered was remembered")
	}
}
