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
	var calls []*call // a step moves calls to other lists
	for e := t.live.Front(); e != nil; e = e.Next() {
		calls = append(calls, e.Value.(*call))
	}
	for _, c := range calls {
		s := &step{tr: t, now: now}
		ended := 0
		for _, l := range c.legs {
			if l.live() && l.card.expired(now) {
				s.move(l, screenpop.Terminated, "", "")
				ended++
			}
		}
		if ended > 0 && t.commit(s, nil) {
			swept += ended
		}
	}
	var next *list.Element
	for e := t.done.Front(); e != nil; e = next {
		next = e.Next()
		c := e.Value.(*call)
		if now.Sub(c.news) < endedLife {
			break // the list is in the order of their news
		}
		t.forget(c)
	}
	for e := range t.cards {
		t.prune(e, now)
	}
	return swept
}
