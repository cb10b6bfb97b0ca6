package smokeball

import (
	"testing"
	"testing/synctest"
)

// ticked takes a tick, if there is one.
func ticked(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestWhoWatchesIsToldWhenTheBreakerTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := NewBudgets().For("https://api.example", "app", 1000, 1000)
		first, second := budget.Changes(t.Context(), EndpointContacts), budget.Changes(t.Context(), EndpointContacts)
		other := budget.Changes(t.Context(), EndpointMatters)
		ask := func(err error) {
			t.Helper()
			p, e := budget.acquire(t.Context(), EndpointContacts)
			if e != nil {
				t.Fatal(e)
			}
			p.done(err)
		}
		down := &StatusError{Status: 503}
		for range tripAfter - 1 {
			ask(down)
		}
		if ticked(first) || !budget.Answering(EndpointContacts) {
			t.Error("told before the breaker opened")
		}
		ask(down)
		if !ticked(first) || !ticked(second) || budget.Answering(EndpointContacts) {
			t.Error("not told when the breaker opened")
		}
		if ticked(other) || !budget.Answering(EndpointMatters) {
			t.Error("another endpoint's watcher was told")
		}
		// A probe that fails changes nothing, and that it may go out neither.
		pass(restFor)
		if budget.Answering(EndpointContacts) {
			t.Error("answering, though nobody has seen it answer")
		}
		ask(down)
		if ticked(first) || ticked(second) {
			t.Error("told of a probe that failed")
		}
		pass(2 * restFor)
		ask(nil)
		if !ticked(first) || !budget.Answering(EndpointContacts) {
			t.Error("not told when the breaker closed")
		}
		ask(nil)
		// The second has not looked at its tick since: that holds nobody up, and
		// one tick is enough to go and ask.
		for range tripAfter {
			ask(down)
		}
		if !ticked(first) || !ticked(second) || ticked(second) {
			t.Error("want one tick for each who watches")
		}
	})
}
