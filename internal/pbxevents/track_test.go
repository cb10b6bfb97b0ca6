package pbxevents

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// A step of a story: what the PBX sends, what it is answered, what is offered.
type beat struct {
	send    string
	want    string
	offered string // joined by "; "
}

const (
	ring101 = "101 ringing inbound " + caller
	ring102 = "102 ringing inbound " + caller
	ring103 = "103 ringing inbound " + caller
	conn101 = "101 connected inbound " + caller
	conn102 = "102 connected inbound " + caller
)

func TestTrack(t *testing.T) {
	for _, c := range []struct {
		story string
		beats []beat
	}{
		{"a call rings, is answered and ends", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=101", "accepted 101", ring101},
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=terminated&call_id=c&from=6173998147&to=101", "accepted 101", "101 terminated"},
		}},
		{"the PBX's own names of the events", []beat{
			{"event=newcall&call_id=c&from=6173998147&to=101", "accepted 101", ring101},
			{"event=connect&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=call&call_id=c&from=6173998147&to=101", "accepted 101", "101 terminated"},
		}},
		{"a missed call", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=101", "accepted 101", ring101},
			{"event=hangup&call_id=c", "accepted 101", "101 terminated"},
		}},
		{"an outbound call", []beat{
			{"event=ringing&call_id=c&from=101&to=6173998147", "accepted 101", "101 ringing outbound " + caller},
			{"event=answer&call_id=c&from=101&to=6173998147", "accepted 101", "101 connected outbound " + caller},
			{"event=end&call_id=c", "accepted 101", "101 terminated"},
		}},
		{"every event twice", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=101", "accepted 101", ring101},
			{"event=ringing&call_id=c&from=6173998147&to=101", "duplicate", ""},
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=connected&call_id=c&from=6173998147&to=101", "duplicate", ""},
			{"event=terminated&call_id=c", "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c", "duplicate", ""},
		}},
		{"ringing after connected, and after the end", []beat{
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=ringing&call_id=c&from=6173998147&to=101", "out-of-order", ""},
			{"event=terminated&call_id=c", "accepted 101", "101 terminated"},
			{"event=ringing&call_id=c&from=6173998147&to=101", "out-of-order", ""},
			{"event=connected&call_id=c&from=6173998147&to=101", "out-of-order", ""},
		}},
		{"a leg first seen connected still pops", []beat{
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
		}},
		{"the end of an unknown call, and nothing pops for it afterwards", []beat{
			{"event=terminated&call_id=c", "out-of-order", ""},
			{"event=ringing&call_id=c&from=6173998147&to=101", "out-of-order", ""},
			{"event=connected&call_id=c&from=6173998147&to=102", "out-of-order", ""},
			{"event=terminated&call_id=c", "duplicate", ""},
		}},
		{"the end of an unknown call with its parties", []beat{
			{"event=terminated&call_id=c&from=6173998147&to=+16175550100", "out-of-order", ""},
			{"event=ringing&call_id=c&from=6173998147&to=101", "out-of-order", ""},
		}},
		{"a leg first seen terminated never pops, others of the call do", []beat{
			{"event=terminated&call_id=c&extension=101&from=6173998147&to=600", "out-of-order", ""},
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,102", "accepted 102", ring102},
			{"event=terminated&call_id=c&extension=101", "duplicate", ""},
			{"event=terminated&call_id=c", "accepted 102", "102 terminated"},
		}},
		{"a ring group: the first to answer ends the others", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,102,103", "accepted 101,102,103", ring101 + "; " + ring102 + "; " + ring103},
			{"event=connected&call_id=c&from=6173998147&to=600&extension=102", "accepted 102",
				conn102 + "; 101 answered-elsewhere by Tom Jones; 103 answered-elsewhere by Tom Jones"},
			{"event=terminated&call_id=c&extension=101", "duplicate", ""},
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "out-of-order", ""},
			{"event=terminated&call_id=c", "accepted 102", "102 terminated"},
		}},
		{"who answered is told by the event, else by the directory, else by the extension", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,104", "accepted 101,104", ring101 + "; 104 ringing inbound " + caller},
			{"event=connected&call_id=c&extension=104", "accepted 104", "104 connected inbound " + caller + "; 101 answered-elsewhere by 104"},
			{"event=ringing&call_id=d&from=6173998147&to=600&extension=101,104", "accepted 101,104", ring101 + "; 104 ringing inbound " + caller},
			{"event=connected&call_id=d&extension=104&answered_by=Zoe", "accepted 104", "104 connected inbound " + caller + "; 101 answered-elsewhere by Zoe"},
			{"event=ringing&call_id=e&from=6173998147&to=600&extension=101,104", "accepted 101,104", ring101 + "; 104 ringing inbound " + caller},
			{"event=connected&call_id=e&extension=104&answered_by=102", "accepted 104", "104 connected inbound " + caller + "; 101 answered-elsewhere by Tom Jones"},
			{"event=ringing&call_id=f&from=6173998147&to=600&extension=101,104", "accepted 101,104", ring101 + "; 104 ringing inbound " + caller},
			{"event=connected&call_id=f&extension=104&answered_by=sip:102@firm.example.com", "accepted 104", "104 connected inbound " + caller + "; 101 answered-elsewhere by Tom Jones"},
			{"event=ringing&call_id=g&from=6173998147&to=600&extension=101,104", "accepted 101,104", ring101 + "; 104 ringing inbound " + caller},
			{"event=connected&call_id=g&extension=104&answered_by=\"Temp\" <sip:999@h>", "accepted 104", "104 connected inbound " + caller + "; 101 answered-elsewhere by Temp"},
		}},
		{"a ring group one event at a time", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "accepted 101", ring101},
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=102", "accepted 102", ring102},
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,102,103", "accepted 103", ring103},
			{"event=terminated&call_id=c&extension=103", "accepted 103", "103 terminated"},
			{"event=connected&call_id=c&extension=101", "accepted 101", conn101 + "; 102 answered-elsewhere by Priya Shah"},
		}},
		{"a phone that answers without having rung ends the others", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "accepted 101", ring101},
			{"event=connected&call_id=c&from=6173998147&to=600&extension=102", "accepted 102", conn102 + "; 101 answered-elsewhere by Tom Jones"},
		}},
		{"two phones said to have answered at once keep their legs", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,102,103", "accepted 101,102,103", ring101 + "; " + ring102 + "; " + ring103},
			{"event=connected&call_id=c&extension=101,102", "accepted 101,102", conn101 + "; " + conn102 + "; 103 answered-elsewhere by Priya Shah"},
		}},
		{"connected names one leg that rang and one that did not", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "accepted 101", ring101},
			{"event=connected&call_id=c&from=6173998147&to=600&extension=101,102", "accepted 101,102", conn101 + "; " + conn102},
		}},
		{"connected names one leg that rang and one unknown, without parties", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "accepted 101", ring101},
			{"event=connected&call_id=c&extension=101,102", "accepted 101", conn101},
		}},
		{"blind transfer: the target rings after the first has connected, and pops", []beat{
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=ringing&call_id=c&from=6173998147&to=102", "accepted 102", ring102},
			{"event=terminated&call_id=c&extension=101", "accepted 101", "101 terminated"},
			{"event=connected&call_id=c&from=6173998147&to=102", "accepted 102", conn102},
			{"event=terminated&call_id=c", "accepted 102", "102 terminated"},
		}},
		{"transfer to a group: the one who answers ends the others there too", []beat{
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=102,103", "accepted 102,103", ring102 + "; " + ring103},
			{"event=connected&call_id=c&extension=102", "accepted 102", conn102 + "; 103 answered-elsewhere by Tom Jones"},
		}},
		{"the end of one leg leaves the others, the end without extension ends all", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,102,103", "accepted 101,102,103", ring101 + "; " + ring102 + "; " + ring103},
			{"event=terminated&call_id=c&extension=101", "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c&from=6173998147&to=102", "accepted 102,103", "102 terminated; 103 terminated"},
			{"event=terminated&call_id=c", "duplicate", ""},
		}},
		{"connected and end without parties, or with the parties swapped", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=101&queue=600", "accepted 101", ring101},
			{"event=connected&call_id=c&extension=101", "accepted 101", conn101},
			{"event=terminated&call_id=c&from=101&to=6173998147", "accepted 101", "101 terminated"},
			{"event=ringing&call_id=d&from=6173998147&to=101", "accepted 101", ring101},
			{"event=connected&call_id=d&from=101&to=6173998147", "accepted 101", conn101},
		}},
		{"connected with parties that alone would be skipped", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=101", "accepted 101", ring101},
			{"event=connected&call_id=c&from=anonymous&to=101", "accepted 101", conn101},
			{"event=ringing&call_id=d&from=6173998147&to=101", "accepted 101", ring101},
			{"event=connected&call_id=d&from=600&to=101", "accepted 101", conn101},
		}},
		{"the end of a call whose start was skipped is skipped for the same reason", []beat{
			{"event=ringing&call_id=c&from=101&to=*97", "star-code", ""},
			{"event=terminated&call_id=c", "star-code", ""},
			{"event=terminated&call_id=c", "star-code", ""},
			{"event=ringing&call_id=d&from=101&to=102", "internal-call", ""},
			{"event=connected&call_id=d", "internal-call", ""},
			{"event=terminated&call_id=d&extension=101", "internal-call", ""},
			{"event=ringing&call_id=e&from=anonymous&to=101", "no-number", ""},
			{"event=terminated&call_id=e&extension=101", "no-number", ""},
		}},
		{"the end of a call whose start was lost tells its own reason", []beat{
			{"event=terminated&call_id=c&from=101&to=102", "internal-call", ""},
			{"event=terminated&call_id=d&from=101&to=*97", "star-code", ""},
			{"event=terminated&call_id=e&extension=199", "unknown-extension", ""},
			{"event=terminated&call_id=f&from=6173998147&to=101", "out-of-order", ""},
		}},
		{"a start that concerned nobody, then the phones", []beat{
			{"event=newcall&call_id=c&from=6173998147&to=+16175550100", "unknown-extension", ""},
			{"event=ringing&call_id=c&from=6173998147&to=+16175550100&extension=101", "accepted 101", ring101},
			{"event=terminated&call_id=c&extension=102", "out-of-order", ""},
			{"event=terminated&call_id=c", "accepted 101", "101 terminated"},
		}},
		{"of several legs that stay, a repeat is told before a late event", []beat{
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=ringing&call_id=c&from=6173998147&to=102", "accepted 102", ring102},
			{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,102", "duplicate", ""},
		}},
		{"connected without parties needs a leg that is known", []beat{
			{"event=connected&call_id=c&extension=101", "400", ""},
			{"event=connected&call_id=c", "400", ""},
			{"event=ringing&call_id=c&extension=101", "400", ""},
		}},
		{"one agent, two calls beside each other", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=101", "accepted 101", ring101},
			{"event=ringing&call_id=d&from=6173998148&to=101", "accepted 101", "101 ringing inbound +16173998148"},
			{"event=connected&call_id=c&from=6173998147&to=101", "accepted 101", conn101},
			{"event=terminated&call_id=d", "accepted 101", "101 terminated"},
			{"event=terminated&call_id=c", "accepted 101", "101 terminated"},
		}},
		{"call ids are compared as they are", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=101", "accepted 101", ring101},
			{"event=ringing&call_id=C&from=6173998147&to=101", "accepted 101", ring101},
		}},
		{"the tenant tells of a call at no extension, and then the leg ends first: it stays over", []beat{
			{"event=ringing&call_id=c&from=6173998147&to=+16175550100", "unknown-extension", ""},
			{"event=terminated&call_id=c&from=6173998147&extension=101", "unknown-extension", ""},
			{"event=connected&call_id=c&from=6173998147&extension=101", "out-of-order", ""},
			{"event=ringing&call_id=c&from=6173998147&extension=101", "out-of-order", ""},
			{"event=ringing&call_id=c&from=6173998147&extension=102", "accepted 102", ring102},
		}},
	} {
		t.Run(c.story, func(t *testing.T) { play(t, newRig(t, nil), c.beats) })
	}
}

