package otlp

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a collector: OTLP over HTTP, protobuf, gzip.
type receiver struct {
	t      *testing.T
	status int    // 0: it takes everything
	answer []byte // of a 200

	mu    sync.Mutex
	asked []http.Header
	bytes []byte
	spans []*wire.Span
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := gzip.NewReader(q.Body)
	if err != nil {
		r.t.Errorf("the body: %v", err)
		return
	}
	b, err := io.ReadAll(body)
	if err != nil {
		r.t.Errorf("the body: %v", err)
		return
	}
	var in wire.TracesData
	if err := proto.Unmarshal(b, &in); err != nil || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/x-protobuf" {
		r.t.Errorf("%s %s: %v", q.URL.Path, q.Header.Get("Content-Type"), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, q.Header)
	if r.status != 0 {
		http.Error(w, "not here, and here is a secret: hunter2", r.status)
		return
	}
	r.bytes = append(r.bytes, b...)
	for _, rs := range in.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			r.spans = append(r.spans, ss.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(r.answer)
}

type rig struct {
	*Exporter
	collector *receiver
	logged    *strings.Builder
}

func newRig(t *testing.T, change func(*Config)) rig {
	t.Helper()
	r := rig{collector: &receiver{t: t}, logged: &strings.Builder{}}
	s := httptest.NewServer(r.collector)
	t.Cleanup(s.Close)
	cfg := Config{
		Endpoint: s.URL, SampleRatio: 1, Version: "test", Metrics: NewMetrics(prometheus.NewRegistry()),
		Header: http.Header{"Authorization": {"Bearer tok"}}, Log: slog.New(slog.NewTextHandler(r.logged, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Exporter, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

// flush runs the exporter for as long as it takes to send what there is.
func (r rig) flush(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
}

func (r rig) counted(outcome string) int {
	return int(testutil.ToFloat64(r.metrics.spans.WithLabelValues(outcome)))
}

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func entry(after time.Duration, extension, call string, step screenpop.Step, verdict, detail string) screenpop.TraceEntry {
	return screenpop.TraceEntry{
		Time: start.Add(after), Tenant: "firm.example.com", Extension: screenpop.Extension(extension), Call: screenpop.CallID(call),
		Step: step, Verdict: verdict, Detail: detail, Number: "*******8147",
	}
}

// told is a span in words: when it began and ended, in milliseconds.
func told(s *wire.Span) string {
	text := s.Name
	for _, a := range s.Attributes {
		if a.Key == "smokepop.verdict" || a.Key == "smokepop.state" {
			text += " " + a.Value.GetStringValue()
		}
	}
	at := func(n uint64) string { return time.Duration(n - uint64(start.UnixNano())).String() }
	return text + " " + at(s.StartTimeUnixNano) + "-" + at(s.EndTimeUnixNano)
}

func (r *receiver) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.spans, func(a, b *wire.Span) int { return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano) })
	var all []string
	for _, s := range r.spans {
		all = append(all, told(s))
	}
	return all
}

func TestOneCallIsOneTraceWithItsStepsInOrder(t *testing.T) {
	r := newRig(t, nil)
	ms := time.Millisecond
	// The flow is quicker than the webhook's handler, as it happens.
	r.Record(entry(1*ms, "101", "c1", screenpop.StepLookup, "matched", "Maria Castellanos"))
	r.Record(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"))
	r.Record(entry(0, "102", "c1", screenpop.StepEvent, "accepted", "ringing"))
	r.Record(entry(40*ms, "101", "c1", screenpop.StepPush, "shown", "on 2 screens"))
	r.Record(entry(60*ms, "102", "c1", screenpop.StepFlow, "unpaired", "no pop"))
	r.Record(entry(5000*ms, "101", "c1", screenpop.StepEvent, "accepted", "connected"))
	r.Record(entry(70*ms, "101", "c2", screenpop.StepEvent, "internal-call", "both parties are extensions"))
	r.flush(t)
	want := []string{
		"call 0s-5s", "event accepted ringing 0s-0s", "lookup matched 0s-1ms", "event accepted ringing 0s-0s", "flow unpaired 0s-60ms",
		"push shown 1ms-40ms", "call 70ms-70ms", "event internal-call 70ms-70ms", "event accepted connected 5s-5s",
	}
	got := r.collector.told()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	traces, agents := map[string]int{}, map[string]bool{}
	roots := map[string]string{}
	for _, s := range r.collector.spans {
		traces[string(s.TraceId)]++
		if s.Name == "call" {
			roots[string(s.TraceId)] = string(s.SpanId)
		}
		for _, a := range s.Attributes {
			if a.Key == "smokepop.agent" {
				agents[a.Value.GetStringValue()] = true
			}
		}
	}
	if len(traces) != 2 || len(roots) != 2 || len(agents) != 2 {
		t.Errorf("%d traces, %d roots, %d agents, want two of each", len(traces), len(roots), len(agents))
	}
	for _, s := range r.collector.spans {
		if s.Name != "call" && string(s.ParentSpanId) != roots[string(s.TraceId)] {
			t.Errorf("%s hangs on no root", told(s))
		}
	}
	if r.counted(sent) != 9 || r.counted(refused) != 0 || r.counted(overflow) != 0 {
		t.Errorf("counted: %d sent", r.counted(sent))
	}
	if a := r.collector.asked[0].Get("Authorization"); a != "Bearer tok" {
		t.Errorf("Authorization: %q", a)
	}
}

// What was measured is told as it was: the webhook and its stages, the wait for
// the look-up, the look-up and the plan's steps, each screen's frame.
func TestWhatWasMeasuredIsTold(t *testing.T) {
	r := newRig(t, nil)
	ms := time.Millisecond
	timed := func(e screenpop.TraceEntry, began, ended int, stages ...screenpop.Stage) {
		e.Timing = &screenpop.Timing{Began: start.Add(time.Duration(began) * ms), Ended: start.Add(time.Duration(ended) * ms), Stages: stages}
		r.Record(e)
	}
	stage := func(name, verdict string, began, ended int) screenpop.Stage {
		return screenpop.Stage{Name: name, Verdict: verdict, Began: start.Add(time.Duration(began) * ms), Ended: start.Add(time.Duration(ended) * ms)}
	}
	// The frame of the quicker screen is written before the push is recorded.
	timed(entry(60*ms, "101", "c1", screenpop.StepFrame, "written", ""), 55, 60)
	r.Record(entry(61*ms, "101", "c1", screenpop.StepPush, "shown", "on 2 screens"))
	timed(entry(90*ms, "101", "c1", screenpop.StepFrame, "written", ""), 55, 90)
	timed(entry(50*ms, "101", "c1", screenpop.StepLookup, "matched", ""), 7, 50,
		stage("token", "", 7, 8), stage("tail", "", 8, 30), stage("exact", "found", 30, 49))
	timed(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"), 0, 3, stage("receive", "", 0, 1), stage("decide", "", 1, 3))
	// This look-up began before the webhook's handler had read its clock.
	timed(entry(0, "102", "c1", screenpop.StepEvent, "accepted", "ringing"), 0, 3)
	timed(entry(4*ms, "102", "c1", screenpop.StepLookup, "no-match", ""), 2, 4)
	r.flush(t)
	want := []string{
		"call 0s-90ms",
		"event accepted ringing 0s-3ms", "receive 0s-1ms", "decide 1ms-3ms",
		"queue 3ms-7ms", "lookup matched 7ms-50ms", "token 7ms-8ms", "tail 8ms-30ms", "exact found 30ms-49ms",
		"push shown 50ms-61ms", "frame written 55ms-60ms", "frame written 55ms-90ms",
		"event accepted ringing 0s-3ms", "queue 2ms-2ms", "lookup no-match 2ms-4ms",
	}
	got := r.collector.told()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	names := map[string]string{}
	for _, s := range r.collector.spans {
		names[string(s.SpanId)] = s.Name
	}
	above := map[string]string{"receive": "event", "decide": "event", "token": "lookup", "tail": "lookup", "exact": "lookup", "call": ""}
	for _, s := range r.collector.spans {
		of, below := above[s.Name]
		if !below {
			of = "call"
		}
		if got := names[string(s.ParentSpanId)]; got != of {
			t.Errorf("%s is below %q, want %q", told(s), got, of)
		}
	}
}

func TestNothingOfAnybodyIsTold(t *testing.T) {
	r := newRig(t, nil)
	for _, step := range []screenpop.Step{screenpop.StepEvent, screenpop.StepFlow, screenpop.StepLookup, screenpop.StepPush, screenpop.StepFrame, "Maria Castellanos"} {
		e := entry(0, "4711", "call-of-maria", step, "+16173998147", "Maria Castellanos (617) 399-8147")
		e.Timing = &screenpop.Timing{Began: start, Ended: start, Stages: []screenpop.Stage{
			{Name: "Maria Castellanos", Verdict: "Bearer tok", Began: start, Ended: start}, {Name: "*8147*", Verdict: "617 399", Began: start, Ended: start},
		}}
		r.Record(e)
	}
	r.flush(t)
	sent := string(r.collector.bytes)
	if !strings.Contains(sent, "firm.example.com") || !strings.Contains(sent, "other") {
		t.Fatalf("nothing was sent: %q", sent)
	}
	// Not 617 alone: an agent's hash may have any three digits.
	for _, never := range []string{"4711", "aria", "(617)", "617 399", "+1617", "8147", "call-of", "tok", "Bearer"} {
		if strings.Contains(sent, never) {
			t.Errorf("the collector was told %q", never)
		}
	}
}

// What comes minutes after the first spans is in the same trace, and waiting
// for people is no step's time.
func TestACallThatGoesOnIsTheSameTrace(t *testing.T) {
	r := newRig(t, nil)
	now := time.Now()
	r.take(line{at: start, tenant: "a", agent: "1", call: "c", step: screenpop.StepEvent, verdict: "accepted", state: "ringing"}, now)
	r.build(now.Add(time.Second), false)
	if len(r.pending) != 0 {
		t.Error("spans were made before the call was quiet")
	}
	r.build(now.Add(quiet), false)
	if len(r.pending) != 2 {
		t.Fatalf("%d spans, want the root and the event", len(r.pending))
	}
	later := now.Add(5 * time.Minute)
	r.take(line{at: start.Add(5 * time.Minute), tenant: "a", agent: "1", call: "c", step: screenpop.StepEvent, verdict: "accepted", state: "connected"}, later)
	r.take(line{at: start.Add(8 * time.Minute), tenant: "a", agent: "1", call: "c", step: screenpop.StepPush, verdict: "dismissed"}, later)
	r.flush(t)
	want := []string{"call 0s-0s", "event accepted ringing 0s-0s", "event accepted connected 5m0s-5m0s", "push dismissed 8m0s-8m0s"}
	if got := r.collector.told(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, s := range r.collector.spans {
		if string(s.TraceId) != string(r.collector.spans[0].TraceId) {
			t.Errorf("%s is in another trace", told(s))
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newRig(t, nil)
	now := time.Now()
	for i := range 3 * maxCalls {
		r.take(line{at: start, tenant: "a", call: screenpop.CallID(rune('a' + i)), step: screenpop.StepEvent, verdict: "accepted"}, now.Add(time.Duration(i)))
	}
	if len(r.calls) > maxCalls || len(r.pending) > maxPending || r.counted(overflow) == 0 {
		t.Errorf("%d calls, %d spans, %d dropped", len(r.calls), len(r.pending), r.counted(overflow))
	}
	for range 3 * maxHeld {
		r.take(line{at: start, tenant: "a", call: "one", step: screenpop.StepEvent, verdict: "accepted"}, now)
	}
	if n := len(r.calls[callKey{"a", "one"}].lines); n >= maxHeld {
		t.Errorf("%d lines of one call", n)
	}
	r.build(now.Add(2*forgotten), false)
	if len(r.calls) != 0 {
		t.Errorf("%d calls are not forgotten", len(r.calls))
	}
}

func TestSampleRatio(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SampleRatio = 0 })
	r.Record(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"))
	r.flush(t)
	if len(r.collector.asked) != 0 {
		t.Error("the collector was asked for nothing")
	}
}

// A collector that refuses costs its spans and one line in the log, which has
// none of its words.
func TestACollectorThatRefuses(t *testing.T) {
	r := newRig(t, nil)
	r.collector.status = http.StatusServiceUnavailable
	for range 3 {
		r.Record(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"))
		r.drain(time.Now())
		r.send(t.Context(), r.pending)
		r.pending = nil
	}
	if r.counted(refused) != 4 || r.counted(sent) != 0 {
		t.Errorf("%d refused, %d sent, want the root and three events refused", r.counted(refused), r.counted(sent))
	}
	log := r.logged.String()
	if strings.Count(log, "does not take spans") != 1 || !strings.Contains(log, "it answered 503") || strings.Contains(log, "hunter2") {
		t.Errorf("logged: %s", log)
	}
	r.collector.status = 0
	r.Record(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"))
	r.flush(t)
	if r.counted(sent) != 1 || !strings.Contains(r.logged.String(), "takes spans again") {
		t.Errorf("%d sent; logged: %s", r.counted(sent), r.logged)
	}
}

// partly is the answer of a collector that did not take some of the spans, and
// says why.
func partly(rejected uint64) []byte {
	some := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), rejected)
	some = protowire.AppendString(protowire.AppendTag(some, 2, protowire.BytesType), "a secret: hunter2")
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), some)
}

func TestACollectorThatTakesSome(t *testing.T) {
	for rejected, want := range map[uint64]int{0: 0, 1: 1, 2: 2, 100: 2, 1 << 63: 0} {
		r := newRig(t, nil)
		r.collector.answer = partly(rejected)
		r.Record(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"))
		r.flush(t)
		if r.counted(refused) != want || r.counted(sent) != 2-want {
			t.Errorf("%d rejected: %d refused, %d sent, want %d of the root and the event refused", rejected, r.counted(refused), r.counted(sent), want)
		}
		if log := r.logged.String(); strings.Contains(log, "does not take spans") != (want > 0) || strings.Contains(log, "hunter2") {
			t.Errorf("%d rejected: logged %s", rejected, log)
		}
	}
}

func FuzzRejected(f *testing.F) {
	f.Add(partly(3))
	f.Add([]byte{})
	f.Add([]byte{0x0a, 0x02, 0x08})
	f.Fuzz(func(t *testing.T, answer []byte) {
		if n := rejected(answer); int64(n) < 0 {
			t.Errorf("%d spans", n)
		}
	})
}

// Spans and the header's secret go to the collector that is configured, and
// where it sends them on to they do not go.
func TestNoRedirectIsFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("spans went elsewhere") }))
	defer elsewhere.Close()
	sends := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer sends.Close()
	r := newRig(t, func(c *Config) { c.Endpoint = sends.URL })
	r.Record(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing"))
	r.flush(t)
	if r.counted(refused) != 2 {
		t.Errorf("%d refused, want the root and the event", r.counted(refused))
	}
}

// silent is the way to a collector that never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A collector that hangs holds up neither a call nor a stop for long.
func TestACollectorThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, err := New(Config{
			Endpoint: "http://127.0.0.1:4318", SampleRatio: 1, Metrics: NewMetrics(prometheus.NewRegistry()),
			Client: &http.Client{Transport: silent{}}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- x.Run(ctx) }()
		for range 12 {
			for range maxLines + maxLines/4 {
				x.Record(entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing")) // or this would hang
			}
			time.Sleep(time.Second)
		}
		cancel()
		began := time.Now()
		if err := <-ran; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if took := time.Since(began); took > flushTime {
			t.Errorf("the stop took %s", took)
		}
		r := rig{Exporter: x}
		if r.counted(overflow) == 0 || r.counted(refused) == 0 || r.counted(sent) != 0 {
			t.Errorf("%d overflow, %d refused, %d sent", r.counted(overflow), r.counted(refused), r.counted(sent))
		}
	})
}

func TestRecordAllocatesNothing(t *testing.T) {
	r := newRig(t, nil)
	e := entry(0, "101", "c1", screenpop.StepEvent, "accepted", "ringing")
	if n := testing.AllocsPerRun(1000, func() { r.Record(e) }); n != 0 {
		t.Errorf("%v allocations for a line", n)
	}
}
