package lookup

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smokepop/smokepop/internal/screenpop"
)

type metrics struct {
	total     map[screenpop.Outcome]prometheus.Counter
	seconds   prometheus.Histogram
	coalesced prometheus.Counter
	cached    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	total := f.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_lookup_total", Help: "Look-ups by how they ended.",
	}, []string{"outcome"})
	m := &metrics{
		total: map[screenpop.Outcome]prometheus.Counter{},
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "smokepop_lookup_seconds", Help: "How long look-ups took, those answered from memory included.",
			Buckets: []float64{.001, .01, .05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5},
		}),
		coalesced: f.NewCounter(prometheus.CounterOpts{
			Name: "smokepop_lookup_coalesced_total", Help: "Look-ups that shared a search already under way for another phone.",
		}),
		cached: f.NewCounter(prometheus.CounterOpts{
			Name: "smokepop_lookup_cached_total", Help: "Look-ups answered from memory.",
		}),
	}
	for _, o := range screenpop.Outcomes() {
		m.total[o] = total.WithLabelValues(string(o))
	}
	return m
}

func (m *metrics) ended(o screenpop.Outcome, took time.Duration) {
	m.total[o].Inc()
	m.seconds.Observe(took.Seconds())
}
