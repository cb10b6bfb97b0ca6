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
// that it is sent again: once it is kept it is answered as what it is by then. Nothing
// but an end waits.
func TestAnEndThatIsNotKeptIsToldLater(t *testing.T) {
	r := newRig(t, nil)
	lost, asked := errors.New("lost"), 0
	var kept error
	r.deps.Kept = func(context.Context) error {
		asked++
		if n := len(r.trace.all()); n == 0 || r.trace.all()[n-1].Detail == "" {
			t.Error("it is asked before the end is on record")
		}
		return kept
	}
	kept = lost
	for _, tc := range []struct {
		event, want string
		asks        int
	}{
		{"event=ringing&call_id=c&from=6173998147&to=600&extension=101", "accepted 101", 0},
		{"event=connected&call_id=c&extension=101", "accepted 101", 0},
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
	// What was not taken in is sent again anyway.
	asked, r.sink.full = 0, true
	r.sink.full = false
	r.send("event=ringing&call_id=d&from=6173998147&to=600&extension=101")
	r.sink.full = true
	if got := r.send("event=terminated&call_id=d"); got != "503" || asked != 0 {
		t.Errorf("an end that the flow has no room for: %q, asked %d times", got, asked)
	}
}
