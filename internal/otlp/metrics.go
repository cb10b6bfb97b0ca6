package otlp

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// What becomes of a span; metric labels.
const (
	sent     = "sent"
	refused  = "refused"  // the collector is away, or did not take it
	overflow = "overflow" // there was no room to let it wait
)

// Metrics count spans. They are there, at zero, also when nobody is told.
type Metrics struct{ spans *prometheus.CounterVec }

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_otlp_spans_total", Help: "Spans for the OpenTelemetry collector, by what became of them.",
	}, []string{"outcome"})}
	for _, outcome := range []string{sent, refused, overflow} {
		m.spans.WithLabelValues(outcome)
	}
	return m
}

func (m *Metrics) count(outcome string, n int) { m.spans.WithLabelValues(outcome).Add(float64(n)) }
