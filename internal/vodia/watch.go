package vodia

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause = time.Second
	longPause  = time.Minute
	// settled is how long a connection has to last for the next pause to be
	// short again, and for its session to be used again.
	settled = 30 * time.Second
)

// Watch listens to the tenant's live calls until ctx ends, and returns its
// error. A connection that is lost is made again, after a pause that grows
// from 1 s to 60 s, at random within it; with a new session when the PBX does
// not accept the old one any more. When the PBX refuses the password, or to be
// asked at all, pauses are long from the start.
func (c *Client) Watch(ctx context.Context, feed Feed) error {
	w := watch{Client: c, feed: feed}
	failures := 0
	for {
		began := time.Now()
		err := w.listen(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(began) >= settled {
			failures = 0
		} else {
			w.session = nil
		}
		if feed.State != nil {
			feed.State(false, err)
		}
		wait := pause(failures, is(err, BadCredentials, Forbidden, NotFound))
		failures++
		c.log.Debug("live calls are not listened to", "error", err, "again_in", wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pause is how long to wait after so many failures in a row. hopeless is a
// failure that time alone does not mend, and that may get us locked out.
func pause(failures int, hopeless bool) time.Duration {
	if hopeless {
		return longPause/2 + rand.N(longPause/2)
	}
	ceiling := longPause
	if failures < 6 { // 1 s << 6 is more than a minute
		ceiling = firstPause << failures
	}
	return rand.N(ceiling)
}
