package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// exchange is a Dialler: each agent was shown what is said here.
type exchange struct {
	way   DialWay
	shown map[screenpop.AgentID]map[string]string // number by pop

	mu    sync.Mutex
	calls []string
	fail  error
	began chan struct{} // Dial says that it has begun
	wait  chan struct{} // and comes back once this is closed
}

func (e *exchange) Way(screenpop.Tenant) DialWay { return e.way }

func (e *exchange) Shown(a screenpop.AgentID, popID, number string) bool {
	for id, n := range e.shown[a] {
		if n == number && (popID == "" || popID == id) {
			return true
		}
	}
	return false
}

func (e *exchange) Dial(ctx context.Context, a screenpop.AgentID, number string) error {
	e.mu.Lock()
	e.calls = append(e.calls, string(a.Extension)+" "+number)
	fail := e.fail
	e.mu.Unlock()
	if e.wait != nil {
		e.began <- struct{}{}
		<-e.wait
	}
	return errors.Join(fail, ctx.Err())
}

func (e *exchange) called() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

// pbxProblem is a DialProblem.
type pbxProblem struct{ status int }

func (p pbxProblem) Error() string              { return "the PBX's inner detail" }
func (p pbxProblem) DialProblem() (int, string) { return p.status, "The PBX did not want to." }

// dialRig is a rig whose agents were shown a number each.
func dialRig(t *testing.T) (*rig, *exchange) {
	r := newRig(t)
	e := &exchange{way: DialByPBX, shown: map[screenpop.AgentID]map[string]string{
		priya.AgentID: {"p1": "+16173998147"}, daniel.AgentID: {"d1": "+442079460958"},
	}}
	r.server.dials = newDials(e, r.clock.now)
	return r, e
}

func TestDialsTheAgentsOwnNumbers(t *testing.T) {
	r, e := dialRig(t)
	cookie := r.join(priya)
	wants(t, r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie)), 204)
	wants(t, r.request("POST", "/api/dial", `{"pop":"p1","number":"+16173998147"}`, with(cookie)), 204)
	if got, want := e.called(), []string{"101 +16173998147", "101 +16173998147"}; !slices.Equal(got, want) {
		t.Errorf("dialled %q, want %q", got, want)
	}
}

