package tokens

import (
	"context"
	"fmt"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// revokeTimeout bounds one revocation: it is best effort, and an agent waits.
const revokeTimeout = 5 * time.Second

// Unpair takes the agent's authorisation back. The record is deleted first,
// durably; from then on the agent is unpaired, whoever waits for a token gets
// ErrNotPaired, and a refresh under way comes to nothing. Then Smokeball is
// asked to revoke: revoked tells whether it said yes. When the record cannot
// be deleted the agent stays paired and the error says so. An agent who is not
// paired can be unpaired again. It goes on when ctx ends.
func (k *Keeper) Unpair(_ context.Context, agent screenpop.AgentID) (revoked bool, err error) {
	w := k.wallet(agent)
	if w == nil {
		return false, nil
	}
	left, err := k.forget(w)
	if err != nil {
		return false, fmt.Errorf("unpair %v: %w", agent, err)
	}
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
func (k *Keeper) forget(w *wallet) (left []screenpop.Secret, err error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	kept := w.rec != nil || w.damaged
	w.mu.Unlock()
	if !kept {
		return nil, nil
	}
	if err := k.erase(w.id); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.turn(nil, 0), nil
}

// erase deletes the agent's record, readable or not.
func (k *Keeper) erase(id screenpop.AgentID) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	_, err := k.store.Delete(ctx, pathOf(id), 0)
	return err
}

func (k *Keeper) revoke(ctx context.Context, w *wallet, token screenpop.Secret) bool {
	err := w.tenant.OAuth.Revoke(ctx, token.Reveal())
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
