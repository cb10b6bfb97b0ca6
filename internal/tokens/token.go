package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// enough is what an access token has to live yet to be handed out while its
// successor is fetched: the longest look-up and a little more.
const enough = 10 * time.Second

// Token returns an access token of the agent's that has not ended. It is Use for
// whoever does not ask how the token stood.
func (k *Keeper) Token(ctx context.Context, agent screenpop.AgentID) (screenpop.Secret, error) {
	token, _, err := k.Use(ctx, agent)
	return token, err
}

// Use returns an access token of the agent's that has not ended, and how it
// stood. One that ends within a minute is replaced on the side; for one that has
// ended, all callers wait for the same single token request, which goes on when a
// caller gives up. It returns ErrNotPaired when the agent is not paired or the
// authorisation has ended, ErrUnavailable or ErrRefused when there is no token
// to be had, also at once while a failed request is backing off, and
// ErrTooLate when ctx ends first; all of package screenpop, wrapped.
func (k *Keeper) Use(ctx context.Context, agent screenpop.AgentID) (screenpop.Secret, screenpop.TokenState, error) {
	w := k.wallet(agent)
	if w == nil {
		return "", screenpop.TokenUnpaired, screenpop.ErrNotPaired
	}
	w.mu.Lock()
	now := k.now()
	if !w.alive(now) {
		state := w.endedAs()
		w.mu.Unlock()
		return "", state, screenpop.ErrNotPaired
	}
	rec := w.rec
	if rec.usable(now) && (!rec.due(now) || rec.Refresh == "") {
		w.mu.Unlock()
		return rec.Access, screenpop.TokenFresh, nil
	}
	f, err := w.flight, w.holdsBack(w.backoff.blocked(now))
	if f == nil && err == nil {
		f, err = k.depart(w, demand)
	}
	w.mu.Unlock()

	if errors.Is(err, screenpop.ErrRefused) {
		k.announce(w)
	}
	if rec.usable(now) && (err != nil || rec.Expiry.Sub(now) >= enough) {
		return rec.Access, screenpop.TokenFresh, nil
	}
	if err != nil {
		return "", screenpop.TokenNotRefreshed, err
	}
	token, err := f.wait(ctx)
	switch {
	case err == nil:
		return token, screenpop.TokenRefreshed, nil
	case errors.Is(err, screenpop.ErrNotPaired):
		return token, screenpop.TokenExpired, err
	case rec.usable(k.now()):
		return rec.Access, screenpop.TokenFresh, nil
	}
	return token, screenpop.TokenNotRefreshed, err
}

// Renew returns a token other than stale, which Smokeball has refused though
// it has not ended. When somebody has fetched one since, it is that one;
// otherwise one is fetched for all callers, unless a token request has failed
// within the last second. The errors are those of Use.
func (k *Keeper) Renew(ctx context.Context, agent screenpop.AgentID, stale screenpop.Secret) (screenpop.Secret, error) {
	w := k.wallet(agent)
	if w == nil {
		return "", screenpop.ErrNotPaired
	}
	w.mu.Lock()
	now := k.now()
	if !w.alive(now) {
		w.mu.Unlock()
		return "", screenpop.ErrNotPaired
	}
	if w.rec.Access != stale && w.rec.usable(now) {
		defer w.mu.Unlock()
		return w.rec.Access, nil
	}
	f, err := w.flight, w.holdsBack(w.backoff.justFailed(now))
	if f == nil && err == nil {
		f, err = k.depart(w, renewal)
	}
	w.mu.Unlock()
	if f == nil {
		if errors.Is(err, screenpop.ErrRefused) {
			k.announce(w)
		}
		return "", err
	}
	return f.wait(ctx)
}

// Refused tells that Smokeball's API refuses the agent though the token was
// new: the pairing asks for attention, with the problem as its sentence, until
// Accepted, a token somebody had to wait for, or a new pairing.
func (k *Keeper) Refused(agent screenpop.AgentID, problem string) {
	k.setAPIProblem(agent, problem)
}

// Accepted tells that Smokeball's API has answered the agent. It is cheap
// where there was no problem.
func (k *Keeper) Accepted(agent screenpop.AgentID) { k.setAPIProblem(agent, "") }

func (k *Keeper) setAPIProblem(agent screenpop.AgentID, problem string) {
	w := k.wallet(agent)
	if w == nil {
		return
	}
	w.mu.Lock()
	if problem == "" {
		w.recent.Used = k.now()
	} else {
		w.failed(k.now(), problem)
	}
	changed := w.rec != nil && w.apiProblem != problem
	if changed {
		w.apiProblem = problem
	}
	w.mu.Unlock()
	if changed {
		k.announce(w)
	}
}

// cause is who began a refresh.
type cause int

const (
	demand  cause = iota // somebody needs a token
	renewal              // the API has refused the token there was
	timer                // nobody waits
)

// flight is one refresh under way and what comes of it.
type flight struct {
	epoch uint64
	by    cause
	probe bool // it finds out for its tenant; under the gate's mu

	// Of the flight itself: whether the server was asked, the code it refused
	// with and what pause it asked for.
	asked   bool
	storing atomic.Bool // it is at the store that several daemons share, before asking
	code    string
	pause   time.Duration

	landed chan struct{}
	token  screenpop.Secret
	err    error
}

// land ends the wait of all callers. Under the wallet's mu, once.
func (f *flight) land(token screenpop.Secret, err error) {
	f.token, f.err = token, err
	close(f.landed)
}

func (f *flight) wait(ctx context.Context) (screenpop.Secret, error) {
	select {
	case <-f.landed:
		return f.token, f.err
	default:
	}
	select {
	case <-f.landed:
		return f.token, f.err
	case <-ctx.Done():
		if f.storing.Load() && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", screenpop.ErrStoreAway
		}
		return "", fmt.Errorf("%w: waiting for a token: %w", screenpop.ErrTooLate, ctx.Err())
	}
}
