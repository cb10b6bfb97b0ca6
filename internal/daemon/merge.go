package daemon

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// summed is the metrics of several registries as those of one: what they have in
// common is added up.
type summed func() []prometheus.Gatherer

// Gather implements [prometheus.Gatherer].
func (s summed) Gather() ([]*dto.MetricFamily, error) {
	families := map[string]*dto.MetricFamily{}
	series := map[string]*dto.Metric{}
	for _, g := range s() {
		some, err := g.Gather()
		if err != nil {
			return nil, err
		}
		for _, f := range some {
			whole := families[f.GetName()]
			if whole == nil {
				whole = &dto.MetricFamily{Name: f.Name, Help: f.Help, Type: f.Type, Unit: f.Unit}
				families[f.GetName()] = whole
			}
			for _, m := range f.Metric {
				key := seriesKey(f.GetName(), m)
				if sum := series[key]; sum != nil {
					addTo(sum, m)
					continue
				}
				series[key] = m
				whole.Metric = append(whole.Metric, m)
			}
		}
	}
	all := slices.Collect(maps.Values(families))
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all, nil
}

func seriesKey(name string, m *dto.Metric) string {
	var b strings.Builder
	b.WriteString(name)
	for _, l := range m.Label {
		b.WriteString("\x00" + l.GetName() + "\x00" + l.GetValue())
	}
	return b.String()
}

// addTo adds m to sum, which is ours: registries make their answers anew.
func addTo(sum, m *dto.Metric) {
	switch {
	case sum.Counter != nil && m.Counter != nil:
		*sum.Counter.Value += m.Counter.GetValue()
	case sum.Gauge != nil && m.Gauge != nil:
		*sum.Gauge.Value += m.Gauge.GetValue()
	case sum.Histogram != nil && m.Histogram != nil:
		h, o := sum.Histogram, m.Histogram
		*h.SampleCount += o.GetSampleCount()
		*h.SampleSum += o.GetSampleSum()
		for i := range min(len(h.Bucket), len(o.Bucket)) {
			*h.Bucket[i].CumulativeCount += o.Bucket[i].GetCumulativeCount()
		}
	}
}
