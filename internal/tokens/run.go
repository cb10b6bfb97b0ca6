package tokens

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// warnBefore is how long before the end of an authorisation the agent is told.
const warnBefore = 5 * 24 * time.Hour

// longestNap bounds Run's timer: it counts time the machine was awake, and
// authorisations end by the calendar. shortestNap keeps it from spinning.
const (
	longestNap  = time.Minute
	shortestNap = 10 * time.Millisecond
)

// Run refreshes every authorisation's token ahead of its end, also after
// failures, so that recovery needs nobody's call, and announces what only the
// clock changes: authorisations about to end and ended ones. When ctx ends, no token request is begun any more and Run waits
// for those under way and for revocations, some ten seconds at most: an answer
// that is not saved may cost an agent the authorisation. What could not be saved
// until then is tried once more, and told. Where several daemons share a store that
// is away, it is tried for as long as no other one asks with the token before.
func (k *Keeper) Run(ctx context.Context) error {
	clock := time.NewTimer(k.nap())
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
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
			k.bankRest()
			return nil
		}
		clock.Reset(k.nap())
	}
}

// nap begins what is due and returns the time until something changes by
// itself.
func (k *Keeper) nap() time.Duration {
	now := k.now()
	return max(k.refreshDue(now).Sub(now), shortestNap)
}

// bankRest saves, at the end, the answers the store has not taken before, and
// deletes what it has not deleted.
func (k *Keeper) bankRest() {
	var banking sync.WaitGroup
	defer banking.Wait()
	for _, w := range k.all() {
		k.eraseLeft(w)
		w.mu.Lock()
		unsaved, at, epoch, undeleted := w.unsaved, w.unsavedAt, w.epoch, w.undeleted
		w.mu.Unlock()
		if undeleted {
			k.log.Error("smokepop ends, and the record of an agent who has unpaired is still on the disk: the next start reads it again",
				"agent", w.id)
		}
		if unsaved != nil {
			banking.Go(func() { k.bankLast(w, epoch, *unsaved, at) })
		}
	}
}

// bankAgain is how long the last answers wait for a store that is away until they
// are tried again.
const bankAgain = time.Second

// bankLast saves an answer that came at a time, at the end: if not at once, then
// for as long as any other daemon leaves the token to this one.
func (k *Keeper) bankLast(w *wallet, epoch uint64, grant smokeball.Grant, at time.Time) {
	for {
		_, outcome, err := k.bank(w, epoch, grant, at)
		if outcome != outcomeUnsaved || grant.RefreshToken == "" {
			return
		}
		if k.instance == "" || !errors.Is(err, screenpop.ErrStoreAway) || k.now().Sub(at) > askTime-requestTimeout {
			k.log.Error("smokepop ends with an authorisation that could not be saved: Smokeball has replaced its refresh token. The agent may have to pair again",
				"agent", w.id, "err", err)
			return
		}
		<-time.After(bankAgain)
	}
}

// stir lets Run look at its timer again.
func (k *Keeper) stir() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}
