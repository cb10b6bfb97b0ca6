package directory

import "github.com/prometheus/client_golang/prometheus"

// outcome is how a reading ended; a closed set, used as a metric label.
type outcome string

const (
	outcomeRead     outcome = "read"
	outcomePartial  outcome = "partial"  // taken; something in it could not be read
	outcomeDoubtful outcome = "doubtful" // not taken: too much is missing
	outcomeRefused  outcome = "refused"  // the PBX does not let us in
	outcomeFailed   outcome = "failed"   // no answer, or a useless one
)

type metrics struct {
	refreshes *prometheus.CounterVec
	agents    *prometheus.Desc
	success   *prometheus.Desc
	directory *Directory
}

func newMetrics(reg prometheus.Registerer, d *Directory) (*metrics, error) {
	m := &metrics{
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "smokepop_directory_refresh_total", Help: "Readings of a PBX's directory, by outcome.",
		}, []string{"outcome"}),
		agents: prometheus.NewDesc("smokepop_directory_agents", "Agents by who says that they are there.", []string{"source"}, nil),
		success: prometheus.NewDesc("smokepop_directory_last_success_timestamp_seconds",
			"When a tenant's PBX was last read, in Unix time; absent where it never was.", []string{"tenant"}, nil),
		directory: d,
	}
	for _, o := range []outcome{outcomeRead, outcomePartial, outcomeDoubtful, outcomeRefused, outcomeFailed} {
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
	ch <- m.agents
	ch <- m.success
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	count := map[origin]int{fromConfiguration: 0, fromPBX: 0, fromPairing: 0}
	for _, c := range m.directory.current.Load().tenants {
		for from, n := range c.from {
			count[from] += n
		}
	}
	for from, n := range count {
		ch <- prometheus.MustNewConstMetric(m.agents, prometheus.GaugeValue, float64(n), string(from))
	}
	m.directory.mu.Lock()
	defer m.directory.mu.Unlock()
	for _, one := range m.directory.members {
		if !one.lastSuccess.IsZero() {
			ch <- prometheus.MustNewConstMetric(m.success, prometheus.GaugeValue, float64(one.lastSuccess.Unix()), string(one.Domain))
		}
	}
}
