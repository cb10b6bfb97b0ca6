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
	unkept          result = "unkept" // an event that was taken in, and may be lost to who goes on
)

func results() []result {
	return []result{accepted, skipped, malformed, unauthorized, forbidden, unknownPath, unknownTenant, wrongMethod, tooLarge, unsupportedType, full, unkept}
}

// watch lets metrics tell how many calls a receiver remembers.
func watch(reg prometheus.Registerer, r *Receiver) error {
	if reg == nil {
		return nil
	}
	for state, count := range map[string]func(*tracker) int{
		"live": func(t *tracker) int { return t.live.Len() },
		"over": func(t *tracker) int { return t.done.Len() },
	} {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "smokepop_tracked_calls", Help: "Calls that are remembered: those that ring or are connected at some extension, and those that are over, for late events.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 {
			n := 0
			for _, t := range r.all() {
				t.tracker.mu.Lock()
				n += count(t.tracker)
				t.tracker.mu.Unlock()
			}
			return float64(n)
		})
		if err := reg.Register(gauge); err != nil {
			return fmt.Errorf("pbxevents: register metrics: %w", err)
		}
	}
	return nil
}

// metrics holds every series from the start: labels are closed sets, and a
// counter that is found once costs nothing to find.
type metrics struct {
	events map[result]prometheus.Counter
	skips  map[screenpop.Skip]prometheus.Counter
	live   map[result]prometheus.Counter
	joined prometheus.Counter
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
	joined := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "smokepop_legs_joined_total", Help: "Legs that are no call of their own to the agent: another source has told of it, or the party was handed back.",
	})
	if reg != nil {
		for _, c := range []prometheus.Collector{events, skips, live, joined} {
			if err := reg.Register(c); err != nil {
				return nil, fmt.Errorf("pbxevents: register metrics: %w", err)
			}
		}
	}
	m := &metrics{events: map[result]prometheus.Counter{}, skips: map[screenpop.Skip]prometheus.Counter{}, live: map[result]prometheus.Counter{}, joined: joined}
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
