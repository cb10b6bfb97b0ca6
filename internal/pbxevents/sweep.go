package pbxevents

import (
	"container/list"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// endAll ends every leg, for a tenant that is served no longer.
func (t *tracker) endAll(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	for _, c := range t.alive() {
		s := t.begin(now, 0)
		for _, l := range c.legs {
			if l.live() {
				s.move(l, screenpop.Terminated, "", "")
			}
		}
		t.commit(s, nil) // the flow takes ends in any case, unless it is closing
	}
}

// alive lists the calls with a live leg: a step moves calls to other lists. The
// caller holds mu.
func (t *tracker) alive() (calls []*call) {
	for e := t.live.Front(); e != nil; e = e.Next() {
		calls = append(calls, e.Value.(*call))
	}
	return calls
}

// sweep ends legs whose end never came and forgets calls that are long over.
// It returns the number of legs it ended. A leg the flow has no room for is
// tried again at the next sweep.
func (t *tracker) sweep(now time.Time) (swept int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.alive() {
		s := t.begin(now, 0)
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
