package pbxevents

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// An end that may be lost to who goes on with the calls is taken in, and told 503, so
// that it is sent again: once it is kept it is answered as what it is by then. So is any
// other event of which it is said so; what was skipped nobody is asked about.
func TestAnEndThatIsNotKeptIsToldLater(t *testing.T) {
	r := newRig(t, nil)
	lost, asked := errors.New("lost"), 0
	var kept, doubt error // of ends, and of others
	r.deps.Kept = func(_ context.Context, over bool) error {
		asked++
		if n := len(r.trace.all()); n == 0 || r.trace.all()[n-1].Detail == "" {
			t.Error("it is asked before the end is on record")
		}
		if !over {
			return doubt
		}
		return kept
	}
	kept = lost
	for _, tc := range []struct {
		event, want string
		asks        int
	}{
		{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "accepted 101", 1},
		{"event=connected&call_id=c&extension=101", "accepted 101", 1},
		{"event=terminated&call_id=c&extension=101", "503", 1},
		{"event=terminated&call_id=c&extension=101", "503", 1}, // sent again
		{"event=terminated&call_id=unknown", "503", 1},
		{"event=registered&call_id=c", "state", 0},
	} {
		asked = 0
		if got := r.send(tc.event); got != tc.want || asked != tc.asks {
			t.Errorf("%s: answered %q, asked %d times; want %q, %d", tc.event, got, asked, tc.want, tc.asks)
		}
	}
	if got := r.sink.take(); !slices.Equal(got, []string{ring101, conn101, "101 terminated"}) {
		t.Errorf("offered %q", got)
	}
	if n := testutil.ToFloat64(r.Receiver.metrics.events[unkept]); n != 3 {
		t.Errorf("%v ends are counted as unkept, want 3", n)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hooks/vodia/"+firm+"?event=terminated&call_id=c", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "The call is over here. Send the event again") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	kept = nil
	if got := r.send("event=terminated&call_id=c&extension=101"); got != "duplicate" {
		t.Errorf("kept at last it is answered %q", got)
	}
	// A ring while it is in doubt how the node stands.
	ring := "event=ringing&call_id=r&from=6173998147&to=600&extension=101"
	doubt = lost
	w = httptest.NewRecorder()
	r.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hooks/vodia/"+firm+"?"+ring, nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "The event is taken in here. Send the event again") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if got := r.send(ring); got != "503" {
		t.Errorf("sent again in doubt it is answered %q", got)
	}
	doubt = nil
	if got := r.send(ring); got != "duplicate" {
		t.Errorf("kept at last it is answered %q", got)
	}
	r.sink.take()
	// What was not taken in is sent again anyway.
	r.send("event=ringing&call_id=d&from=6173998147&to=600&extension=101")
	asked, r.sink.full = 0, true
	if got := r.send("event=terminated&call_id=d"); got != "503" || asked != 0 {
		t.Errorf("an end that the flow has no room for: %q, asked %d times", got, asked)
	}
}