func play(t *testing.T, r *rig, beats []beat) {
	t.Helper()
	for i, b := range beats {
		if got := r.send(b.send); got != b.want {
			t.Errorf("%d: %s: answered %q, want %q", i+1, b.send, got, b.want)
		}
		if got := strings.Join(r.sink.take(), "; "); got != b.offered {
			t.Errorf("%d: %s: offered\n%q, want\n%q", i+1, b.send, got, b.offered)
		}
	}
}

// A colleague who gets no pops takes the call: the others' phones have stopped
// ringing all the same. A queue that is said to be connected answers for nobody.
func TestTrackAnsweredOutOfScope(t *testing.T) {
	intake := func(t *Tenant) { t.Scope = Scope{Groups: []string{"intake"}} }
	play(t, newRig(t, intake), []beat{
		{"event=ringing&call_id=c&from=6173998147&to=600&extension=101,150", "accepted 101", ring101},
		{"event=connected&call_id=c&from=6173998147&to=600&extension=600", "unknown-extension", ""},
		{"event=connected&call_id=c&from=6173998147&to=600", "unknown-extension", ""},
		{"event=connected&call_id=c&from=6173998147&to=600&extension=150", "out-of-scope", "101 answered-elsewhere by Max Roe"},
	})
	play(t, newRig(t, intake), []beat{
		{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "accepted 101", ring101},
		{"event=connected&call_id=c&from=6173998147&to=150", "out-of-scope", "101 answered-elsewhere by Max Roe"},
	})
}

