package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Several daemons may share a store, each with agents of its own. When agents
// change hands, the daemon before may still have a refresh of theirs under way:
// two refreshes of one token at once would, where the server replaces refresh
// tokens, end the authorisation. So who refreshes first writes into the record
// that it does, by compare-and-set. Until its time is over nobody else does, and
// its answer is saved over that very record or not at all.

// errForeign: another daemon has changed the record.
var errForeign = errors.New("another node has changed the authorisation")

// errReserved: another daemon asks for a token just now.
var errReserved = errors.New("the node that had this agent before is asking for a token")

// askTime is for how long who refreshes has the token to itself: its request,
// with the store and clocks that differ, and then some.
const askTime = requestTimeout + 15*time.Second

// askWithin is how long after that was written the request may still begin. A
// daemon that stood still in between, or whose store was slow, leaves the token
// alone: by the request's end its time could be over.
const askWithin = 10 * time.Second

// errStoodStill: see askWithin.
var errStoodStill = errors.New("between announcing the request for a token and making it too much time has passed")

// tooLate tells whether what was announced then may not be done any more.
func (k *Keeper) tooLate(noted time.Time) bool {
	return k.instance != "" && k.now().Sub(noted) > askWithin
}

// askedElsewhere is for how long still another daemon has the token of a record
// to itself.
func (k *Keeper) askedElsewhere(rec *record) time.Duration {
	if k.instance == "" || rec == nil || rec.Asked.IsZero() || rec.By == k.instance || rec.By == "" {
		return 0
	}
	return rec.Asked.Add(askTime).Sub(k.now())
}

// takeOver takes the record as another daemon has left it. Under w.writing.
func (k *Keeper) takeOver(w *wallet, epoch uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	rec, revision, err := k.read(ctx, w.id)
	if err != nil {
		return // the next write finds out
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.epoch != epoch:
	case rec == nil:
		w.turn(nil, 0) // unpaired there; whoever did it has revoked
	default:
		w.rec, w.revision = rec, revision
	}
}

// reserved tells whether another daemon has the token to itself, and for how
// long still. What it has brought meanwhile is taken over.
func (k *Keeper) reserved(w *wallet, epoch uint64) (time.Duration, error) {
	if k.instance == "" {
		return 0, nil
	}
	left := func() time.Duration {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.epoch != epoch {
			return 0
		}
		return k.askedElsewhere(w.rec)
	}
	if left() <= 0 {
		return 0, nil
	}
	w.writing.Lock()
	k.takeOver(w, epoch)
	w.writing.Unlock()
	if rest := left(); rest > 0 {
		return rest, fmt.Errorf("%w: %w", screenpop.ErrStoreAway, errReserved)
	}
	return 0, nil
}
