package pbxevents

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The results an event may have, the label of smokepop_events_total.
const (
	resultAccepted      = "accepted"
	resultSkipped       = "skipped"
	resultMalformed     = "malformed"
	resultUnauthorized  = "unauthorized"
	resultForbidden     = "forbidden"
	resultUnknownTenant = "unknown-tenant"
	resultMethod        = "method"
	resultTooLarge      = "too-large"
	resultType          = "type"
	resultFull          = "full"
)

// metrics are looked up once: counting an event is one atomic addition.
type metrics struct {
	results map[string]prometheus.Counter
	skips   map[screenpop.Skip]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_events_total", Help: "Webhook requests by what became of them.",
	}, []string{"result"})
	skipped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_events_skipped_total", Help: "Events that were understood and make no pop, by reason.",
	}, []string{"reason"})
	for _, c := range []prometheus.Collector{events, skipped} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	m := &metrics{results: map[string]prometheus.Counter{}, skips: map[screenpop.Skip]prometheus.Counter{}}
	for _, r := range []string{
		resultAccepted, resultSkipped, resultMalformed, resultUnauthorized, resultForbidden,
		resultUnknownTenant, resultMethod, resultTooLarge, resultType, resultFull,
	} {
		m.results[r] = events.WithLabelValues(r)
	}
	for _, s := range screenpop.Skips() {
		m.skips[s] = skipped.WithLabelValues(string(s))
	}
	return m, nil
}
