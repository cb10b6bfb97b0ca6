package push

import (
	"math/rand/v2"
	"time"
)

// beats is how often in Limits.PingEvery the hub looks who is due. One ticker
// serves all screens.
const beats = 8

func (h *Hub) beat() {
	t := time.NewTicker(max(h.limits.PingEvery/beats, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-t.C:
			h.tick()
		case <-h.stop:
			return
		}
	}
}

// tick pings the screens that are due, cuts those that were not heard, and
// forgets recent pops that are old.
func (h *Hub) tick() {
	now, oldest := h.elapsed(), time.Now().Add(-h.limits.RecentFor)
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		for _, r := range sh.rooms {
			r.forgetBefore(oldest)
			h.check(r, now)
			sh.leave(r)
		}
		for a, since := range sh.left {
			if now-since > int64(h.limits.WatchedFor) {
				delete(sh.left, a)
			}
		}
		sh.mu.Unlock()
	}
}

func (h *Hub) check(r *room, now int64) {
	for i := len(r.screens) - 1; i >= 0; i-- {
		switch s := r.screens[i]; {
		case now-s.heard.Load() > int64(h.limits.Silence):
			h.remove(r, s, silent)
			s.abort()
		case now >= s.nextPing:
			s.ping()
			s.nextPing = now + h.jittered()
		}
	}
}

// jittered is a ping interval within a fifth of PingEvery, so that screens
// that opened together, after a restart, do not answer together for ever.
func (h *Hub) jittered() int64 {
	every := int64(h.limits.PingEvery)
	return every*4/5 + rand.Int64N(every*2/5+1)
}
