package daemon

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The metrics of a node are those of all its parts, added up, in the shape that
// a daemon alone has.
func TestSummedMetrics(t *testing.T) {
	registries := []prometheus.Gatherer{}
	for i := range 3 {
		r := prometheus.NewRegistry()
		c := promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: "calls_total", Help: "h"}, []string{"outcome"})
		c.WithLabelValues("matched").Add(float64(i + 1))
		if i == 2 {
			c.WithLabelValues("no-match").Inc()
			promauto.With(r).NewGauge(prometheus.GaugeOpts{Name: "alone", Help: "h"}).Set(7)
		}
		promauto.With(r).NewGauge(prometheus.GaugeOpts{Name: "screens", Help: "h"}).Set(10)
		h := promauto.With(r).NewHistogram(prometheus.HistogramOpts{Name: "seconds", Help: "h", Buckets: []float64{1, 2}})
		h.Observe(.5)
		h.Observe(1.5)
		registries = append(registries, r)
	}
	const want = `
# HELP alone h
# TYPE alone gauge
alone 7
# HELP calls_total h
# TYPE calls_total counter
calls_total{outcome="matched"} 6
calls_total{outcome="no-match"} 1
# HELP screens h
# TYPE screens gauge
screens 30
# HELP seconds h
# TYPE seconds histogram
seconds_bucket{le="1"} 3
seconds_bucket{le="2"} 6
seconds_bucket{le="+Inf"} 6
seconds_sum 6
seconds_count 6
`
	g := summed(func() []prometheus.Gatherer { return registries })
	for range 2 { // and gathering changes nothing
		if err := testutil.GatherAndCompare(g, strings.NewReader(want)); err != nil {
			t.Fatal(err)
		}
	}
}
