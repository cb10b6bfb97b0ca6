package tokens

import (
	"cmp"
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Paired lists the agents whose authorisation is on record, whether the
// directory knows them or not, by tenant and extension.
func (k *Keeper) Paired() []screenpop.AgentID {
	var list []screenpop.AgentID
	for _, w := range k.all() {
		w.mu.Lock()
		paired := w.rec != nil || w.damaged
		w.mu.Unlock()
		if paired {
			list = append(list, w.id)
		}
	}
	slices.SortFunc(list, func(a, b screenpop.AgentID) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Extension, b.Extension))
	})
	return list
}

// DirectoryChanged says that the directory tells something else of an agent. An
// e-mail that is new is compared now where the access token is still good, and
// else after the next refresh. It does not block.
func (k *Keeper) DirectoryChanged(agent screenpop.AgentID) {
	w := k.wallet(agent)
	if w == nil {
		return
	}
	now := k.now()
	w.mu.Lock()
	usable, epoch := w.alive(now) && now.Before(w.rec.Expiry), w.epoch
	w.mu.Unlock()
	if usable {
		k.learnAccount(w, epoch)
	}
	k.stir()
}
