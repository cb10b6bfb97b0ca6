package daemon

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smokepop/smokepop/internal/smokeball"
)

// How what a member asked of the keeper of a budget ended.
const (
	loanGranted = "granted"
	loanBusy    = "busy"  // the budget could not be met in time
	loanMoved   = "moved" // the budget is kept elsewhere by now
	loanAway    = "away"  // the keeper did not answer: the request went out of this node's share
	loanEnded   = "ended" // who wanted it did not want it any more
)

// loanMetrics count what this node asks the keepers of budgets.
type loanMetrics struct {
	by      map[string]prometheus.Counter
	seconds prometheus.Histogram
}

func newLoanMetrics(reg prometheus.Registerer) *loanMetrics {
	loans := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_budget_loans_total", Help: "Requests to Smokeball for which this node asked the node that keeps the budget, by what it answered.",
	}, []string{"outcome"})
	m := &loanMetrics{by: map[string]prometheus.Counter{}, seconds: promauto.With(reg).NewHistogram(prometheus.HistogramOpts{
		Name: "smokepop_budget_loan_seconds", Help: "How long the answer took, the wait for the budget included.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})}
	for _, outcome := range []string{loanGranted, loanBusy, loanMoved, loanAway, loanEnded} {
		m.by[outcome] = loans.WithLabelValues(outcome)
	}
	return m
}

// count counts an answer.
func (m *loanMetrics) count(began time.Time, err error) {
	outcome := loanEnded
	switch {
	case err == nil:
		outcome = loanGranted
	case errors.Is(err, smokeball.ErrBusy):
		outcome = loanBusy
	case errors.Is(err, smokeball.ErrElsewhere):
		outcome = loanMoved
	case errors.Is(err, smokeball.ErrAway):
		outcome = loanAway
	}
	m.by[outcome].Inc()
	m.seconds.Observe(time.Since(began).Seconds())
}
