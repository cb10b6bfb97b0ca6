package smokeball

import (
	"context"
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts requests. One serves all clients of a process.
type Metrics struct {
	requests    *prometheus.CounterVec
	rateLimited prometheus.Counter
}

// NewMetrics registers the counters; a nil registerer leaves them unseen.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "smokepop_smokeball_requests_total",
			Help: "Requests sent to Smokeball's API. status: the HTTP status where it is a usual one, else 2xx to 5xx; timeout, cancelled, connection: no whole answer; malformed: a 200 that could not be read.",
		}, []string{"endpoint", "status"}),
		rateLimited: f.NewCounter(prometheus.CounterOpts{
			Name: "smokepop_smokeball_rate_limited_total",
			Help: "Answers 429: Smokeball found us too fast.",
		}),
	}
}

func (m *Metrics) sent(e Endpoint, status int, err error) {
	m.requests.WithLabelValues(string(e), statusLabel(status, err)).Inc()
	if status == 429 {
		m.rateLimited.Inc()
	}
}

// statusLabel is one of a closed set.
func statusLabel(status int, err error) string {
	var malformed *AnswerError
	var failed *ConnectionError
	switch {
	case errors.As(err, &malformed):
		return "malformed"
	case errors.As(err, &failed) && errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &failed) && failed.Timeout():
		return "timeout"
	case errors.As(err, &failed):
		return "connection"
	}
	switch status {
	case 200, 400, 401, 403, 404, 429, 500, 502, 503, 504:
		return strconv.Itoa(status)
	}
	return strconv.Itoa(min(max(status/100, 1), 5)) + "xx"
}
