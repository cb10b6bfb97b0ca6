package tokens

import (
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Pairing tells how the agent's authorisation stands now.
func (k *Keeper) Pairing(agent screenpop.AgentID) screenpop.Pairing {
	w := k.wallet(agent)
	if w == nil {
		return screenpop.Pairing{State: screenpop.Unpaired}
	}
	return k.pairingOf(w)
}

func (k *Keeper) pairingOf(w *wallet) screenpop.Pairing {
	email := k.emailOf(w.id)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.damaged:
		return screenpop.Pairing{State: screenpop.Expired, Problem: problemUnread}
	case w.undeleted:
		return screenpop.Pairing{State: screenpop.Unpaired, Problem: problemUndeleted}
	case w.rec == nil:
		return screenpop.Pairing{State: screenpop.Unpaired}
	}
	now, since, expires := k.now(), w.rec.Paired.UTC(), w.rec.ends(w.tenant().RefreshTokenLifetime).UTC()
	p := screenpop.Pairing{State: screenpop.Paired, Since: &since, Expires: &expires, Account: w.rec.Account}
	if w.rec.EmailMatches != nil && w.rec.Checked == email {
		matches := *w.rec.EmailMatches
		p.EmailMatches = &matches
	}
	switch {
	case !w.alive(now):
		p.State, p.Problem = screenpop.Expired, problemEnded
	case w.tokenProblem != "":
		p.State, p.Problem = screenpop.Attention, w.tokenProblem
	case w.apiProblem != "":
		p.State, p.Problem = screenpop.Attention, w.apiProblem
	case w.noSave:
		p.Problem = problemNoSave
	case p.EmailMatches != nil && !*p.EmailMatches:
		p.Problem = problemMisfit
	}
	if p.State != screenpop.Expired && w.ending(now) {
		// Beside whatever else there is: some of it lasts longer than 5 days.
		p.Problem = strings.TrimSpace(p.Problem + " " + problemEnding)
	}
	return p
}

// emailOf returns the e-mail of the extension, in the form it is compared in.
func (k *Keeper) emailOf(id screenpop.AgentID) string {
	agent, _ := k.directory.Agent(id)
	return strings.ToLower(strings.TrimSpace(agent.Email))
}

// announce tells the notifier how things stand, unless that is what it has
// heard last.
func (k *Keeper) announce(w *wallet) {
	w.telling.Lock()
	defer w.telling.Unlock()
	p := k.pairingOf(w)
	if same(p, w.told) {
		return
	}
	if p.State != w.told.State {
		k.log.Info("pairing changed", "agent", w.id, "state", p.State)
	}
	w.told = p
	if k.notify != nil {
		k.notify.PairingChanged(w.id, p)
	}
}

func same(a, b screenpop.Pairing) bool {
	return a.State == b.State && a.Account == b.Account && a.Problem == b.Problem &&
		sameTime(a.Since, b.Since) && sameTime(a.Expires, b.Expires) &&
		(a.EmailMatches == nil) == (b.EmailMatches == nil) && (a.EmailMatches == nil || *a.EmailMatches == *b.EmailMatches)
}

func sameTime(a, b *time.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(*b))
}
