package pbxevents

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// result is what became of a request, as the metric tells it.
type result string

const (
	accepted        result = "accepted"
	skipped         result = "skipped"
	malformed       result = "malformed"
	unauthorized    result = "unauthorized"
	forbidden       result = "forbidden"
	unknownPath     result = "unknown-path"
	unknownTenant   result = "unknown-tenant"
	wrongMethod     result = "wrong-method"
	tooLarge        result = "too-large"
	unsupportedType result = "unsupported-type"
	full            result = "full"
)

func results() []result {
	return []result{accepted, skipped, malformed, unauthorized, forbidden, unknownPath, unknownTenant, wrongMethod, tooLarge, unsupportedType, full}
}

// metrics holds every series from the start: labels are closed sets, and a
// counter that is found once costs nothing to find.
type metrics struct {
	events map[result]prometheus.Counter
	skips  map[screenpop.Skip]prometheus.Counter
	live   map[result]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_events_total", Help: "Webhook requests by what became of them.",
	}, []string{"result"})
	skips := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_events_skipped_total", Help: "Events that make no pop, by reason.",
	}, []string{"reason"})
	live := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_live_events_total", Help: "Changes in the PBX's lists of live calls by what became of them.",
	}, []string{"result"})
	if reg != nil {
		for _, c := range []prometheus.Collector{events, skips, live} {
			if err := reg.Register(c); err != nil {
				return nil, fmt.Errorf("pbxevents: register metrics: %w", err)
			}
		}
	}
	m := &metrics{events: map[result]prometheus.Counter{}, skips: map[screenpop.Skip]prometheus.Counter{}, live: map[result]prometheus.Counter{}}
	for _, r := range []result{accepted, skipped, malformed, full} {
		m.live[r] = live.WithLabelValues(string(r))
	}
	for _, r := range results() {
		m.events[r] = events.WithLabelValues(string(r))
	}
	for _, s := range screenpop.Skips() {
		m.skips[s] = skips.WithLabelValues(string(s))
	}
	return m, nil
}
