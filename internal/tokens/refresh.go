package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/vault"
)

// requestTimeout bounds one token request.
const requestTimeout = 10 * time.Second

// What the agent reads. Said once here, for tests and for one voice.
const (
	problemEnded     = "The authorisation at Smokeball has ended. Pair again."
	problemEnding    = "The authorisation at Smokeball ends in less than 5 days. Pair again to renew it."
	problemUnread    = "The saved authorisation cannot be read any more. Pair again."
	problemMisfit    = "The Smokeball user has another e-mail address than this extension. If this is not you, sign out of Smokeball and pair again."
	problemNoSave    = "smokepop cannot save to its disk at the moment, so the authorisation is not renewed. The administrator has to make room."
	problemUndeleted = "smokepop no longer uses this authorisation and cannot delete it from its disk at the moment; it tries again. The administrator has to make room."
	problemMisknown  = "Smokeball does not accept this installation's client id or secret. The administrator has to correct them."
)

// depart begins a refresh for whoever waits, unless its tenant has to wait.
// Under w.mu.
func (k *Keeper) depart(w *wallet, by cause) (*flight, error) {
	if by == timer && k.onDemand {
		return nil, errTimerWaits
	}
	if !k.enter() {
		return nil, fmt.Errorf("%w: smokepop is stopping", screenpop.ErrUnavailable)
	}
	f := &flight{epoch: w.epoch, by: by, landed: make(chan struct{})}
	if err := w.gate.enter(f, k.now()); err != nil {
		k.outstanding.Done()
		if errors.Is(err, screenpop.ErrRefused) {
			w.tokenProblem = problemMisknown
		}
		return nil, err
	}
	w.flight = f
	go func() {
		defer k.outstanding.Done()
		k.fly(w, f)
	}()
	return f, nil
}

// fly refreshes the token and tells everybody who waits.
func (k *Keeper) fly(w *wallet, f *flight) {
	token, outcome, err := k.refresh(w, f)
	k.metrics.refreshes.WithLabelValues(string(outcome)).Inc()
	now := k.now()
	recovered := w.gate.leave(f, outcome, now, err)
	defer k.stir()

	w.mu.Lock()
	mine := w.flight == f
	if mine {
		w.flight = nil
		w.noSave = outcome == outcomeUnsaved
		if problem, failed := failures[outcome]; failed {
			w.failed(now, problem)
		}
		switch outcome {
		case outcomeRefreshed:
			w.backoff, w.tokenProblem = backoff{}, ""
			if f.by == demand {
				w.apiProblem = ""
			}
		case outcomeExpired:
			w.backoff, w.tokenProblem, w.apiProblem = backoff{}, "", ""
		case outcomeRefused:
			w.tokenProblem = problemMisknown
			w.backoff.failed(now, err, f.pause)
		default:
			if errors.Is(err, errReserved) {
				w.backoff = backoff{} // nothing has failed
			}
			w.backoff.failed(now, err, f.pause)
		}
		f.land(token, err)
	}
	w.mu.Unlock()
	if recovered {
		k.recover(w.gate)
	}
	if !mine {
		return
	}
	k.announce(w)
	if outcome == outcomeRefreshed {
		k.learnAccount(w, f.epoch)
	}
}

