package daemon

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/crew"
	"github.com/smokepop/smokepop/internal/otlp"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// tracing tells the OpenTelemetry collector that is configured of calls; nobody,
// where there is none.
type tracing struct {
	client  *http.Client // nil: over the network
	version string
	metrics *otlp.Metrics
	log     *slog.Logger

	cfg     config.Tracing // of those who prepare, one at a time
	told    atomic.Pointer[otlp.Exporter]
	running *crew.Crew[*otlp.Exporter]
}

func newTracing(cfg config.Tracing, client *http.Client, version string, reg prometheus.Registerer, log *slog.Logger) (*tracing, error) {
	t := &tracing{client: client, version: version, metrics: otlp.NewMetrics(reg), log: log, running: crew.New[*otlp.Exporter]()}
	put, err := t.prepare(cfg)
	if err != nil {
		return nil, err
	}
	put()
	return t, nil
}

// prepare makes what another configuration needs; put then puts it in the place
// of what there is, which sends what it has.
func (t *tracing) prepare(cfg config.Tracing) (put func(), err error) {
	if cfg == t.cfg {
		return func() {}, nil
	}
	var next *otlp.Exporter
	var all []*otlp.Exporter
	if cfg.Endpoint != "" {
		header, err := cfg.Header()
		if err != nil {
			return nil, err
		}
		next, err = otlp.New(otlp.Config{
			Endpoint: cfg.Endpoint, Header: header, SampleRatio: cfg.SampleRatio, Version: t.version, Client: t.client, Metrics: t.metrics, Log: t.log,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	return func() {
		t.cfg = cfg
		t.told.Store(next)
		t.running.Set(all)
	}, nil
}

// Record implements [screenpop.Recorder].
func (t *tracing) Record(e screenpop.TraceEntry) {
	if x := t.told.Load(); x != nil {
		x.Record(e)
	}
}

// Measuring implements [screenpop.Measurer].
func (t *tracing) Measuring() bool { return t.told.Load() != nil }

// Run sends until ctx ends.
func (t *tracing) Run(ctx context.Context) error {
	t.running.Run(ctx, func(ctx context.Context, x *otlp.Exporter) {
		if err := x.Run(ctx); err != nil {
			t.log.Warn("the last spans for the OpenTelemetry collector", "err", err)
		}
	})
	return nil
}

// recorders gives each line to the trace and to the collector's exporter, and
// tells that there was one: a call may have moved.
type recorders struct {
	trace   screenpop.Recorder
	tracing *tracing
	moved   *movement // nil: nobody wants to know
}

func (r recorders) Record(e screenpop.TraceEntry) {
	r.trace.Record(e)
	r.tracing.Record(e)
	if r.moved != nil {
		r.moved.note(e)
	}
}

func (r recorders) Measuring() bool { return r.tracing.Measuring() }
