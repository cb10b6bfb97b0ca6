package tokens

import (
	"sync"
	"time"
)

// seldom lets a line be logged once in a while, at once when it has been quiet,
// and counts those it held back. Its zero value is ready.
type seldom struct {
	mu   sync.Mutex
	last time.Time
	held int
}

// say tells whether to log now, and how many lines were held back before.
func (s *seldom) say(now time.Time, every time.Duration) (held int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now.Sub(s.last); since >= 0 && since < every {
		s.held++
		return 0, false
	}
	held, s.held, s.last = s.held, 0, now
	return held, true
}
