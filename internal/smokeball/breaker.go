package smokeball

import "time"

const (
	// tripAfter is how many failures in a row open the breaker.
	tripAfter = 5
	// restFor is how long an opened breaker lets nothing through; it doubles
	// with each probe that fails, up to maxRest.
	restFor = 5 * time.Second
	maxRest = 60 * time.Second
)

// breaker keeps calls from waiting for a Smokeball that does not answer. It is
// guarded by its bucket's lock.
type breaker struct {
	failures int
	rest     time.Duration
	until    time.Time // zero: closed
	probing  bool
}

// open tells whether Smokeball has failed again and again and has not been seen
// to answer since.
func (b *breaker) open() bool { return !b.until.IsZero() }

// check returns ErrNotAsked while nothing may go out. After the rest one
// request goes out to see, and nothing else until it is answered.
func (b *breaker) check(now time.Time) error {
	if b.until.IsZero() || !now.Before(b.until) && !b.probing {
		return nil
	}
	return ErrNotAsked
}

// granted returns whether the request that was let through is the probe.
func (b *breaker) granted() bool {
	if b.until.IsZero() {
		return false
	}
	b.probing = true
	return true
}

// abandon takes back a probe that told nothing.
func (b *breaker) abandon() { b.probing = false }

// alive closes the breaker: Smokeball answered.
func (b *breaker) alive() { *b = breaker{} }

// failed counts a failure. While the breaker is open only the probe's counts:
// the others were sent before.
func (b *breaker) failed(now time.Time, probe bool) {
	switch {
	case probe:
		b.probing = false
		b.rest = min(2*b.rest, maxRest)
		b.until = now.Add(b.rest)
	case b.until.IsZero():
		if b.failures++; b.failures >= tripAfter {
			b.rest = restFor
			b.until = now.Add(b.rest)
		}
	}
}
