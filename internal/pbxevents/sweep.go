package pbxevents

import (
	"time"
)

// sweep forgets calls that ended long ago and ends those whose end never came.
func (t *tracker) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for e := t.ended.Front(); e != nil; e = t.ended.Front() {
		c := e.Value.(*call)
		if now.Sub(c.touched) < rememberEnded {
			break
		}
		t.forget(c)
	}
	for e := t.live.Front(); e != nil; {
		c := e.Value.(*call)
		e = e.Next() // before c moves to the other list
		most := mostRinging
		if c.hasConnected() {
			most = mostConnected
		}
		quiet := now.Sub(c.touched)
		if quiet < mostRinging {
			break // the list is in order: the rest is younger still
		}
		if quiet >= most {
			t.close(c, now)
		}
	}
}

// close ends a call as if its end had come. It returns false when the sink has
// no room; the next sweep tries again.
func (t *tracker) close(c *call, now time.Time) bool {
	s := &step{call: c, at: now, ended: true}
	for _, l := range c.legs {
		if l.live() {
			s.endLeg(l)
		}
	}
	if len(s.events) > 0 && !t.sink.Offer(s.events) {
		return false
	}
	c.ended = true
	c.touched = now
	for _, l := range s.legs {
		*c.leg(l.agent.Extension) = l
	}
	t.file(c)
	return true
}

// evict makes room: the call that ended longest ago goes, or else the live one
// that has been quiet longest, its pops ended. It never evicts keep.
func (t *tracker) evict(now time.Time, keep *call) bool {
	if e := t.ended.Front(); e != nil && e.Value.(*call) != keep {
		t.forget(e.Value.(*call))
		return true
	}
	if e := t.live.Front(); e != nil && e.Value.(*call) != keep && t.close(e.Value.(*call), now) {
		t.forget(e.Value.(*call))
		return true
	}
	return false
}

// live returns the number of calls with a live leg, and of all remembered.
func (t *tracker) size() (live, all int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live.Len(), len(t.calls)
}
