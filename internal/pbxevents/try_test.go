package pbxevents

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func (r *rig) try(t *testing.T, s Sample) Tried {
	t.Helper()
	done, err := r.Try(firm, s)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func agentsOf(d Tried) string {
	var b []string
	for _, e := range d.Agents {
		b = append(b, fmt.Sprintf("%s %s %s", e.Agent.Extension, e.Call.State, e.Call.Direction))
	}
	return strings.Join(b, ", ")
}

func TestTry(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sample Sample
		status int
		want   string // verdict, state, number, agents
	}{
		{"json", Sample{ContentType: "application/json", Body: `{"event":"newcall","call_id":"c","from":"+1 617 399 8147","to":"101"}`}, 202,
			"accepted ringing +16173998147 [101 ringing inbound]"},
		{"no type", Sample{Body: "event=connected&call_id=c&from=102&to=6173998147"}, 202, "accepted connected +16173998147 [102 connected outbound]"},
		{"path and query", Sample{Event: "ringing", Extension: "101,102", Query: "call_id=c&from=sip:6173998147@h&to=700"}, 202,
			"accepted ringing +16173998147 [101 ringing inbound, 102 ringing inbound]"},
		{"star code", Sample{Query: "event=ringing&call_id=c&from=101&to=*97"}, 200, "star-code ringing  []"},
		{"internal", Sample{Query: "event=ringing&call_id=c&from=101&to=102"}, 200, "internal-call ringing  []"},
		{"withheld", Sample{Query: "event=ringing&call_id=c&from=anonymous&to=102"}, 200, "no-number ringing  []"},
		{"not an agent", Sample{Query: "event=ringing&call_id=c&from=6173998147&to=199"}, 200, "unknown-extension ringing +16173998147 []"},
		{"end without a start", Sample{Query: "event=terminated&call_id=c&from=6173998147&to=101"}, 200, "out-of-order terminated +16173998147 []"},
		{"other event", Sample{Query: "event=registered"}, 200, "state   []"},
		{"malformed", Sample{ContentType: "application/json", Body: `{"event":`}, 400, "malformed   []"},
		{"type", Sample{ContentType: "text/xml", Body: `<a/>`}, 415, "unsupported-type   []"},
		{"too large", Sample{Body: strings.Repeat("x", maxBody+1)}, 413, "too-large   []"},
	} {
		r := newRig(t, guarded)
		d := r.try(t, tc.sample)
		if got := fmt.Sprintf("%s %s %s [%s]", d.Verdict, d.State, d.Number.Canonical, agentsOf(d)); got != tc.want || d.Status != tc.status {
			t.Errorf("%s: %d %s, want %d %s", tc.name, d.Status, got, tc.status, tc.want)
		}
		if d.Status != 202 && d.Reason == "" {
			t.Errorf("%s: no reason is told", tc.name)
		}
	}
	if _, err := newRig(t, nil).Try("elsewhere.example", Sample{}); !errors.Is(err, ErrNoTenant) {
		t.Error(err)
	}
}

// What is tried leaves no trace anywhere: the same event, sent afterwards, is the
// first of its call.
func TestTryLeavesNothingBehind(t *testing.T) {
	r := newRig(t, nil)
	const event = "event=ringing&call_id=c&from=6173998147&to=101"
	for _, query := range []string{event, "event=terminated&call_id=c&from=6173998147&to=101", "event=ringing", event} {
		r.try(t, Sample{Query: query})
	}
	if r.sink.take() != nil || len(r.trace.all()) > 0 || r.log.Len() > 0 || len(r.Underway(firm)) > 0 {
		t.Errorf("offered, traced, logged or remembered: %v %v %q %v", r.sink.events, r.trace.all(), r.log, r.Underway(firm))
	}
	if problems, err := testutil.GatherAndLint(r.metrics); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetCounter().GetValue() > 0 {
				t.Errorf("%s counted %v", f.GetName(), m)
			}
		}
	}
	if got := r.send(event); got != "accepted 101" {
		t.Errorf("sent afterwards: %s", got)
	}
	// And a call that is there does not change what is tried, nor is it changed.
	r.try(t, Sample{Query: "event=terminated&call_id=c&extension=101"})
	if got := r.send("event=connected&call_id=c&from=6173998147&to=101"); got != "accepted 101" {
		t.Errorf("after an end that was tried: %s", got)
	}
}

// What is tried and what is sent are judged alike.
func TestTryIsTheRealPath(t *testing.T) {
	for _, query := range []string{
		"event=ringing&call_id=c&from=6173998147&to=101", "event=connect&call_id=c&from=101&to=6173998147", "event=ringing&call_id=c&from=&to=101",
		"event=hangup&call_id=c", "event=ringing&call_id=c&from=150&to=6173998147", "event=ringing&call_id=c&from=6173998147&to=101,999", "event=ringing", "",
		"event=ringing&event=ringing&call_id=c", "event=ringing&call_id=c&from=6173998147&to=101&extension=101@" + firm + ",104",
	} {
		r := newRig(t, func(t *Tenant) { t.Scope = Scope{Groups: []string{"intake"}} })
		tried := r.try(t, Sample{Query: query})
		req := httptest.NewRequest(http.MethodPost, (&url.URL{Path: "/hooks/vodia/" + firm, RawQuery: query}).String(), nil)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != tried.Status || w.Code == http.StatusOK && !strings.Contains(w.Body.String(), `"`+tried.Verdict+`"`) {
			t.Errorf("%s: tried %d %s, sent %d %s", query, tried.Status, tried.Verdict, w.Code, w.Body)
		}
		for _, e := range tried.Agents {
			if !strings.Contains(w.Body.String(), `"`+string(e.Agent.Extension)+`"`) {
				t.Errorf("%s: tried for %s, sent %s", query, e.Agent.Extension, w.Body)
			}
		}
	}
}

func TestUnderway(t *testing.T) {
	r := newRig(t, nil)
	list := func() string {
		var b []string
		for _, u := range r.Underway(firm) {
			b = append(b, fmt.Sprintf("%s %s %s %s %s", u.Call.ID, u.Agent.Extension, u.Call.State, u.Call.Direction, u.Call.Number))
		}
		return strings.Join(b, "\n")
	}
	if got := r.Underway(firm); got == nil || len(got) > 0 {
		t.Errorf("before any call: %v", got)
	}
	r.send("event=ringing&call_id=b&from=6173998147&to=700&extension=103,101")
	r.clock.pass(1)
	r.send("event=ringing&call_id=a&from=102&to=6173998148")
	r.send("event=ringing&call_id=skipped&from=102&to=*97")
	r.send("event=ringing&call_id=over&from=6173998149&to=104")
	r.send("event=terminated&call_id=over")
	r.send("event=connected&call_id=a&from=102&to=6173998148")
	want := "b 101 ringing inbound **********47\nb 103 ringing inbound **********47\na 102 connected outbound **********48"
	if got := list(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r.Underway("elsewhere.example") != nil {
		t.Error("calls of a tenant that is not there")
	}
	if u := r.Underway("Firm.Example.com."); len(u) != 3 || u[0].Call.Number != (screenpop.Number{Canonical: "+16173998147", Display: u[0].Call.Number.Display}) {
		t.Errorf("%+v", u)
	}
}