// refresh gets a token that is saved before it is returned.
func (k *Keeper) refresh(w *wallet, f *flight) (screenpop.Secret, outcome, error) {
	epoch := f.epoch
	w.mu.Lock()
	if w.epoch != epoch {
		w.mu.Unlock()
		return "", outcomeDiscarded, screenpop.ErrNotPaired
	}
	rec, unsaved, at := w.rec, w.unsaved, w.unsavedAt
	w.mu.Unlock()

	if unsaved != nil {
		token, outcome, err := k.bank(w, epoch, *unsaved, at)
		if outcome != outcomeUnavailable {
			return token, outcome, err
		}
		// It was saved and its access token has ended meanwhile.
		w.mu.Lock()
		if w.epoch == epoch {
			rec = w.rec
		}
		w.mu.Unlock()
	}
	f.storing.Store(k.instance != "")
	pause, err := k.reserved(w, epoch)
	if err != nil {
		f.pause = min(pause, time.Second) // it may be here at any moment
		return "", outcomeUnavailable, err
	}
	w.mu.Lock()
	if w.epoch != epoch {
		w.mu.Unlock()
		return "", outcomeDiscarded, screenpop.ErrNotPaired
	}
	brought := w.rec.Access != rec.Access && w.rec.usable(k.now()) // by another daemon
	rec = w.rec
	w.mu.Unlock()
	if brought {
		return rec.Access, outcomeRefreshed, nil
	}
	if rec.Refresh == "" {
		return k.over(w, epoch)
	}
	// This write is what shows that the store will take the answer.
	noted := k.now()
	if err := k.commit(w, epoch, func(r *record) { r.Asked, r.By = noted, k.instance }); err != nil {
		return k.unstored(w, err)
	}
	if k.tooLate(noted) {
		f.pause = time.Second
		return "", outcomeUnavailable, fmt.Errorf("%w: %w", screenpop.ErrUnavailable, errStoodStill)
	}
	f.storing.Store(false)
	f.asked = true
	grant, err := k.ask(w, rec.Refresh)
	if kindOf(err) == smokeball.InvalidGrant {
		other, e := k.adopt(w, epoch, rec.Refresh)
		if e != nil {
			return k.unstored(w, e)
		}
		if other != nil {
			rec = other
			grant, err = k.ask(w, rec.Refresh)
		}
	}
	f.pause = pauseOf(err)
	f.code, _ = refusalOf(err)
	switch {
	case err == nil:
		return k.bank(w, epoch, grant, k.now())
	case kindOf(err) == smokeball.InvalidGrant:
		k.logEnd(w, rec)
		return k.over(w, epoch)
	case kindOf(err) == smokeball.Misconfigured:
		k.alarm(w.gate, err)
		return "", outcomeRefused, fmt.Errorf("%w: the token endpoint does not know this client", screenpop.ErrRefused)
	}
	k.logFailure(w, err)
	if grant.RefreshToken != "" {
		// The answer is useless but for a new refresh token, and the one
		// before it may be dead.
		if token, outcome, err := k.bank(w, epoch, grant, k.now()); outcome == outcomeUnsaved || outcome == outcomeDiscarded {
			return token, outcome, err
		}
	}
	return "", outcomeUnavailable, fmt.Errorf("%w: no token to be had", screenpop.ErrUnavailable)
}

// adopt reads the stored record again, once the refresh token refused has been
// refused, and takes it over where it holds another one: somebody has put it
// there, a second writer of the backend say. It returns that record, noted as
// asked for; nil when there is none but ours. From then on the wallet's record is
// that one: an answer that leaves the refresh token as it is, as Smokeball's
// does, must not bring the refused one back.
func (k *Keeper) adopt(w *wallet, epoch uint64, refused screenpop.Secret) (*record, error) {
	w.writing.Lock()
	stored, revision, err := k.read(context.Background(), w.id)
	if err != nil || stored == nil || stored.Refresh == "" || stored.Refresh == refused {
		w.writing.Unlock()
		return nil, nil
	}
	if k.askedElsewhere(stored) > 0 {
		w.writing.Unlock()
		return nil, fmt.Errorf("%w, and asks for a token just now", errForeign)
	}
	w.mu.Lock()
	superseded := w.epoch != epoch
	if !superseded {
		w.rec, w.revision = stored, revision
	}
	w.mu.Unlock()
	w.writing.Unlock()
	if superseded {
		return nil, errSuperseded
	}
	return stored, k.commit(w, epoch, func(r *record) { r.Asked, r.By = k.now(), k.instance })
}

