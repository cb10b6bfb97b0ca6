package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// lineup has the calls it is given.
type lineup map[screenpop.Tenant][]LiveCall

func (s lineup) Live(t screenpop.Tenant) ([]LiveCall, bool) {
	if t == "" {
		return s["firm.example.com"], true
	}
	calls, ok := s[t]
	return calls, ok
}

func TestAdminSeesLiveCalls(t *testing.T) {
	r := newRig(t)
	board := lineup{"firm.example.com": nil}
	r.server.calls = board
	if got := r.adminCall("GET", "/v1/calls", ""); got != `{"calls":[]}`+"\n" {
		t.Errorf("no call: %s", got)
	}
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	board["firm.example.com"] = []LiveCall{{
		Tenant: "firm.example.com", Call: "c1", Direction: screenpop.Inbound, Number: "**********47", Since: at,
		Agents: []CallAgent{{Extension: "101", State: screenpop.Ringing, Since: at, Pop: true, Screens: 2}},
	}}
	want := `{"calls":[{"tenant":"firm.example.com","call":"c1","direction":"inbound","number":"**********47","since":"2026-11-23T09:00:00Z",` +
		`"agents":[{"extension":"101","state":"ringing","since":"2026-11-23T09:00:00Z","pop":true,"screens":2}]}]}` + "\n"
	if got := r.adminCall("GET", "/v1/calls?tenant=Firm.Example.com.", ""); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	wants(t, r.admin("GET", "/v1/calls?tenant=elsewhere.example", ""), 404)
}

// judge answers every sample alike.
type judge struct {
	tenant screenpop.Tenant
	sample Sample
	err    error
}

func (j *judge) DryRun(t screenpop.Tenant, s Sample) (Trial, error) {
	j.tenant, j.sample = t, s
	return Trial{Tenant: "firm.example.com", Status: 200, Verdict: "star-code", Agents: []TrialAgent{}, Fields: []TrialField{}}, j.err
}

type notHere struct{ error }

func (notHere) DryRunProblem() (int, string) { return 404, "There is no such tenant." }

func TestAdminTriesAnEvent(t *testing.T) {
	r := newRig(t)
	j := &judge{}
	r.server.dryRuns = j
	got := r.adminCall("POST", "/v1/dry-run", `{"tenant":"Firm.Example.com.","event":"ringing","extension":"101","content_type":"text/plain","body":"{\"from\":\"6173998147\"}","query":"a=b"}`)
	if !strings.Contains(got, `"verdict":"star-code"`) || j.tenant != "firm.example.com" ||
		j.sample != (Sample{"ringing", "101", "text/plain", `{"from":"6173998147"}`, "a=b"}) {
		t.Errorf("%s of %q %+v", got, j.tenant, j.sample)
	}
	if log := r.log.String(); strings.Contains(log, "8147") || !strings.Contains(log, "dry-run") {
		t.Errorf("the log has the number, or no line of audit: %s", log)
	}
	wants(t, r.admin("POST", "/v1/dry-run", `{"body":"`+strings.Repeat("x", 100<<10)+`"}`), 200)
	wants(t, r.admin("POST", "/v1/dry-run", `{"body":"`+strings.Repeat("x", maxSample)+`"}`), 413)
	wants(t, r.admin("POST", "/v1/dry-run", `[]`), 400)
	j.err = notHere{errors.New("cause")}
	if got := wants(t, r.admin("POST", "/v1/dry-run", `{}`), 404); !strings.Contains(got, "There is no such tenant.") {
		t.Error(got)
	}
}

// counter reads pages as it is told.
type counter struct {
	of    screenpop.AgentID
	pages int
	err   error
	hold  chan struct{} // waited for after the last page, where set
}

func (c *counter) Numbers(ctx context.Context, a screenpop.AgentID, progress func(NumbersProgress) error) (NumbersReport, error) {
	c.of = a
	for i := range c.pages {
		if err := progress(NumbersProgress{Read: (i + 1) * 200, Of: 400}); err != nil {
			return NumbersReport{}, err
		}
	}
	if c.hold != nil {
		close(c.hold)
		<-ctx.Done()
		return NumbersReport{}, ctx.Err()
	}
	return NumbersReport{AgentID: a, Contacts: 400, Numbers: 380, Good: 379, Bad: 1, Complete: true, Faults: []Fault{{Reason: "too-short", Count: 1}}}, c.err
}

func TestAdminLooksThroughNumbers(t *testing.T) {
	r := newRig(t)
	c := &counter{pages: 2}
	r.server.numbers.of = c
	wants(t, r.admin("GET", "/v1/numbers", ""), 409) // nobody is paired
	r.smokeball.paired[daniel.AgentID], r.smokeball.paired[priya.AgentID] = true, true

	got := r.adminCall("GET", "/v1/numbers", "")
	if !strings.Contains(got, `"contacts":400`) || !strings.Contains(got, `"reason":"too-short"`) || strings.Contains(got, "progress") || c.of != priya.AgentID {
		t.Errorf("%s of %v", got, c.of)
	}
	if got := r.adminCall("GET", "/v1/numbers?tenant=firm.example.com&extension=102", ""); !strings.Contains(got, `"extension":"102"`) || c.of != daniel.AgentID {
		t.Errorf("%s of %v", got, c.of)
	}
	lines := strings.Split(r.adminCall("GET", "/v1/numbers?progress=1", ""), "\n")
	if len(lines) != 4 || lines[0] != `{"progress":{"read":200,"of":400}}` || !strings.HasPrefix(lines[2], `{"report":{"tenant":"firm.example.com","extension":"101",`) {
		t.Errorf("%q", lines)
	}
	if !strings.Contains(r.log.String(), "numbers") {
		t.Error("no line of audit")
	}

	wants(t, r.admin("GET", "/v1/numbers?extension=999", ""), 404)
	c.err = unwell{errors.New("cause")}
	if got := r.adminCall("GET", "/v1/numbers?progress=1", ""); !strings.HasSuffix(got, `{"problem":"Extension 101 is not paired."}`+"\n") {
		t.Error(got)
	}
	c.pages = 0
	wants(t, r.admin("GET", "/v1/numbers?progress=1", ""), 409)
}

// One look at a time: the phones need the requests too. Who leaves ends it.
func TestOneLookThroughNumbersAtATime(t *testing.T) {
	r := newRig(t)
	c := &counter{hold: make(chan struct{})}
	r.server.numbers.of = c
	r.smokeball.paired[priya.AgentID] = true
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.admin("GET", "/v1/numbers", "", inContext(ctx)).Body.Close()
	}()
	<-c.hold
	wants(t, r.admin("GET", "/v1/numbers", ""), 409)
	cancel()
	<-ended
	c.hold = nil
	wants(t, r.admin("GET", "/v1/numbers", ""), 200)
}

func inContext(ctx context.Context) func(*http.Request) {
	return func(req *http.Request) { *req = *req.WithContext(ctx) }
}
