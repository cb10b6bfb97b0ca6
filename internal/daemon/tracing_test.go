package daemon

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	otel "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/simulator"
)

const (
	collectorAddress = "127.0.0.1:4318"
	collectorSecret  = "planted-collector-secret"
)

// spansTaken is a collector that keeps what it is told.
type spansTaken struct {
	t     *testing.T
	mu    sync.Mutex
	spans []*otel.Span
	raw   strings.Builder
	heads []string // Authorization of each request
}

func (c *spansTaken) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		c.t.Error(err)
		return
	}
	b, err := io.ReadAll(body)
	var in otel.TracesData
	if err != nil || proto.Unmarshal(b, &in) != nil {
		c.t.Errorf("what the collector is told cannot be read: %v", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(b)
	c.heads = append(c.heads, r.Header.Get("Authorization"))
	for _, rs := range in.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
}

// tracedOffice plays calls to an office that tells a collector; listening says
// whether there is one.
func tracedOffice(t *testing.T, listening bool, after func(f *office, d *desk, told *spansTaken)) {
	synctest.Test(t, func(t *testing.T) {
		firm := simulator.NewFirm()
		told := &spansTaken{t: t}
		wires := &wires{listeners: map[string]*pipeListener{}}
		s := &http.Server{Handler: told}
		defer s.Close()
		var serving sync.WaitGroup
		defer serving.Wait()
		if listening {
			l := wires.listen(collectorAddress)
			serving.Go(func() { _ = s.Serve(l) })
			defer l.Close()
		}
		client := &http.Client{Transport: &http.Transport{DialContext: wires.dial}}
		defer client.CloseIdleConnections()
		f := openOffice(t, officeOptions{
			firms: []*simulator.Firm{firm}, dir: t.TempDir(), collector: client,
			desks: func(a simulator.Agent) bool { return a.Extension == firm.Agents[0].Extension },
			config: func(c map[string]any) {
				c["tracing"] = map[string]any{"otlp_endpoint": "http://" + collectorAddress, "headers": "Authorization: Bearer " + collectorSecret}
			},
		})
		defer f.stop()
		err := simulator.Traffic{PBX: f.firms[0].pbx, Firm: firm, PerMinute: 10, Agent: firm.Agents[0].Extension, Calls: 10, Seed: 1}.Run(t.Context())
		if err != nil {
			t.Error(err)
		}
		synctest.Wait()
		after(f, f.desks[firm.Domain+" "+firm.Agents[0].Extension], told)
	})
}

// Each call that popped is one trace: event, look-up and push in this order
// under one root, and nothing in it says who called whom.
func TestACollectorIsToldOfEachCall(t *testing.T) {
	tracedOffice(t, true, func(f *office, d *desk, told *spansTaken) {
		f.halt() // sends what has not been sent
		f.start()
		pops := len(d.pops)
		if pops == 0 {
			t.Fatal("no pops")
		}
		told.mu.Lock()
		defer told.mu.Unlock()
		shown, plan := 0, 0
		for _, root := range told.spans {
			if root.Name != "call" {
				continue
			}
			var steps []*otel.Span
			stages := map[string]int{}
			for _, s := range told.spans {
				if string(s.TraceId) != string(root.TraceId) || s.Name == "call" {
					continue
				}
				if string(s.ParentSpanId) == string(root.SpanId) {
					steps = append(steps, s)
				} else {
					stages[s.Name]++
				}
			}
			at := func(name, verdict string) int {
				return slices.IndexFunc(steps, func(s *otel.Span) bool { return s.Name == name && s.Attributes[0].Value.GetStringValue() == verdict })
			}
			event, lookup, push, frame := at("event", "accepted"), at("lookup", "matched"), at("push", "shown"), at("frame", "written")
			queue := slices.IndexFunc(steps, func(s *otel.Span) bool { return s.Name == "queue" })
			if push < 0 {
				continue
			}
			shown++
			if queue < 0 || frame < 0 || stages["receive"] == 0 || stages["decide"] == 0 || stages["token"] == 0 {
				t.Errorf("a call that was shown has queue %d, frame %d, stages %v", queue, frame, stages)
			}
			plan += stages["tail"] + stages["exact"]
			if event < 0 || lookup < 0 || !(event < lookup && lookup < push) || steps[event].EndTimeUnixNano > steps[lookup].EndTimeUnixNano || steps[lookup].EndTimeUnixNano > steps[push].EndTimeUnixNano {
				t.Errorf("a call's steps are out of order: event %d, look-up %d, push %d", event, lookup, push)
			}
		}
		if shown != pops {
			t.Errorf("%d traces of calls that were shown, %d pops", shown, pops)
		}
		if plan == 0 {
			t.Error("no step of a search plan is told of")
		}
		if told.heads[0] != "Bearer "+collectorSecret {
			t.Errorf("Authorization: %q", told.heads[0])
		}
		firm, raw := f.firms[0].firm, told.raw.String()
		for _, p := range d.recent {
			for _, never := range []string{p.Call.Number.Canonical, p.Call.Number.Canonical[len(p.Call.Number.Canonical)-7:], string(p.Call.ID)} {
				if strings.Contains(raw, never) {
					t.Errorf("the collector was told %q", never)
				}
			}
			for _, c := range p.Contacts {
				if strings.Contains(raw, c.Name) {
					t.Errorf("the collector was told %q", c.Name)
				}
			}
		}
		app := simulator.DefaultClient(ourURL + "/pair/callback")
		for _, secret := range []string{collectorSecret, "webhook-password", app.Secret, app.APIKey} {
			if secret == "" || strings.Contains(raw, secret) {
				t.Errorf("the collector was told the secret %q", secret)
			}
		}
		if strings.Contains(raw, firm.Agents[0].Name) || strings.Contains(raw, firm.Agents[0].Email) {
			t.Error("the collector was told who the agent is")
		}
	})
}

// Without its collector everything pops, and what was dropped is counted.
func TestPopsGoOnWithoutTheCollector(t *testing.T) {
	tracedOffice(t, false, func(f *office, d *desk, _ *spansTaken) {
		if len(d.pops) == 0 {
			t.Error("no pops")
		}
		if m := f.metrics(); !strings.Contains(m, `smokepop_otlp_spans_total{outcome="sent"} 0`) || strings.Contains(m, `smokepop_otlp_spans_total{outcome="refused"} 0`) {
			t.Error("what was dropped is not counted")
		}
	})
}

// A reload turns tracing on, changes what the collector is shown, and turns it
// off again; calls pop the whole time.
func TestReloadOfTracing(t *testing.T) {
	told := &spansTaken{t: t}
	collector := &http.Client{Transport: handled{told}}
	inOffice(t, func(o *officeOptions) { o.collector = collector }, func(f *office, firm *simulator.Firm) {
		one := firm.Agents[0].Extension
		call := func(id string) (spans int, head string) {
			f.t.Helper()
			told.mu.Lock()
			before := len(told.spans)
			told.mu.Unlock()
			f.call(id, one, firm.Callers[0].E164(), "ringing")
			if got, _ := f.shows(one); len(got) != 1 {
				f.t.Errorf("%s: shows %q", id, got)
			}
			f.call(id, one, firm.Callers[0].E164(), "terminated")
			time.Sleep(time.Minute)
			told.mu.Lock()
			defer told.mu.Unlock()
			if len(told.heads) > 0 {
				head = told.heads[len(told.heads)-1]
			}
			return len(told.spans) - before, head
		}
		if n, _ := call("off"); n != 0 {
			f.t.Errorf("%d spans without a collector", n)
		}
		on := config.Tracing{Endpoint: "http://" + collectorAddress, SampleRatio: 1, Headers: "Authorization: Bearer one"}
		f.reload(f.changed(func(c *config.Config, _ *config.Tenant) { c.Tracing = on }))
		if n, head := call("on"); n == 0 || head != "Bearer one" {
			f.t.Errorf("turned on: %d spans, %q", n, head)
		}
		on.Headers = "Authorization: Bearer two"
		f.reload(f.changed(func(c *config.Config, _ *config.Tenant) { c.Tracing = on }))
		if n, head := call("other"); n == 0 || head != "Bearer two" {
			f.t.Errorf("changed: %d spans, %q", n, head)
		}
		f.reload(f.changed(func(c *config.Config, _ *config.Tenant) { c.Tracing = config.Tracing{SampleRatio: 1} }))
		if n, _ := call("off again"); n != 0 {
			f.t.Errorf("turned off: %d spans", n)
		}
	})
}

// handled is the way to a collector in the same process.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}
