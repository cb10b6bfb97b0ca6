package push

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// refusal is why a socket was not opened; a closed set, used as a label.
type refusal string

const (
	refusedHandshake   refusal = "handshake"
	refusedOrigin      refusal = "origin"
	refusedSubprotocol refusal = "subprotocol"
	refusedAgentLimit  refusal = "agent-limit"
	refusedHubLimit    refusal = "hub-limit"
	refusedClosing     refusal = "closing"
)

func refusals() []refusal {
	return []refusal{refusedHandshake, refusedOrigin, refusedSubprotocol, refusedAgentLimit, refusedHubLimit, refusedClosing}
}

type metrics struct {
	screens   prometheus.Gauge
	closed    *prometheus.CounterVec
	refused   *prometheus.CounterVec
	inbound   prometheus.Counter // pops
	outbound  prometheus.Counter
	ringToPop prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		screens: f.NewGauge(prometheus.GaugeOpts{
			Name: "smokepop_screens", Help: "Browser windows with an open socket.",
		}),
		closed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "smokepop_screens_closed_total", Help: "Sockets closed, by reason.",
		}, []string{"reason"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "smokepop_screens_refused_total", Help: "Sockets not opened, by reason.",
		}, []string{"reason"}),
		ringToPop: f.NewHistogram(prometheus.HistogramOpts{
			Name: "smokepop_ring_to_pop_seconds", Help: "From the PBX's event received to the pop's frame written, for each screen.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	// Series that exist from the start make a rate's first step visible.
	for _, c := range closeCodes() {
		m.closed.WithLabelValues(c.String())
	}
	for _, r := range refusals() {
		m.refused.WithLabelValues(string(r))
	}
	pops := f.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_pops_total", Help: "Pops shown to an agent, once each, however many screens are open.",
	}, []string{"direction"})
	m.inbound = pops.WithLabelValues(string(screenpop.Inbound))
	m.outbound = pops.WithLabelValues(string(screenpop.Outbound))
	return m
}

// pops counts those of calls of a direction.
func (m *metrics) pops(d screenpop.Direction) prometheus.Counter {
	if d == screenpop.Outbound {
		return m.outbound
	}
	return m.inbound
}
