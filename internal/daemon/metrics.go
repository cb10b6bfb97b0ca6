package daemon

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// countCalls returns what counts the calls of agents by how they ended up.
func countCalls(reg prometheus.Registerer) func(screenpop.Outcome) {
	calls := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_calls_total", Help: "Calls at agents' phones, each leg once, by what became of it.",
	}, []string{"outcome"})
	by := map[screenpop.Outcome]prometheus.Counter{}
	for _, o := range screenpop.CallOutcomes() {
		by[o] = calls.WithLabelValues(string(o)) // from the start, so that a rate's first step is visible
	}
	return func(o screenpop.Outcome) { by[o].Inc() }
}

// countPending tells how much of the flow's room is taken.
func countPending(reg prometheus.Registerer, pending func() int) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smokepop_events_pending", Help: "Events that wait or are being looked up.",
	}, func() float64 { return float64(pending()) })
}

// countCertificate tells when the certificate in use ends; 0 where there is none.
func countCertificate(reg prometheus.Registerer, c certificates) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smokepop_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate in use ends, in Unix time; 0 for plain HTTP.",
	}, func() float64 {
		if c == nil {
			return 0
		}
		return float64(max(0, c.Ends().Unix()))
	})
}

// newRegistry returns the daemon's own registry: nothing registers itself
// globally.
func newRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "smokepop_build_info",
		Help:        "Always 1; the labels tell what is running.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	r.MustRegister(build)
	return r
}