// A leg keeps what it was first told: queue, number, direction and time.
func TestTrackRemembersTheLeg(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&from=6173998147&to=101&queue=600&time=2001-01-01T00:00:00Z")
	started := r.clock.Now()
	r.clock.pass(7e9)
	r.send("event=connected&call_id=c&extension=101&from=6173998148&to=101&queue=700&direction=outbound")
	r.send("event=terminated&call_id=c")
	if len(r.sink.events) != 3 {
		t.Fatalf("%d events", len(r.sink.events))
	}
	for i, e := range r.sink.events {
		if e.Call.Queue != "600" || e.Call.Number.Canonical != caller || e.Call.Direction != "inbound" || !e.Call.Started.Equal(started) {
			t.Errorf("event %d: %+v", i, e.Call)
		}
		if e.Agent.Name != "Priya Shah" || e.Call.ID != "c" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if got := r.sink.events[1].Received; !got.Equal(r.clock.Now()) {
		t.Errorf("received %v by the sender's clock or an old one", got)
	}
}

// When the flow is full nothing is remembered: the same event is taken later.
func TestTrackFull(t *testing.T) {
	r := newRig(t, nil)
	for _, event := range []string{
		"event=ringing&call_id=c&from=6173998147&to=600&extension=101,102",
		"event=connected&call_id=c&extension=101",
		"event=terminated&call_id=c",
	} {
		r.sink.full = true
		if got := r.send(event); got != "503" {
			t.Errorf("%s: answered %q while the flow is full", event, got)
		}
		r.sink.full = false
		if got := r.send(event); !strings.HasPrefix(got, "accepted") {
			t.Errorf("%s: answered %q when the flow has room again", event, got)
		}
	}
	want := []string{ring101, ring102, conn101, "102 answered-elsewhere by Priya Shah", "101 terminated"}
	if got := r.sink.take(); !slices.Equal(got, want) {
		t.Errorf("offered %q", got)
	}
	r.sink.full = true
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hooks/vodia/"+firm+"?event=ringing&call_id=d&from=6173998147&to=101", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
