package tokens

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// ErrUnknownTenant: the agent's tenant is not configured.
var ErrUnknownTenant = errors.New("the tenant is not configured")

// Begin starts a pairing of the agent in a web session and returns where the
// browser has to go. The pairing is good for ten minutes and one Finish, by
// that session; a session has at most five under way, of which the oldest give
// way.
func (k *Keeper) Begin(_ context.Context, agent screenpop.AgentID, session string) (string, error) {
	tenant := k.tenant(agent.Tenant)
	if tenant == nil {
		return "", fmt.Errorf("begin pairing: %w", ErrUnknownTenant)
	}
	state, verifier := random(), random()
	target := tenant.OAuth.AuthorizeURL(state, verifier)
	u, err := url.Parse(target)
	if err != nil {
		return "", errors.New("begin pairing: the authorisation server's address is no URL")
	}
	k.attempts.add(state, attempt{agent: agent, session: session, verifier: verifier, issuer: u.Host, begun: k.now()})
	return target, nil
}

// Finish ends a pairing with what the browser brought back from Smokeball: the
// code is exchanged, once, and the authorisation saved; then it counts and is
// announced. Who has signed in is found out afterwards and announced when it
// is known. The errors are *PairError. The exchange goes on when ctx ends: the
// code is spent by then.
func (k *Keeper) Finish(_ context.Context, session string, query url.Values) (screenpop.AgentID, screenpop.Pairing, error) {
	at, code, err := k.admit(session, query)
	if err != nil {
		return screenpop.AgentID{}, screenpop.Pairing{}, err
	}
	if !k.enter() {
		return at.agent, screenpop.Pairing{}, pairFail(PairFailed, "smokepop is stopping")
	}
	defer k.outstanding.Done()
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	w := k.newcomer(at.agent)
	if w == nil {
		return at.agent, screenpop.Pairing{}, pairFail(PairFailed, "the tenant is not configured any more")
	}
	w.mu.Lock()
	before := w.epoch
	w.mu.Unlock()
	grant, err := w.tenant().OAuth.Exchange(ctx, code, at.verifier)
	if err == nil && grant.AccessToken == "" {
		err = errors.New("smokeball gave no token")
	}
	if err != nil {
		if kindOf(err) == smokeball.Misconfigured {
			w.gate.refuse()
			k.alarm(w.gate, err)
		}
		k.revokeLater(w, grant.RefreshToken) // of an answer that is no good otherwise
		return at.agent, screenpop.Pairing{}, exchangeError(err)
	}
	if w.gate.accepted() {
		k.recover(w.gate)
	}
	epoch, err := k.settle(w, grant, before)
	if errors.Is(err, errSuperseded) {
		k.revokeLater(w, grant.RefreshToken)
		return at.agent, screenpop.Pairing{}, pairFail(PairStale, "the agent has unpaired meanwhile")
	}
	if err != nil {
		k.log.Error("cannot save a new authorisation", "agent", at.agent, "err", err)
		k.revokeLater(w, grant.RefreshToken)
		return at.agent, screenpop.Pairing{}, &PairError{Kind: PairUnsaved, Err: err}
	}
	k.announce(w)
	k.learnAccount(w, epoch)
	return at.agent, k.pairingOf(w), nil
}

// admit checks all that can be checked before Smokeball is asked. The state is
// used up by that, whatever comes of it.
func (k *Keeper) admit(session string, query url.Values) (attempt, string, error) {
	state, ok := one(query, "state")
	if !ok {
		return attempt{}, "", pairFail(PairIncomplete, "there is no state")
	}
	at, ok := k.attempts.take(state, k.now())
	if !ok {
		return attempt{}, "", pairFail(PairStale, "the state is unknown, used or too old")
	}
	if subtle.ConstantTimeCompare([]byte(at.session), []byte(session)) != 1 {
		return attempt{}, "", pairFail(PairOtherSession, "another session has begun it")
	}
	// RFC 9207. Smokeball does not send it today; an answer that names another
	// server than the one the browser was sent to is not an answer of that one.
	if query.Has("iss") {
		iss, ok := one(query, "iss")
		if u, err := url.Parse(iss); !ok || err != nil || !strings.EqualFold(u.Host, at.issuer) {
			return attempt{}, "", pairFail(PairRefused, "the answer comes from another server")
		}
	}
	if query.Has("error") {
		return attempt{}, "", deniedError(query.Get("error"))
	}
	code, ok := one(query, "code")
	if !ok {
		return attempt{}, "", pairFail(PairIncomplete, "there is no code")
	}
	return at, code, nil
}

// one returns a parameter that is there exactly once.
func one(query url.Values, name string) (string, bool) {
	v := query[name]
	if len(v) != 1 || v[0] == "" {
		return "", false
	}
	return v[0], true
}

// settle saves a new pairing over whatever was there and makes it count. An
// earlier grant that it replaces is revoked on the side. Where the agent has
// unpaired since the epoch before, in another tab say, that was the later word:
// it returns errSuperseded.
func (k *Keeper) settle(w *wallet, grant smokeball.Grant, before uint64) (epoch uint64, err error) {
	now := k.now()
	rec := record{Version: recordVersion, Paired: now, Granted: now}
	rec.take(grant, now)

	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	revision, unreadable, unpaired := w.revision, w.damaged, w.epoch != before && w.rec == nil
	w.mu.Unlock()
	if unpaired {
		return 0, errSuperseded
	}
	if unreadable {
		if err := k.erase(w.id); err != nil {
			return 0, err
		}
		revision = 0
	}
	if revision, err = k.save(w.id, rec, revision); err != nil {
		return 0, err
	}
	w.mu.Lock()
	left := w.turn(&rec, revision)
	epoch = w.epoch
	w.mu.Unlock()
	for _, token := range left {
		if token != rec.Refresh {
			k.revokeLater(w, token)
		}
	}
	k.stir()
	return epoch, nil
}

// deniedError sorts what the authorisation server put into the redirect.
func deniedError(code string) error {
	code = errorCode(code)
	kind := PairRefused
	switch code {
	case "access_denied":
		kind = PairDenied
	case "server_error", "temporarily_unavailable":
		kind = PairFailed
	}
	return pairFail(kind, "smokeball answers "+code)
}

// exchangeError sorts what the token endpoint answered. An invalid grant here
// is a code that is used, too old or not Smokeball's.
func exchangeError(err error) error {
	switch kindOf(err) {
	case smokeball.InvalidGrant, smokeball.Misconfigured:
		return &PairError{Kind: PairRefused, Err: err}
	}
	return &PairError{Kind: PairFailed, Err: err}
}
