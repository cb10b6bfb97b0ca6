package pbxevents

import (
	"container/list"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// sweep ends legs whose end never came and forgets calls that are long over.
// It returns the number of legs it ended. A leg the flow has no room for is
// tried again at the next sweep.
func (t *tracker) sweep(now time.Time) (swept int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next *list.Element
	for e := t.live.Front(); e != nil; e = next {
		next = e.Next()
		c := e.Value.(*call)
		var events []screenpop.Event
		for _, l := range c.legs {
			if l.expired(now) {
				events = append(events, endOf(l, now))
			}
		}
		if len(events) == 0 || !t.sink.Offer(events) {
			continue
		}
		for _, l := range c.legs {
			if l.expired(now) {
				l.call.State = screenpop.Terminated
			}
		}
		swept += len(events)
		if !c.anyLive() {
			t.touch(c, now)
		}
	}
	for e := t.done.Front(); e != nil; e = next {
		next = e.Next()
		c := e.Value.(*call)
		if now.Sub(c.news) < endedLife {
			break // the list is in the order of their news
		}
		t.forget(c)
	}
	return swept
}

func (l *leg) expired(now time.Time) bool {
	switch l.call.State {
	case screenpop.Ringing:
		return now.Sub(l.news) >= ringingLife
	case screenpop.Connected:
		return now.Sub(l.news) >= connectedLife
	}
	return false
}
