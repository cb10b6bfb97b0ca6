package pbxevents

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Where each phone has an id of its own, the legs of one primary call at one
// extension are one, until the last of them has ended.
func TestTrackLegIDs(t *testing.T) {
	from := "&primary_call_id=c&from=6173998147&to=+16175550100"
	for _, c := range []struct {
		story string
		beats []beat
	}{
		{"two phones of one agent: one pop, and the other's end does not end it", []beat{
			{"event=ringing&call_id=c-desk&extension=101" + from, "accepted 101", ring101},
			{"event=ringing&call_id=c-soft&extension=101" + from, "duplicate", ""},
			{"event=connected&call_id=c-desk&extension=101" + from, "accepted 101", conn101},
			{"event=terminated&call_id=c-soft&extension=101" + from, "duplicate", ""},
			{"event=connected&call_id=c-soft&extension=101" + from, "out-of-order", ""},
			{"event=terminated&call_id=c-desk&extension=101" + from, "accepted 101", "101 terminated"},
		}},
		{"the other phone's end is lost", []beat{
			{"event=ringing&call_id=c-desk&extension=101" + from, "accepted 101", ring101},
			{"event=ringing&call_id=c-soft&extension=101" + from, "duplicate", ""},
			{"event=connected&call_id=c-soft&extension=101" + from, "accepted 101", conn101},
			{"event=terminated&call_id=c-soft&extension=101" + from, "accepted 101", "101 terminated"},
		}},
		{"one phone gives up, the other rings on", []beat{
			{"event=ringing&call_id=c-desk&extension=101" + from, "accepted 101", ring101},
			{"event=ringing&call_id=c-soft&extension=101" + from, "duplicate", ""},
			{"event=terminated&call_id=c-soft&extension=101" + from, "duplicate", ""},
			{"event=terminated&call_id=c-desk&extension=101" + from, "accepted 101", "101 terminated"},
		}},
		{"a ring group with an id for each phone; the end of the primary ends all", []beat{
			{"event=ringing&call_id=c-a&extension=101" + from, "accepted 101", ring101},
			{"event=ringing&call_id=c-b&extension=102" + from, "accepted 102", ring102},
			{"event=ringing&call_id=c-d&extension=103" + from, "accepted 103", ring103},
			{"event=connected&call_id=c-b&extension=102" + from, "accepted 102", conn102 +
				"; 101 answered-elsewhere by Tom Jones; 103 answered-elsewhere by Tom Jones"},
			{"event=connected&call_id=c-a&extension=101" + from, "out-of-order", ""},
			{"event=terminated&call_id=c-a&extension=101" + from, "duplicate", ""},
			{"event=terminated&call_id=c", "accepted 102", "102 terminated"},
			{"event=ringing&call_id=c-e&extension=101" + from, "out-of-order", ""},
		}},
		{"later events of a leg need not name the primary", []beat{
			{"event=ringing&call_id=c-a&extension=101" + from, "accepted 101", ring101},
			{"event=ringing&call_id=c-b&extension=102" + from, "accepted 102", ring102},
			{"event=connected&call_id=c-a&extension=101", "accepted 101", conn101 + "; 102 answered-elsewhere by Priya Shah"},
			{"event=terminated&call_id=c-a", "accepted 101", "101 terminated"},
		}},
		{"a leg's end without an extension leaves the other legs", []beat{
			{"event=ringing&call_id=c-a&extension=101" + from, "accepted 101", ring101},
			{"event=ringing&call_id=c-b&extension=102" + from, "accepted 102", ring102},
			{"event=terminated&call_id=c-a" + from, "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c-x" + from, "out-of-order", ""},
			{"event=ringing&call_id=c-x&extension=103" + from, "out-of-order", ""},
			{"event=terminated&call_id=c" + from, "accepted 102", "102 terminated"},
		}},
		{"the primary's end at an extension ends all phones there", []beat{
			{"event=ringing&call_id=c-a&extension=101" + from, "accepted 101", ring101},
			{"event=ringing&call_id=c-b&extension=101" + from, "duplicate", ""},
			{"event=terminated&call_id=c&extension=101" + from, "accepted 101", "101 terminated"},
		}},
		{"rung by the call's id, answered and ended by the leg's", []beat{
			{"event=ringing&call_id=c&extension=101" + from, "accepted 101", ring101},
			{"event=connected&call_id=c-a&extension=101" + from, "accepted 101", conn101},
			{"event=terminated&call_id=c-a&extension=101" + from, "accepted 101", "101 terminated"},
		}},
		{"rung by the call's id, ended by the leg's", []beat{
			{"event=ringing&call_id=c&extension=101" + from, "accepted 101", ring101},
			{"event=terminated&call_id=c-a&extension=101" + from, "accepted 101", "101 terminated"},
		}},
		{"a warm transfer: the consultation and what comes of it are one pop", []beat{
			{"event=connected&call_id=c-a&extension=101" + from, "accepted 101", conn101},
			{"event=ringing&call_id=c-ask&extension=102" + from, "accepted 102", ring102},
			{"event=connected&call_id=c-ask&extension=102" + from, "accepted 102", conn102},
			{"event=connected&call_id=c-b&extension=102" + from, "duplicate", ""},
			{"event=terminated&call_id=c-ask&extension=102" + from, "duplicate", ""},
			{"event=terminated&call_id=c-a&extension=101" + from, "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c-b&extension=102" + from, "accepted 102", "102 terminated"},
		}},
		{"a phone's ringing right after the leg's end is late, its answer is not", []beat{
			{"event=ringing&call_id=c-a&extension=101" + from, "accepted 101", ring101},
			{"event=terminated&call_id=c-a&extension=101" + from, "accepted 101", "101 terminated"},
			{"event=ringing&call_id=c-b&extension=101" + from, "out-of-order", ""},
			{"event=connected&call_id=c-b&extension=101" + from, "accepted 101", conn101},
		}},
		{"a phone first seen terminated never pops, the agent's other one does", []beat{
			{"event=terminated&call_id=c-a&extension=101" + from, "out-of-order", ""},
			{"event=ringing&call_id=c-a&extension=101" + from, "out-of-order", ""},
			{"event=ringing&call_id=c-b&extension=101" + from, "accepted 101", ring101},
		}},
	} {
		t.Run(c.story, func(t *testing.T) { play(t, newRig(t, nil), c.beats) })
	}
}

