package tokens

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// backoff spaces out token requests that fail. Its zero value is at rest.
type backoff struct {
	failures int
	last     time.Time // of the last failure
	until    time.Time
	err      error // what callers get meanwhile
}

// failed notes a failure: one second, then two, four and so on to a minute,
// each but the first shortened by up to half, so that the agents of a firm do
// not all come back at once.
// A server that asks for a longer pause gets it, up to that minute.
func (b *backoff) failed(now time.Time, err error, asked time.Duration) {
	pause := longestPause
	if b.failures < 6 {
		pause = firstPause << b.failures
	}
	if b.failures > 0 {
		pause -= rand.N(pause / 2)
	}
	b.failures++
	pause = max(pause, min(asked, longestPause))
	b.last, b.until, b.err = now, now.Add(pause), err
}

// blocked returns what to answer instead of asking, nil when it is time to
// ask again.
func (b *backoff) blocked(now time.Time) error {
	if b.failures > 0 && now.Before(b.until) && !now.Before(b.last) { // a clock put back blocks nobody
		return b.err
	}
	return nil
}

// justFailed is blocked for somebody in a hurry: a failed token request is not
// repeated within a second for anybody.
func (b *backoff) justFailed(now time.Time) error {
	if b.failures > 0 && now.Before(b.last.Add(firstPause)) && !now.Before(b.last) {
		return b.err
	}
	return nil
}