func TestDialRefusesWhatWasNotShown(t *testing.T) {
	for name, body := range map[string]string{
		"another agent's":      `{"number":"+442079460958"}`,
		"another agent's pop":  `{"pop":"d1","number":"+442079460958"}`,
		"of another call":      `{"pop":"p2","number":"+16173998147"}`,
		"nobody's":             `{"number":"+19005550100"}`,
		"another form":         `{"number":"6173998147"}`,
		"a star code":          `{"number":"*97"}`,
		"none":                 `{"number":""}`,
		"nothing":              `{}`,
		"an extension besides": `{"number":"+442079460958","extension":"102","agent":"102"}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, e := dialRig(t)
			if body := wants(t, r.request("POST", "/api/dial", body, with(r.join(priya))), 403); !strings.Contains(body, msgNotShown) {
				t.Errorf("says %s", body)
			}
			if got := e.called(); len(got) != 0 {
				t.Errorf("dialled %q", got)
			}
		})
	}
}

func TestDialWantsASessionAndOurOrigin(t *testing.T) {
	const body = `{"number":"+16173998147"}`
	r, e := dialRig(t)
	cookie := r.join(priya)
	for name, c := range map[string]struct {
		status int
		change []func(*http.Request)
	}{
		"no session":        {401, nil},
		"another origin":    {403, []func(*http.Request){with(cookie), header("Origin", "https://evil.example")}},
		"no origin":         {403, []func(*http.Request){with(cookie), without("Origin")}},
		"another site":      {403, []func(*http.Request){with(cookie), without("Origin"), header("Sec-Fetch-Site", "same-site")}},
		"a form":            {415, []func(*http.Request){with(cookie), header("Content-Type", "application/x-www-form-urlencoded")}},
		"a form of text":    {415, []func(*http.Request){with(cookie), header("Content-Type", "text/plain")}},
		"origin of our own": {204, []func(*http.Request){with(cookie)}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(e.called())
			wants(t, r.request("POST", "/api/dial", body, c.change...), c.status)
			if n := len(e.called()) - before; (n == 1) != (c.status == 204) {
				t.Errorf("%d calls", n)
			}
		})
	}
	wants(t, r.request("GET", "/api/dial", "", with(cookie)), 405)
	wants(t, r.request("POST", "/api/dial", `{"number":`, with(cookie)), 400)
}

func TestThePageIsToldHowToDial(t *testing.T) {
	for _, way := range []DialWay{DialByPBX, DialByTel, DialOff} {
		t.Run(string(way), func(t *testing.T) {
			r, e := dialRig(t)
			e.way = way
			cookie := r.join(priya)
			if body := wants(t, r.request("GET", "/api/me", "", with(cookie)), 200); !strings.Contains(body, `"dial":"`+string(way)+`"`) {
				t.Errorf("me says %s", body)
			}
			if way != DialByPBX {
				wants(t, r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie)), 403)
			}
		})
	}
	r := newRig(t) // without a Dialler
	if body := wants(t, r.request("GET", "/api/me", "", with(r.join(priya))), 200); !strings.Contains(body, `"dial":"off"`) {
		t.Errorf("me says %s", body)
	}
}

func TestDialLimitsAnAgent(t *testing.T) {
	r, e := dialRig(t)
	cookie, other := r.join(priya), r.join(daniel)
	dial := func() *http.Response {
		return r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie))
	}
	for range dialBurst {
		wants(t, dial(), 204)
	}
	res := dial()
	wants(t, res, 429)
	if got := res.Header.Get("Retry-After"); got != "6" {
		t.Errorf("Retry-After %q, want 6", got)
	}
	wants(t, r.request("POST", "/api/dial", `{"number":"+442079460958"}`, with(other)), 204) // others dial on
	r.clock.pass(dialEvery)
	wants(t, dial(), 204)
	wants(t, dial(), 429)
	if n := len(e.called()); n != dialBurst+2 {
		t.Errorf("%d calls, want %d", n, dialBurst+2)
	}
	// Guesses are limited like calls.
	r.clock.pass(time.Minute)
	for range dialBurst {
		wants(t, r.request("POST", "/api/dial", `{"number":"+19005550100"}`, with(cookie)), 403)
	}
	wants(t, dial(), 429)
}

func TestDialLimitsAllAgentsTogether(t *testing.T) {
	r, e := dialRig(t)
	for i := range dialAllBurst {
		a := priya.AgentID
		a.Extension = screenpop.Extension(fmt.Sprint(i))
		done, err := r.server.dials.limits.begin(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.server.dials.limits.all(); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		done()
	}
	cookie := r.join(priya)
	res := r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie))
	wants(t, res, 429)
	if res.Header.Get("Retry-After") == "" || len(e.called()) != 0 {
		t.Errorf("Retry-After %q, dialled %q", res.Header.Get("Retry-After"), e.called())
	}
	r.clock.pass(dialAllEvery)
	wants(t, r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie)), 204)
}

func TestOneCallOfAnAgentAtATime(t *testing.T) {
	r, e := dialRig(t)
	e.began, e.wait = make(chan struct{}, 2), make(chan struct{})
	cookie := r.join(priya)
	first := make(chan int, 1)
	ctx, gone := context.WithCancel(t.Context())
	go func() {
		first <- r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie),
			func(req *http.Request) { *req = *req.WithContext(ctx) }).StatusCode
	}()
	<-e.began
	wants(t, r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie)), 429)
	gone() // the browser has left, the phone rings on
	close(e.wait)
	if status := <-first; status != 204 {
		t.Errorf("the first: %d", status)
	}
	if n := len(e.called()); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	wants(t, r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie)), 204)
}

func TestForgottenDiallersHaveNothingAgainstThem(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	l := newDialLimits(c.now)
	agent := func(i int) screenpop.AgentID { return screenpop.AgentID{Extension: screenpop.Extension(fmt.Sprint(i))} }
	begin := func(i int) error {
		done, err := l.begin(agent(i))
		if err == nil {
			done()
		}
		return err
	}
	for i := range diallers - 1 {
		if err := begin(i); err != nil {
			t.Fatal(err)
		}
	}
	c.pass(time.Minute)
	for range dialBurst {
		if err := begin(-1); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin(-2); err != nil { // one too many: the idle are forgotten
		t.Fatal(err)
	}
	if len(l.agents) != 2 || begin(-1) == nil {
		t.Errorf("%d remembered; the one at the limit may go on", len(l.agents))
	}
}

func TestDialTellsTheAgentWhatFailed(t *testing.T) {
	for _, c := range []struct {
		fail   error
		status int
		words  string
	}{
		{pbxProblem{502}, 502, "The PBX did not want to."},
		{pbxProblem{504}, 504, "The PBX did not want to."},
		{pbxProblem{204}, 502, "The PBX did not want to."},
		{errors.New("inner detail"), 500, "Something went wrong on our side."},
	} {
		r, e := dialRig(t)
		e.fail = c.fail
		body := wants(t, r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(r.join(priya))), c.status)
		if !strings.Contains(body, c.words) || strings.Contains(body, "inner detail") {
			t.Errorf("%v: %s", c.fail, body)
		}
	}
}

func TestEveryRequestToDialIsAudited(t *testing.T) {
	r, e := dialRig(t)
	cookie := r.join(priya)
	counts := prometheus.NewRegistry()
	counts.MustRegister(r.server.dials.counts)
	dial := func(number string) {
		r.request("POST", "/api/dial", `{"number":"`+number+`"}`, with(cookie), func(req *http.Request) { req.RemoteAddr = "192.0.2.7:4711" })
	}
	dial("+16173998147")
	e.fail = pbxProblem{502}
	dial("+16173998147")
	dial("+442079460958")
	dial("+16173998147")
	dial(strings.Repeat("7", 3000))

	log := r.log.String()
	for _, want := range []string{"outcome=ok", "outcome=failed", "outcome=refused", "outcome=limited"} {
		if n := strings.Count(log, "audit.event=dial audit."+want); n == 0 || want != "outcome=limited" && n != 1 {
			t.Errorf("%d lines of audit with %s:\n%s", n, want, log)
		}
	}
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "audit.event=dial") {
			continue
		}
		for _, want := range []string{"level=INFO", "msg=dial", "audit.by=agent", "audit.agent=101@firm.example.com", "audit.client=192.0.2.7 ", "audit.session=", "audit.number=*", "audit.request_id="} {
			if !strings.Contains(line, want) {
				t.Errorf("no %s in %s", want, line)
			}
		}
		if len(line) > 600 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	for _, secret := range []string{"6173998147", "2079460958", cookie.Value, "7777777"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
	families, err := counts.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	if want := (map[string]float64{dialled: 1, dialFailed: 1, dialRefused: 1, dialLimited: 2}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// An agent that has gone from the directory dials no more.
func TestDialOfADismissedAgent(t *testing.T) {
	r, e := dialRig(t)
	cookie := r.join(priya)
	r.directory.dismiss(priya.AgentID)
	wants(t, r.request("POST", "/api/dial", `{"number":"+16173998147"}`, with(cookie)), 401)
	if len(e.called()) != 0 {
		t.Error("dialled")
	}
}
