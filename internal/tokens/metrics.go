package tokens

import (
	"time"

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

// problemClient is the one kind of a tenant's problem there is. Tenants are
// configured, so their label is from a closed set too.
const problemClient = "client-refused"

type metrics struct {
	refreshes *prometheus.CounterVec
	pairings  *prometheus.Desc
	expiring  *prometheus.Desc
	first     *prometheus.Desc
	problems  *prometheus.Desc
	keeper    *Keeper
}

func newMetrics(reg prometheus.Registerer, k *Keeper) (*metrics, error) {
	m := &metrics{
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "smokepop_token_refresh_total",
			Help: "Refreshes of access tokens, by outcome.",
		}, []string{"outcome"}),
		pairings: prometheus.NewDesc("smokepop_tokens", "Agents by the state of their pairing.", []string{"state"}, nil),
		expiring: prometheus.NewDesc("smokepop_tokens_expiring", "Agents whose authorisation ends within 5 days.", nil, nil),
		first: prometheus.NewDesc("smokepop_token_first_expiry_timestamp_seconds",
			"When the first of the agents' authorisations ends, in Unix time; absent where there is none.", nil, nil),
		problems: prometheus.NewDesc("smokepop_tenant_problem",
			"1 while Smokeball refuses the tenant's client id or secret.", []string{"tenant", "problem"}, nil),
		keeper: k,
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
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.pairings, m.expiring, m.first, m.problems} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. States change by the clock alone,
// so they are counted when asked for.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	count := map[screenpop.PairingState]int{screenpop.Paired: 0, screenpop.Unpaired: 0, screenpop.Expired: 0, screenpop.Attention: 0}
	seen := map[screenpop.AgentID]bool{}
	var first time.Time
	expiring, now := 0, m.keeper.now()
	for _, w := range m.keeper.all() {
		seen[w.id] = true
		count[m.keeper.pairingOf(w).State]++
		w.mu.Lock()
		if w.alive(now) {
			if ends := w.rec.ends(w.tenant().RefreshTokenLifetime); first.IsZero() || ends.Before(first) {
				first = ends
			}
		}
		if w.ending(now) {
			expiring++
		}
		w.mu.Unlock()
	}
	for _, a := range m.keeper.directory.Agents() {
		if !seen[a.AgentID] {
			count[screenpop.Unpaired]++
		}
	}
	for state, n := range count {
		ch <- prometheus.MustNewConstMetric(m.pairings, prometheus.GaugeValue, float64(n), string(state))
	}
	ch <- prometheus.MustNewConstMetric(m.expiring, prometheus.GaugeValue, float64(expiring))
	if !first.IsZero() {
		ch <- prometheus.MustNewConstMetric(m.first, prometheus.GaugeValue, float64(first.Unix()))
	}
	m.keeper.mu.Lock()
	gates := m.keeper.gates // a reload puts another map in its place
	m.keeper.mu.Unlock()
	for tenant, g := range gates {
		refused := 0.0
		if g.isRefused() {
			refused = 1
		}
		ch <- prometheus.MustNewConstMetric(m.problems, prometheus.GaugeValue, refused, string(tenant), problemClient)
	}
}