func (k *Keeper) ask(w *wallet, refresh screenpop.Secret) (smokeball.Grant, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	return w.tenant().OAuth.Refresh(ctx, refresh.Reveal())
}

// bank saves a grant that came at a time and returns its token. A grant that
// cannot be saved is kept aside, and revoked where the agent has unpaired
// meanwhile.
func (k *Keeper) bank(w *wallet, epoch uint64, grant smokeball.Grant, at time.Time) (screenpop.Secret, outcome, error) {
	var saved record
	err := k.commit(w, epoch, func(r *record) {
		r.take(grant, at)
		saved = *r
	})
	if errors.Is(err, errSuperseded) {
		k.revokeLeft(w, grant.RefreshToken)
		return "", outcomeDiscarded, screenpop.ErrNotPaired
	}
	if errors.Is(err, errForeign) { // and what is stored holds: revoking would end it
		return "", outcomeUnavailable, fmt.Errorf("%w: %w", screenpop.ErrUnavailable, err)
	}
	w.mu.Lock()
	if w.epoch == epoch {
		w.unsaved, w.unsavedAt = nil, time.Time{}
		if err != nil {
			w.unsaved, w.unsavedAt = &grant, at
		}
	}
	w.mu.Unlock()
	if err != nil {
		return k.unstored(w, err)
	}
	if !saved.usable(k.now()) {
		return "", outcomeUnavailable, fmt.Errorf("%w: the token it gave has ended already", screenpop.ErrUnavailable)
	}
	return saved.Access, outcomeRefreshed, nil
}

// over ends the authorisation for good. When even that cannot be saved the
// agent sees it all the same; after a restart Smokeball would say it again.
func (k *Keeper) over(w *wallet, epoch uint64) (screenpop.Secret, outcome, error) {
	ended := k.now()
	err := k.commit(w, epoch, func(r *record) { r.end(ended) })
	if err != nil && !errors.Is(err, errSuperseded) {
		k.log.Error("cannot save that an authorisation has ended", "agent", w.id, "err", err)
		w.mu.Lock()
		if w.epoch == epoch {
			rec := *w.rec
			rec.end(ended)
			w.rec = &rec
		}
		w.mu.Unlock()
	}
	return "", outcomeExpired, screenpop.ErrNotPaired
}

func (k *Keeper) unstored(w *wallet, err error) (screenpop.Secret, outcome, error) {
	if errors.Is(err, errSuperseded) {
		return "", outcomeDiscarded, screenpop.ErrNotPaired
	}
	if errors.Is(err, errForeign) {
		return "", outcomeUnavailable, fmt.Errorf("%w: %w", screenpop.ErrUnavailable, err)
	}
	k.logUnsaved(w, err)
	if errors.Is(err, vault.ErrAway) {
		return "", outcomeUnsaved, fmt.Errorf("%w: tokens cannot be saved", screenpop.ErrStoreAway)
	}
	return "", outcomeUnsaved, fmt.Errorf("%w: tokens cannot be saved", screenpop.ErrUnavailable)
}

// kindOf returns what the authorisation server meant.
func kindOf(err error) smokeball.ErrorKind {
	var e *smokeball.OAuthError
	if errors.As(err, &e) {
		return e.Kind
	}
	return smokeball.Temporary
}

// pauseOf returns how long the server asked to be left alone.
func pauseOf(err error) time.Duration {
	var e *smokeball.OAuthError
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// logEnd logs that Smokeball has ended an authorisation, and what rec, as it
// was before the request, tells of the reason.
func (k *Keeper) logEnd(w *wallet, rec *record) {
	if rec.Asked.IsZero() {
		k.log.Info("Smokeball has ended an authorisation; the agent has to pair again", "agent", w.id)
		return
	}
	k.log.Warn("Smokeball has ended an authorisation, and the answer to an earlier refresh was lost: it may have replaced the refresh token. The agent has to pair again",
		"agent", w.id, "asked", rec.Asked)
}
