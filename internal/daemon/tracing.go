package daemon

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/otlp"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// newExporter returns what tells the collector of calls; nil where there is
// none.
func newExporter(cfg config.Tracing, client *http.Client, version string, reg prometheus.Registerer, log *slog.Logger) (*otlp.Exporter, error) {
	metrics := otlp.NewMetrics(reg)
	if cfg.Endpoint == "" {
		return nil, nil
	}
	header, err := cfg.Header()
	if err != nil {
		return nil, err
	}
	return otlp.New(otlp.Config{
		Endpoint: cfg.Endpoint, Header: header, SampleRatio: cfg.SampleRatio, Version: version, Client: client, Metrics: metrics, Log: log,
	})
}

// recorders gives each line to the trace and to the collector's exporter.
type recorders [2]screenpop.Recorder

func (r recorders) Record(e screenpop.TraceEntry) {
	r[0].Record(e)
	r[1].Record(e)
}
