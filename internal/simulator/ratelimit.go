package simulator

import (
	"sync"
	"time"
)

// RateLimit is Smokeball's token bucket, one per client id and endpoint.
type RateLimit struct {
	PerSecond float64 // 0 is Smokeball's default, 5; negative is no limit
	Burst     float64 // 0 is Smokeball's default, 5
	// Slack widens the bucket by what arrives in this time, so that requests
	// that left exactly at the limit are not refused because one of them was a
	// little longer on its way. It never lets a whole request more through at
	// once. 0 is 100 ms; negative is none.
	Slack time.Duration
	// RetryAfter, when set, is sent with the 429 in this header.
	RetryAfter string
}

// bucket is a token bucket with a fractional size, which x/time/rate does not
// have, and not the implementation smokepop's own budget stands on.
type bucket struct {
	tokens float64
	last   time.Time
}

type limiter struct {
	limit RateLimit

	mu      sync.Mutex
	buckets map[string]*bucket
	refused int
}

func newLimiter(l RateLimit) *limiter {
	if l.PerSecond == 0 {
		l.PerSecond = 5
	}
	if l.Burst == 0 {
		l.Burst = 5
	}
	switch {
	case l.Slack == 0:
		l.Slack = 100 * time.Millisecond
	case l.Slack < 0:
		l.Slack = 0
	}
	return &limiter{limit: l, buckets: map[string]*bucket{}}
}

func (l *limiter) allow(key string, now time.Time) bool {
	if l.limit.PerSecond < 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	size := l.limit.Burst + l.limit.Slack.Seconds()*l.limit.PerSecond
	b, known := l.buckets[key]
	if !known {
		b = &bucket{tokens: size, last: now}
		l.buckets[key] = b
	}
	if passed := now.Sub(b.last); passed > 0 {
		b.tokens, b.last = min(size, b.tokens+passed.Seconds()*l.limit.PerSecond), now
	}
	if b.tokens < 1 {
		l.refused++
		return false
	}
	b.tokens--
	return true
}

func (l *limiter) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}
