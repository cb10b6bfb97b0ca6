package simulator

import (
	"slices"
	"time"
)

// NewestFirst returns what this limit alone makes of requests that come up at
// these times, when whoever sends them lets the newest go first: how long each
// has to wait at the least. It is the bound that a client can be measured by.
// The bucket is full at the first request; Slack is left aside.
func (l RateLimit) NewestFirst(at []time.Duration) []time.Duration {
	perSecond, burst := l.PerSecond, l.Burst
	if perSecond == 0 {
		perSecond = 5
	}
	if burst == 0 {
		burst = 5
	}
	waits := make([]time.Duration, len(at))
	if len(at) == 0 || perSecond < 0 {
		return waits
	}
	order := make([]int, len(at)) // by the time they come up
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(at[a] - at[b]) })

	const whole = 1 - 1e-9
	now, tokens := at[order[0]], burst
	var waiting []int // the newest last
	for next := 0; next < len(order) || len(waiting) > 0; {
		for next < len(order) && at[order[next]] <= now {
			waiting = append(waiting, order[next])
			next++
		}
		if len(waiting) > 0 && tokens >= whole {
			newest := waiting[len(waiting)-1]
			waiting = waiting[:len(waiting)-1]
			waits[newest] = now - at[newest]
			tokens--
			continue
		}
		until := now + time.Duration((1-tokens)/perSecond*float64(time.Second)) + 1
		if next < len(order) && (len(waiting) == 0 || at[order[next]] < until) {
			until = at[order[next]]
		}
		tokens = min(burst, tokens+(until-now).Seconds()*perSecond)
		now = until
	}
	return waits
}
