package tokens

import (
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// problemAway is what a token request has failed with that is tried again.
const problemAway = "Smokeball's sign-in service did not give a new token. It is asked again."

// Recent is what has become of an agent's authorisation of late. It is in memory
// only: what is zero has not happened since the start.
type Recent struct {
	Used    time.Time // Smokeball has answered the agent
	Failed  time.Time
	Problem string // what went wrong then, one plain sentence
}

// Recent tells of the agent's authorisation, also of one that has ended.
func (k *Keeper) Recent(agent screenpop.AgentID) Recent {
	w := k.wallet(agent)
	if w == nil {
		return Recent{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.recent
}

// failed notes what went wrong. Under w.mu.
func (w *wallet) failed(now time.Time, problem string) {
	w.recent.Failed, w.recent.Problem = now, problem
}

// failures are what refreshes that come to nothing are noted as.
var failures = map[outcome]string{
	outcomeExpired: problemEnded, outcomeRefused: problemMisknown, outcomeUnsaved: problemNoSave, outcomeUnavailable: problemAway,
}
