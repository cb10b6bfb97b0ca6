package tokens

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// outcome is how a refresh ended; a closed set, used as a metric label.
type outcome string

const (
	outcomeRefreshed   outcome = "refreshed"
	outcomeExpired     outcome = "expired"     // the refresh token is over
	outcomeRefused     outcome = "refused"     // our client id or secret
	outcomeUnavailable outcome = "unavailable" // no answer, or a useless one
	outcomeUnsaved     outcome = "unsaved"     // the store does not take tokens
	outcomeDiscarded   outcome = "discarded"   // unpaired or paired anew meanwhile
)

type metrics struct {
	refreshes *prometheus.CounterVec
	pairings  *prometheus.Desc
	keeper    *Keeper
}

func newMetrics(reg prometheus.Registerer, k *Keeper) (*metrics, error) {
	m := &metrics{
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "smokepop_token_refresh_total",
			Help: "Refreshes of access tokens, by outcome.",
		}, []string{"outcome"}),
		pairings: prometheus.NewDesc("smokepop_tokens", "Agents by the state of their pairing.", []string{"state"}, nil),
		keeper:   k,
	}
	for _, o := range []outcome{outcomeRefreshed, outcomeExpired, outcomeRefused, outcomeUnavailable, outcomeUnsaved, outcomeDiscarded} {
		m.refreshes.WithLabelValues(string(o))
	}
	if reg == nil {
		return m, nil
	}
	if err := reg.Register(m.refreshes); err != nil {
		return nil, err
	}
	return m, reg.Register(m)
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { ch <- m.pairings }

// Collect implements prometheus.Collector. States change by the clock alone,
// so they are counted when asked for.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	count := map[screenpop.PairingState]int{screenpop.Paired: 0, screenpop.Unpaired: 0, screenpop.Expired: 0, screenpop.Attention: 0}
	seen := map[screenpop.AgentID]bool{}
	for _, w := range m.keeper.all() {
		seen[w.id] = true
		count[m.keeper.pairingOf(w).State]++
	}
	for _, a := range m.keeper.directory.Agents() {
		if !seen[a.AgentID] {
			count[screenpop.Unpaired]++
		}
	}
	for state, n := range count {
		ch <- prometheus.MustNewConstMetric(m.pairings, prometheus.GaugeValue, float64(n), string(state))
	}
}
