package tokens

import (
	"context"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// revokeTimeout bounds one revocation: it is best effort, and an agent waits.
const revokeTimeout = 5 * time.Second

// eraseEvery is how often the deletion of a record is tried again that the
// store has refused.
const eraseEvery = 10 * time.Second

// Unpair takes the agent's authorisation back. The record is deleted first,
// durably; from then on the agent is unpaired, whoever waits for a token gets
// ErrNotPaired, and a refresh or a pairing whose tokens are on their way comes
// to nothing. Then Smokeball is asked to revoke: revoked tells whether it said
// yes. Where the store does not
// delete the record the agent is unpaired and the tokens are revoked all the
// same, the pairing's problem says so, and Run deletes it as soon as the store
// does; a restart before that reads it again, and Smokeball then says that it
// is over. An agent who is not paired can be unpaired again. It goes on when
// ctx ends. The error is nil today.
func (k *Keeper) Unpair(_ context.Context, agent screenpop.AgentID) (revoked bool, err error) {
	w := k.wallet(agent)
	if w == nil {
		return false, nil
	}
	left := k.forget(w)
	k.announce(w)
	ctx, cancel := context.WithTimeout(context.Background(), revokeTimeout)
	defer cancel()
	revoked = len(left) > 0
	for _, token := range left {
		revoked = k.revoke(ctx, w, token) && revoked
	}
	return revoked, nil
}

// forget deletes the record and returns the refresh tokens that were good.
func (k *Keeper) forget(w *wallet) (left []screenpop.Secret) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	kept, revision := w.rec != nil || w.damaged || w.undeleted, w.revision
	if !kept {
		w.epoch++ // for a pairing that is being finished just now
	}
	w.mu.Unlock()
	if !kept {
		return nil
	}
	err := k.erase(w.id)
	if err == nil {
		revision = 0
	}
	w.mu.Lock()
	left = w.turn(nil, revision)
	w.undeleted, w.eraseAgain = err != nil, k.now().Add(eraseEvery)
	w.mu.Unlock()
	if err != nil {
		k.logUndeleted(w, err)
		k.stir()
	}
	return left
}

// erase deletes the agent's record, readable or not.
func (k *Keeper) erase(id screenpop.AgentID) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	_, err := k.store.Delete(ctx, pathOf(id), 0)
	return err
}

// eraseDue begins to delete what an unpairing has left, when it is time, and
// returns when to look again; the zero time for never. Under w.mu.
func (k *Keeper) eraseDue(w *wallet, now time.Time) (again time.Time) {
	if !w.undeleted || w.erasing {
		return time.Time{}
	}
	if wait := w.eraseAgain.Sub(now); wait > 0 && wait <= eraseEvery { // a clock put back holds nothing up
		return w.eraseAgain
	}
	w.erasing = k.run(context.Background(), storeTimeout, func(context.Context) {
		k.eraseLeft(w)
		k.announce(w)
		k.stir()
	})
	return time.Time{}
}

// eraseLeft deletes what an unpairing has left, unless a new pairing lies there
// by now.
func (k *Keeper) eraseLeft(w *wallet) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	left := w.undeleted
	w.mu.Unlock()
	var err error
	if left {
		err = k.erase(w.id)
	}
	w.mu.Lock()
	w.erasing = false
	switch {
	case err != nil:
		w.eraseAgain = k.now().Add(eraseEvery)
	case left:
		w.undeleted, w.revision = false, 0
	}
	w.mu.Unlock()
	if err != nil {
		k.logUndeleted(w, err)
	}
}

func (k *Keeper) logUndeleted(w *wallet, err error) {
	if held, ok := k.unsaved.say(k.now(), failureEvery); ok {
		k.log.Error("cannot delete the record of an agent who has unpaired; it is tried again. Make room or mend the disk under state_dir",
			withHeld(held, "agent", w.id, "err", err)...)
	}
}

func (k *Keeper) revoke(ctx context.Context, w *wallet, token screenpop.Secret) bool {
	err := w.tenant().OAuth.Revoke(ctx, token.Reveal())
	if err != nil {
		k.log.Warn("Smokeball did not revoke an authorisation", "agent", w.id, "code", kindOf(err))
	}
	return err == nil
}

// revokeLeft revokes a token nobody is going to use, for a goroutine that
// nobody waits for.
func (k *Keeper) revokeLeft(w *wallet, token screenpop.Secret) {
	if token == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), revokeTimeout)
	defer cancel()
	k.revoke(ctx, w, token)
}

// revokeLater is revokeLeft on a goroutine of its own.
func (k *Keeper) revokeLater(w *wallet, token screenpop.Secret) {
	if token == "" {
		return
	}
	k.run(context.Background(), revokeTimeout, func(ctx context.Context) { k.revoke(ctx, w, token) })
}