// A queue that rings the same phone again some time later under a new leg id
// pops again.
func TestTrackRingsAgain(t *testing.T) {
	r := newRig(t, nil)
	from := "&primary_call_id=c&from=6173998147&to=+16175550100&extension=101"
	play(t, r, []beat{{"event=ringing&call_id=c-a" + from, "accepted 101", ring101}, {"event=terminated&call_id=c-a" + from, "accepted 101", "101 terminated"}})
	r.clock.pass(20 * time.Second)
	play(t, r, []beat{{"event=ringing&call_id=c-b" + from, "accepted 101", ring101}, {"event=terminated&call_id=c", "accepted 101", "101 terminated"}})
}

// A leg that makes no pop of its own says in the trace whose call it is, and is
// counted.
func TestTrackTellsOfJoinedLegs(t *testing.T) {
	x := "&from=6173998147&to=+16175550100"
	for why, arrive := range map[string]func(*rig){
		sameParty: func(r *rig) { r.send("event=connected&call_id=c2&extension=101" + x) },
		bothSources: func(r *rig) {
			if err := r.Live(firm, listOf("l "+num+" 101 connected")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		r := newRig(t, nil)
		r.send("event=connected&call_id=c1&extension=101" + x)
		before := len(r.trace.all())
		arrive(r)
		got := r.trace.all()[before:]
		if len(got) != 2 || got[0].Verdict != "accepted" || got[1].Verdict != "joined" || got[1].Extension != "101" || got[1].Detail != "no second pop: "+why+": c1" {
			t.Errorf("%s: %+v", why, got)
		}
		if n := testutil.ToFloat64(r.Receiver.metrics.joined); n != 1 {
			t.Errorf("%s: counted %v", why, n)
		}
	}
}

// A call that goes on under an unrelated id stays one pop to the agent; another
// call of the same number does not.
func TestTrackHandedOver(t *testing.T) {
	x := "&from=6173998147&to=+16175550100"
	for _, c := range []struct {
		story string
		beats []beat
	}{
		{"handed over under a new id", []beat{
			{"event=connected&call_id=c1&extension=101" + x, "accepted 101", conn101},
			{"event=ringing&call_id=c2&extension=102" + x, "accepted 102", ring102},
			{"event=connected&call_id=c2&extension=102" + x, "accepted 102", conn102},
			{"event=connected&call_id=c3&extension=102" + x, "accepted 102", ""},
			{"event=terminated&call_id=c2&extension=102", "accepted 102", ""},
			{"event=terminated&call_id=c1&extension=101", "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c3&extension=102", "accepted 102", "102 terminated"},
		}},
		{"handed over under a new id that rings first", []beat{
			{"event=connected&call_id=c1&extension=101" + x, "accepted 101", conn101},
			{"event=ringing&call_id=c2&extension=102" + x, "accepted 102", ring102},
			{"event=ringing&call_id=c3&extension=102" + x, "accepted 102", ""},
			{"event=terminated&call_id=c2", "accepted 102", ""},
			{"event=connected&call_id=c3&extension=102" + x, "accepted 102", conn102},
			{"event=terminated&call_id=c3", "accepted 102", "102 terminated"},
		}},
		{"handed over when the colleague's leg is long gone", []beat{
			{"event=connected&call_id=c2&extension=102" + x, "accepted 102", conn102},
			{"event=connected&call_id=c3&extension=102" + x, "accepted 102", ""},
			{"event=terminated&call_id=c2", "accepted 102", ""},
			{"event=terminated&call_id=c3", "accepted 102", "102 terminated"},
		}},
		{"a second call from the same switchboard", []beat{
			{"event=connected&call_id=c1&extension=101" + x, "accepted 101", conn101},
			{"event=ringing&call_id=c2&extension=101" + x, "accepted 101", ring101},
			{"event=terminated&call_id=c2", "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c1", "accepted 101", "101 terminated"},
		}},
		{"the consultation between extensions shows nothing", []beat{
			{"event=connected&call_id=c1&extension=101" + x, "accepted 101", conn101},
			{"event=ringing&call_id=c2&from=101&to=102", "internal-call", ""},
			{"event=connected&call_id=c2&from=101&to=102", "internal-call", ""},
			{"event=connected&call_id=c1&extension=102" + x, "accepted 102", conn102},
			{"event=terminated&call_id=c1&extension=101", "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c2", "internal-call", ""},
			{"event=terminated&call_id=c1", "accepted 102", "102 terminated"},
		}},
	} {
		t.Run(c.story, func(t *testing.T) { play(t, newRig(t, nil), c.beats) })
	}
}

// The order of a call's events is that of their arrival; what their sender's
// clock says of it counts for nothing.
func TestTrackIgnoresTheSendersClock(t *testing.T) {
	play(t, newRig(t, nil), []beat{
		{"event=connected&call_id=c&from=6173998147&to=101&time=2026-11-23T09:00:09Z", "accepted 101", conn101},
		{"event=ringing&call_id=c&from=6173998147&to=101&time=2030-01-01T00:00:00Z", "out-of-order", ""},
		{"event=terminated&call_id=c&time=1999-01-01T00:00:00Z", "accepted 101", "101 terminated"},
		{"event=connected&call_id=c&from=6173998147&to=101&time=2030-01-01T00:00:00Z", "out-of-order", ""},
	})
}

// The card says what the call came by.
func TestTrackQueueOrDialledNumber(t *testing.T) {
	for _, c := range []struct{ event, want string }{
		{"event=ringing&call_id=c&from=6173998147&to=+16175550100&extension=101&queue=Intake", "Intake"},
		{"event=ringing&call_id=c&from=6173998147&to=+16175550100&extension=101", "(617) 555-0100"},
		{"event=ringing&call_id=c&from=6173998147&to=\"Intake\" <sip:600@h>&extension=101", "Intake"},
		{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "600"},
		{"event=ringing&call_id=c&from=6173998147&to=101", ""},
		{"event=ringing&call_id=c&from=6173998147&to=102&extension=101", ""},
		{"event=ringing&call_id=c&from=101&to=6173998147", ""},
	} {
		r := newRig(t, nil)
		if got := r.send(c.event); got != "accepted 101" {
			t.Fatalf("%s: %s", c.event, got)
		}
		if got := r.sink.events[0].Call.Queue; got != c.want {
			t.Errorf("%s: %q, want %q", c.event, got, c.want)
		}
	}
}
