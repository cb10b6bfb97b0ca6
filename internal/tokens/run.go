package tokens

import (
	"context"
	"time"
)

// warnBefore is how long before the end of an authorisation the agent is told.
const warnBefore = 5 * 24 * time.Hour

// longestNap bounds Run's timer: it counts time the machine was awake, and
// authorisations end by the calendar.
const longestNap = time.Hour

// Run announces what only the clock changes: authorisations about to end and
// ended ones. When ctx ends, no token request is begun any more and Run waits
// for those under way and for revocations, some ten seconds at most: an answer
// that is not saved may cost an agent the authorisation.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(k.nap())
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			for _, w := range k.all() {
				k.announce(w)
			}
		case <-k.changed:
		case <-ctx.Done():
			k.mu.Lock()
			k.closing = true
			k.mu.Unlock()
			k.endQuestions()
			k.outstanding.Wait()
			return nil
		}
		timer.Reset(k.nap())
	}
}

// nap is the time until the next pairing changes by itself.
func (k *Keeper) nap() time.Duration {
	now, nap := k.now(), longestNap
	for _, w := range k.all() {
		w.mu.Lock()
		if w.alive(now) {
			ends := w.rec.ends(w.tenant.RefreshTokenLifetime)
			for _, at := range []time.Time{ends.Add(-warnBefore), ends} {
				if d := at.Sub(now); d > 0 && d < nap {
					nap = d
				}
			}
		}
		w.mu.Unlock()
	}
	return nap
}

// stir lets Run look at its timer again.
func (k *Keeper) stir() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}
