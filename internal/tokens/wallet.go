package tokens

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/vault"
)

// wallet is one agent's authorisation in memory. What it says has been saved.
type wallet struct {
	id   screenpop.AgentID
	gate *gate

	// writing is held while the stored record changes, and mu never meanwhile.
	// telling is held while the notifier is told, so that the last it hears is
	// how things stand.
	writing sync.Mutex
	telling sync.Mutex
	told    screenpop.Pairing // under telling

	mu       sync.Mutex
	rec      *record // nil: not paired
	revision uint64
	damaged  bool // there is a record and it cannot be read
	// undeleted: the agent has unpaired and the store has not deleted the
	// record yet. eraseAgain is when that is tried again; erasing: just now.
	undeleted, erasing bool
	eraseAgain         time.Time
	// epoch rises with each pairing and unpairing, under writing and mu. What
	// was begun in an earlier epoch is of no use any more.
	epoch  uint64
	flight *flight // the refresh under way

	// unsaved is an answer of the token endpoint the store has not taken yet.
	// The refresh token before it may be spent: it is saved before anything
	// else is asked.
	unsaved   *smokeball.Grant
	unsavedAt time.Time

	backoff backoff
	// tokenProblem and apiProblem are why the agent's state is attention: the
	// token endpoint refuses us, or the API refuses the token.
	tokenProblem, apiProblem string
	// noSave: the latest refresh was not begun, or its answer not saved,
	// because the store takes no writes.
	noSave bool
	recent Recent
	// endQuestions drops the questions about who has signed in; nil when none
	// are under way.
	endQuestions context.CancelFunc
}

func newWallet(id screenpop.AgentID, g *gate) *wallet {
	return &wallet{id: id, gate: g, told: screenpop.Pairing{State: screenpop.Unpaired}}
}

// tenant is the tenant's side of Smokeball as it is configured now.
func (w *wallet) tenant() *TenantConfig { return w.gate.config.Load() }

// holdsBack returns what a caller gets instead of a refresh. A store that took
// no write holds back the timer alone: trying it again asks nothing of
// Smokeball, and the first call after there is space again has its token. Under
// mu.
func (w *wallet) holdsBack(pause error) error {
	if w.noSave {
		return nil
	}
	return pause
}

// alive tells whether there is an authorisation that has not ended. Under mu.
func (w *wallet) alive(now time.Time) bool {
	return w.rec != nil && w.rec.Ended.IsZero() && now.Before(w.rec.ends(w.tenant().RefreshTokenLifetime))
}

// endedAs is the state of the token of an agent who has no authorisation, or one
// that has ended or cannot be read. Under mu.
func (w *wallet) endedAs() screenpop.TokenState {
	if w.rec == nil && !w.damaged || w.undeleted {
		return screenpop.TokenUnpaired
	}
	return screenpop.TokenExpired
}

// ending tells whether an authorisation that is alive ends soon enough to
// warn. Under mu.
func (w *wallet) ending(now time.Time) bool {
	return w.alive(now) && w.rec.Refresh != "" && !now.Before(w.rec.ends(w.tenant().RefreshTokenLifetime).Add(-warnBefore))
}

// turn begins a new epoch with rec, nil for none, and answers whoever waits
// for a token of the old one. It returns the refresh tokens that are left
// over. Under writing and mu.
func (w *wallet) turn(rec *record, revision uint64) (left []screenpop.Secret) {
	if w.rec != nil && w.rec.Refresh != "" {
		left = append(left, w.rec.Refresh)
	}
	if w.unsaved != nil && w.unsaved.RefreshToken != "" {
		left = append(left, w.unsaved.RefreshToken)
	}
	w.epoch++
	w.rec, w.revision, w.damaged, w.undeleted = rec, revision, false, false
	w.unsaved, w.backoff = nil, backoff{}
	w.tokenProblem, w.apiProblem, w.noSave = "", "", false
	if w.endQuestions != nil {
		w.endQuestions()
		w.endQuestions = nil
	}
	if f := w.flight; f != nil {
		w.flight = nil
		if rec != nil {
			f.land(rec.Access, nil)
		} else {
			f.land("", screenpop.ErrNotPaired)
		}
	}
	return left
}

// errSuperseded: the agent has paired anew or unpaired meanwhile.
var errSuperseded = errors.New("the pairing has been replaced meanwhile")

// storeTimeout bounds the wait for other writers, not the write itself.
const storeTimeout = 10 * time.Second

// commit saves a change of the record of an epoch, and shows it once it is
// saved. It takes no context: what it saves must not be lost because somebody
// has stopped waiting.
func (k *Keeper) commit(w *wallet, epoch uint64, change func(*record)) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	if w.epoch != epoch || w.rec == nil {
		w.mu.Unlock()
		return errSuperseded
	}
	rec, revision := *w.rec, w.revision
	w.mu.Unlock()

	change(&rec)
	revision, err := k.save(w.id, rec, revision)
	if errors.Is(err, errForeign) {
		k.takeOver(w, epoch)
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.rec, w.revision = &rec, revision
	w.mu.Unlock()
	k.stir()
	return nil
}

// save writes rec over the record at a revision. The wallet's lock keeps other
// writers away, so a conflict can only mean that an earlier write of our own
// arrived after all, though the store reported an error: then the revision is
// looked up and the write done over it. Where several daemons share the store it
// can be another's write as well, which stays: see errForeign.
func (k *Keeper) save(id screenpop.AgentID, rec record, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	b, err := rec.encode()
	if err != nil {
		return 0, err
	}
	now, err := k.store.CompareAndSet(ctx, pathOf(id), b, revision)
	if !errors.Is(err, vault.ErrConflict) {
		return now, err
	}
	stored, revision, err := k.store.Get(ctx, pathOf(id))
	switch {
	case err != nil:
		return 0, err
	case k.instance != "" && bytes.Equal(stored, b):
		return revision, nil // it is the one that arrived
	case k.instance != "":
		return 0, errForeign
	}
	return k.store.CompareAndSet(ctx, pathOf(id), b, revision)
}
