package pbxevents

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/smokepop/smokepop/internal/screenpop"
)

var update = flag.Bool("update", false, "write the golden answers anew")

// guarded is a tenant whose webhooks have to show everything.
func guarded(t *Tenant) {
	t.Auth = Auth{Username: "vodia", Password: "correct horse", Token: "t-4711", Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
}

// The requests of testdata/wire, as they come over the wire, and their answers.
func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.http")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(string(raw), "\n\n")
		request := strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n"
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		body = strings.TrimSuffix(body, "\n")
		req.Body, req.ContentLength = http.NoBody, 0
		if body != "" {
			req.Body, req.ContentLength = http.MaxBytesReader(nil, readCloser{strings.NewReader(body)}, 1<<20), int64(len(body))
		}
		req.RemoteAddr = "10.1.2.3:40000"
		if from := req.Header.Get("Test-Remote-Addr"); from != "" {
			req.RemoteAddr = from
		}
		r := newRig(t, guarded)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		got, err := httputil.DumpResponse(w.Result(), true)
		if err != nil {
			t.Fatal(err)
		}
		got = append(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), '\n')
		golden := strings.TrimSuffix(file, ".http") + ".answer"
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: answered\n%s\nwant\n%s", file, got, want)
		}
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestAuthEverythingSetMustPass(t *testing.T) {
	type sent struct{ user, pass, token, from string }
	whole := sent{"vodia", "correct horse", "t-4711", "10.1.2.3:1000"}
	for _, c := range []struct {
		what   string
		change func(*sent)
		status int
	}{
		{"everything right", func(*sent) {}, http.StatusAccepted},
		{"IPv4 in IPv6", func(s *sent) { s.from = "[::ffff:10.1.2.3]:1000" }, http.StatusAccepted},
		{"an address without a port", func(s *sent) { s.from = "10.1.2.3" }, http.StatusAccepted},
		{"another network", func(s *sent) { s.from = "11.1.2.3:1000" }, http.StatusForbidden},
		{"another network and no credentials: the source is told first", func(s *sent) { *s = sent{from: "11.1.2.3:1000"} }, http.StatusForbidden},
		{"no address", func(s *sent) { s.from = "@" }, http.StatusForbidden},
		{"no user", func(s *sent) { s.user, s.pass = "", "" }, http.StatusUnauthorized},
		{"wrong user", func(s *sent) { s.user = "Vodia" }, http.StatusUnauthorized},
		{"wrong password", func(s *sent) { s.pass = "correct hors" }, http.StatusUnauthorized},
		{"no token", func(s *sent) { s.token = "" }, http.StatusUnauthorized},
		{"wrong token", func(s *sent) { s.token = "t-4712" }, http.StatusUnauthorized},
	} {
		s := whole
		c.change(&s)
		r := newRig(t, guarded)
		req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm+"?event=ringing&call_id=c&from=6173998147&to=101", nil)
		req.RemoteAddr = s.from
		if s.user != "" {
			req.SetBasicAuth(s.user, s.pass)
		}
		if s.token != "" {
			req.Header.Set(TokenHeader, s.token)
		}
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != c.status {
			t.Errorf("%s: %d %s", c.what, w.Code, w.Body)
		}
		if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (c.status == http.StatusUnauthorized) {
			t.Errorf("%s: WWW-Authenticate %q", c.what, w.Header().Get("WWW-Authenticate"))
		}
	}
}

// The checks come in the order that is promised: each request fails at one
// and at all that come after it.
func TestChecksInOrder(t *testing.T) {
	big := strings.Repeat("x", maxBody+1)
	for _, c := range []struct {
		method, path, from, user, contentType, body string
		status                                      int
	}{
		{"DELETE", "/hooks/vodia/other.example", "11.1.1.1:1", "", "text/plain", big, 404},
		{"DELETE", "/hooks/vodia/" + firm, "11.1.1.1:1", "", "text/plain", big, 405},
		{"POST", "/hooks/vodia/" + firm, "11.1.1.1:1", "", "text/plain", big, 403},
		{"POST", "/hooks/vodia/" + firm, "10.1.1.1:1", "", "text/plain", big, 401},
		{"POST", "/hooks/vodia/" + firm, "10.1.1.1:1", "vodia", "text/plain", big, 413},
		{"POST", "/hooks/vodia/" + firm, "10.1.1.1:1", "vodia", "text/plain", "x", 415},
		{"POST", "/hooks/vodia/" + firm, "10.1.1.1:1", "vodia", "application/json", "x", 400},
	} {
		r := newRig(t, guarded)
		req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		req.RemoteAddr = c.from
		req.Header.Set("Content-Type", c.contentType)
		if c.user != "" {
			req.SetBasicAuth(c.user, "correct horse")
			req.Header.Set(TokenHeader, "t-4711")
		}
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != c.status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d wanted: %d %s", c.status, w.Code, w.Body)
		}
	}
}

