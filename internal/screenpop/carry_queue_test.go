package screenpop

import (
	"slices"
	"testing"
)

// Events that were still queued when a worker left are carried in what they do
// to legs, in their order.
func TestCarriedHasWhatWasQueued(t *testing.T) {
	f := NewFlow(FlowConfig{Settings: func(AgentID) PopSettings { return PopSettings{} }, Carry: true, Workers: 1})
	w := f.workers[0]
	put := func(call CallID, s State) { w.put(item{event: Event{Call: Call{ID: call, State: s}}}) }
	w.legs[LegID{Call: "a"}] = &leg{call: Call{ID: "a", State: Ringing}, outcome: OutcomeNoMatch}
	put("a", Connected)
	put("b", Ringing)
	put("b", Terminated)
	put("c", Ringing)
	put("d", Connected)
	w.put(item{opening: &opening{}})
	w.put(item{resumed: &resumed{leg: &leg{call: Call{ID: "e", State: Ringing}}}})
	put("e", Connected)
	w.leave()
	var got []string
	for _, l := range f.Carried() {
		got = append(got, string(l.Call.ID)+" "+string(l.Call.State)+" "+string(l.Outcome))
	}
	slices.Sort(got)
	if want := []string{"a connected no-match", "c ringing ", "d connected ", "e connected "}; !slices.Equal(got, want) {
		t.Errorf("carried: %q, want %q", got, want)
	}
}
