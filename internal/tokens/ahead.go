package tokens

import (
	"hash/maphash"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// shortLived is the life from which on the timer renews a token. One that
// lives shorter is renewed when somebody needs it: the timer would do little
// else.
const shortLived = 5 * time.Minute

// ahead is when the timer replaces the access token: a minute before its end,
// and earlier by up to a sixth of its life, drawn anew for each agent and
// token, so that a firm which paired in one minute does not ask in one minute.
// false: the timer leaves it alone.
func (r *record) ahead(id screenpop.AgentID, seed maphash.Seed) (time.Time, bool) {
	life := r.Expiry.Sub(r.Got)
	if r.Refresh == "" || life < shortLived {
		return time.Time{}, false
	}
	drawn := maphash.Comparable(seed, struct {
		id  screenpop.AgentID
		got int64
	}{id, r.Got.UnixNano()})
	share := float64(drawn>>11) / (1 << 53)
	return r.Expiry.Add(-earlyMargin - time.Duration(share*float64(life/6))), true
}

// wanted is when the timer wants to refresh the wallet's token; false: not at
// all. Under w.mu.
//
// Every known agent's authorisation is kept fresh, watched or not: then the first ring of a
// morning is as quick as the others, and one that was revoked is known before
// the phone rings. It costs a small request for each agent and token's life.
func (k *Keeper) wanted(w *wallet, now time.Time) (at time.Time, ok bool) {
	_, known := k.directory.Agent(w.id)
	switch {
	case !w.alive(now) || w.flight != nil || !known:
		return time.Time{}, false
	case !w.rec.Asked.IsZero():
		// A question without an answer, or with one that is not saved: the
		// token that was sent may be spent, and it is better to know.
		at = now
	default:
		if at, ok = w.rec.ahead(w.id, k.seed); !ok {
			return time.Time{}, false
		}
	}
	if w.backoff.blocked(now) != nil {
		at = later(at, w.backoff.until)
	}
	return at, true
}

// refreshDue begins the refreshes whose time has come, as far as tenants allow
// them, and the deletions that are left over, and returns when to look again.
func (k *Keeper) refreshDue(now time.Time) (next time.Time) {
	next = now.Add(longestNap)
	sooner := func(at time.Time) {
		if at.After(now) && at.Before(next) {
			next = at
		}
	}
	var refused []*wallet
	for _, w := range k.all() {
		w.mu.Lock()
		sooner(k.eraseDue(w, now))
		if w.alive(now) {
			ends := w.rec.ends(w.tenant().RefreshTokenLifetime)
			sooner(ends.Add(-warnBefore))
			sooner(ends)
		}
		if at, ok := k.wanted(w, now); ok && at.After(now) {
			sooner(at)
		} else if ok {
			if _, err := k.depart(w, timer); err != nil {
				sooner(w.gate.opens())
				refused = append(refused, w)
			}
		}
		w.mu.Unlock()
	}
	for _, w := range refused {
		k.announce(w)
	}
	return next
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
