package smokeball

import (
	"context"
	"errors"
	"time"
)

// permit is the right to send one request.
type permit struct {
	bucket  *bucket
	granted time.Time
	probe   bool
	left    bool
	loan    Loan // what another process of the cluster has granted; nil: this one's bucket has
}

// sent tells that the request has been written to the network. It may be
// called twice.
func (p *permit) sent() {
	b := p.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	p.leave()
}

func (p *permit) leave() {
	if !p.left {
		p.left = true
		if p.loan != nil {
			p.loan.Sent()
			return
		}
		now := time.Now()
		p.bucket.written(now)
		p.bucket.dispatch(now)
	}
}

// patience is how long Smokeball has to have had for an answer before a
// deadline of ours that ends the wait counts against it.
const patience = time.Second

// done gives the permit back and tells how the request went.
func (p *permit) done(err error) {
	b := p.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	var (
		status  *StatusError
		failed  *ConnectionError
		refused bool
		wait    time.Duration
	)
	b.turn(func() {
		switch {
		case errors.As(err, &status) && status.Status == 429:
			b.throttled(now, status.RetryAfter)
			refused, wait = true, status.RetryAfter
			b.breaker.alive()
		case errors.As(err, &status) && status.Status >= 500:
			b.breaker.failed(now, p.probe)
		case errors.As(err, &failed) && errors.Is(err, context.Canceled),
			errors.As(err, &failed) && failed.Timeout() && now.Sub(p.granted) < patience:
			if p.probe {
				b.breaker.abandon()
			}
		case errors.As(err, &failed):
			b.breaker.failed(now, p.probe)
		default:
			b.refusal = 0
			b.breaker.alive()
		}
	})
	p.leave()
	if p.loan != nil {
		p.loan.Done(refused, wait)
	}
	b.dispatch(now)
}
