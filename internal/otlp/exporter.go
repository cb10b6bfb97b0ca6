package otlp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The bounds: of memory, and of the time the way down may take.
const (
	maxLines   = 4096 // that wait to be looked at
	maxPending = 8192 // spans that wait to be sent
	maxBatch   = 512  // spans in one request, about
	sendTime   = 10 * time.Second
	flushTime  = 3 * time.Second
)

// Config is what an Exporter is made of. All but Header and Client are required.
type Config struct {
	Endpoint    string // of the collector; /v1/traces comes behind it
	Header      http.Header
	SampleRatio float64 // of the calls, 0 to 1
	Version     string
	Client      *http.Client // nil: over the network
	Metrics     *Metrics
	Log         *slog.Logger
}

// Exporter is a [screenpop.Recorder] that tells a collector. [Exporter.Run] has
// to run.
type Exporter struct {
	out     *otlptrace.Exporter
	tracer  trace.Tracer
	metrics *Metrics
	log     *slog.Logger
	key     []byte // of the agents' hashes

	lines chan line

	// Of Run alone.
	calls   map[callKey]*call
	pending []sdk.ReadOnlySpan

	away bool // the collector did not take the last batch; of the sender alone
}

// line is what is used of a trace entry.
type line struct {
	at      time.Time
	tenant  screenpop.Tenant
	agent   screenpop.Extension
	call    screenpop.CallID
	step    screenpop.Step
	verdict string
	state   string // of an accepted event
	timing  *screenpop.Timing
}

// New returns an Exporter. It does not speak with the collector yet.
func New(cfg Config) (*Exporter, error) {
	to, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing.otlp_endpoint: %w", err)
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone(), CheckRedirect: stay}
	}
	header := cfg.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("User-Agent", "smokepop/"+cfg.Version)
	out, err := otlptrace.New(context.Background(), &client{cfg.Client, to.JoinPath("v1/traces").String(), header})
	if err != nil {
		return nil, fmt.Errorf("tracing.otlp_endpoint: %w", err)
	}
	x := &Exporter{
		out: out, metrics: cfg.Metrics, log: cfg.Log, key: make([]byte, 32),
		lines: make(chan line, maxLines), calls: map[callKey]*call{},
	}
	_, _ = rand.Read(x.key) // it cannot fail
	x.tracer = sdk.NewTracerProvider(
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(cfg.SampleRatio))),
		sdk.WithSpanProcessor(gathered{x}),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "smokepop"), attribute.String("service.version", cfg.Version))),
	).Tracer("github.com/smokepop/smokepop")
	return x, nil
}

// stay follows no redirect: spans and the header's secret are for the collector
// that is configured.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Record implements [screenpop.Recorder]. It never waits.
func (x *Exporter) Record(e screenpop.TraceEntry) {
	l := line{at: e.Time, tenant: e.Tenant, agent: e.Extension, call: e.Call, step: e.Step, verdict: e.Verdict, timing: e.Timing}
	if e.Step == screenpop.StepEvent {
		l.state = stateOf(e.Detail)
	}
	select {
	case x.lines <- l:
	default:
		x.metrics.count(overflow, 1)
	}
}

// Run makes spans of lines and sends them until ctx ends. What is there by then
// is sent still, for a few seconds at most.
func (x *Exporter) Run(ctx context.Context) error {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	batches := make(chan []sdk.ReadOnlySpan)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for b := range batches {
			x.send(sending, b)
		}
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		// A full batch goes as soon as the one before it is gone; what there is
		// goes at the next second.
		var full chan<- []sdk.ReadOnlySpan
		if len(x.pending) >= maxBatch {
			full = batches
		}
		select {
		case l := <-x.lines:
			x.take(l, time.Now())
		case now := <-tick.C:
			x.build(now, false)
			if len(x.pending) == 0 {
				continue
			}
			select {
			case batches <- x.pending:
				x.pending = nil
			default: // the one before is on its way
			}
		case full <- x.pending:
			x.pending = nil
		case <-ctx.Done():
		}
	}
	late := time.AfterFunc(flushTime, stop)
	defer late.Stop()
	x.drain(time.Now())
	batches <- x.pending // the sender is there: at the end of its time it drops
	close(batches)
	<-gone
	return x.out.Shutdown(context.WithoutCancel(ctx))
}

// drain makes spans of everything that is there.
func (x *Exporter) drain(now time.Time) {
	for {
		select {
		case l := <-x.lines:
			x.take(l, now)
		default:
			x.build(now, true)
			return
		}
	}
}

// send has the collector take a batch, or drops it.
func (x *Exporter) send(ctx context.Context, batch []sdk.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := x.out.ExportSpans(ctx, batch)
	if err == nil {
		x.metrics.count(sent, len(batch))
		if x.away {
			x.log.Info("the OpenTelemetry collector takes spans again")
		}
		x.away = false
		return
	}
	lost := len(batch)
	if some := (*partial)(nil); errors.As(err, &some) {
		lost = int(min(some.rejected, uint64(lost)))
		x.metrics.count(sent, len(batch)-lost)
	}
	x.metrics.count(refused, lost)
	if !x.away && ctx.Err() != context.Canceled {
		// Its words are not told: they may be anything.
		x.log.Warn("the OpenTelemetry collector does not take spans: they are dropped, and counted in smokepop_otlp_spans_total", "error", kindOf(err))
	}
	x.away = true
}

// gathered takes the spans that are sampled.
type gathered struct{ *Exporter }

func (gathered) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (gathered) Shutdown(context.Context) error             { return nil }
func (gathered) ForceFlush(context.Context) error           { return nil }

func (g gathered) OnEnd(s sdk.ReadOnlySpan) {
	if len(g.pending) >= maxPending {
		g.metrics.count(overflow, 1)
		return
	}
	g.pending = append(g.pending, s)
}