func TestMetricsCountEachRequestOnce(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&from=6173998147&to=101")
	r.send("event=ringing&call_id=c&from=6173998147&to=101")
	r.send("event=ringing&call_id=d&from=101&to=102")
	r.send("event=ringing&call_id=d")
	r.post("/hooks/vodia/other.example", "", "")
	r.post("/elsewhere", "", "")
	r.sink.full = true
	r.send("event=terminated&call_id=c")
	for res, want := range map[result]float64{accepted: 1, skipped: 2, malformed: 1, unknownTenant: 1, unknownPath: 1, full: 1, forbidden: 0} {
		if got := testutil.ToFloat64(r.Receiver.metrics.events[res]); got != want {
			t.Errorf("%s: %v, want %v", res, got, want)
		}
	}
	for _, s := range screenpop.Skips() {
		want := 0.0
		if s == screenpop.SkipDuplicate || s == screenpop.SkipInternalCall {
			want = 1
		}
		if got := testutil.ToFloat64(r.Receiver.metrics.skips[s]); got != want {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
	if n, err := testutil.GatherAndCount(r.metrics, "smokepop_events_total", "smokepop_events_skipped_total"); err != nil || n != len(results())+len(screenpop.Skips()) {
		t.Errorf("%d series, %v", n, err)
	}
}

func TestTraceTellsEachVerdict(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&from=6173998147&to=600&extension=101,102")
	r.send("event=ringing&call_id=c&from=6173998147&to=600&extension=101")
	r.send("event=ringing&call_id=d&from=101&to=102")
	r.send("event=dnd&call_id=e")
	r.sink.full = true
	r.send("event=terminated&call_id=c")
	want := []struct {
		call, ext, verdict, number string
	}{
		{"c", "101", "accepted", "**********47"}, {"c", "102", "accepted", "**********47"},
		{"c", "101", "duplicate", "**********47"}, {"d", "", "internal-call", ""}, {"e", "", "state", ""},
		{"c", "101", "full", "**********47"}, {"c", "102", "full", "**********47"},
	}
	got := r.trace.all()
	if len(got) != len(want) {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	for i, w := range want {
		e := got[i]
		if string(e.Call) != w.call || string(e.Extension) != w.ext || e.Verdict != w.verdict || e.Number != w.number ||
			e.Step != screenpop.StepEvent || e.Tenant != firm || e.Detail == "" || !e.Time.Equal(r.clock.Now()) {
			t.Errorf("entry %d: %+v, want %+v", i, e, w)
		}
	}
	for _, s := range screenpop.Skips() {
		if explain(s) == "" {
			t.Errorf("%s is not explained", s)
		}
	}
}

// measuring is a ledger that wants to know what took how long.
type measuring struct{ *ledger }

func (measuring) Measuring() bool { return true }

// What an event took is measured for who wants it, its stages once for all
// extensions; for nobody, nothing is.
func TestAnEventIsMeasuredForWhoWantsIt(t *testing.T) {
	r := newRig(t, nil)
	for _, wanted := range []bool{false, true} {
		before := len(r.trace.all())
		if wanted {
			r.Receiver.trace = measuring{r.trace}
		}
		r.send(fmt.Sprintf("event=ringing&call_id=%v&from=6173998147&to=600&extension=101,102", wanted))
		var stages []string
		for _, e := range r.trace.all()[before:] {
			if (e.Timing != nil) != wanted {
				t.Errorf("wanted %v: %s has the timing %+v", wanted, e.Extension, e.Timing)
			}
			if e.Timing != nil {
				for _, s := range e.Timing.Stages {
					stages = append(stages, string(e.Extension)+" "+s.Name)
				}
			}
		}
		if wanted && !slices.Equal(stages, []string{"101 receive", "101 decide"}) {
			t.Errorf("stages: %q", stages)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := usTenant(t)
	deps := Deps{Directory: staff(), Sink: &basket{}}
	upper := good
	upper.Domain = "FIRM.example.com."
	noPlan := good
	noPlan.Numbers = nil
	for what, c := range map[string]struct {
		tenants []Tenant
		deps    Deps
	}{
		"no directory":       {[]Tenant{good}, Deps{Sink: &basket{}}},
		"no sink":            {[]Tenant{good}, Deps{Directory: staff()}},
		"a tenant twice":     {[]Tenant{good, upper}, deps},
		"no domain":          {[]Tenant{{Numbers: good.Numbers}}, deps},
		"no number plan":     {[]Tenant{noPlan}, deps},
		"metrics registered": {[]Tenant{good}, Deps{Directory: staff(), Sink: &basket{}, Metrics: newRig(t, nil).metrics}},
	} {
		if _, err := New(c.tenants, c.deps); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := New([]Tenant{good}, deps); err != nil {
		t.Errorf("the least that is required: %v", err)
	}
}
