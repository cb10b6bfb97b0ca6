package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// A code is good for one try: once begun, pairing and unpairing go on although
// the browser may have gone.
const pairTime = 25 * time.Second

func unhurried(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), pairTime)
}

// pair begins pairing: POST /api/pair.
func (s *Server) pair(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	authorizeURL, err := s.pairings.Begin(r.Context(), agent.AgentID, se.ID)
	if err != nil {
		err = pairError("begin pairing", err)
	}
	s.record(r, asAgent(se, agent.AgentID), audit.PairBegin{Agent: agent.AgentID}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]string{"authorize_url": authorizeURL})
}

// unpair ends a pairing: DELETE /api/pair.
func (s *Server) unpair(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	done, err := s.endPairing(r, audit.Entry{By: asAgent(se, agent.AgentID)}, agent.AgentID)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]bool{"revoked": done.Revoked})
}

// endPairing unpairs an agent and records it, with who and why of e.
func (s *Server) endPairing(r *http.Request, e audit.Entry, agent screenpop.AgentID) (done audit.Unpair, err error) {
	ctx, cancel := unhurried(r)
	defer cancel()
	done = audit.Unpair{Agent: agent, WasPaired: s.pairings.Pairing(agent).State != screenpop.Unpaired}
	if done.Revoked, err = s.pairings.Unpair(ctx, agent); err != nil {
		err = pairError("unpair", err)
	} else {
		s.screens.EndAll(agent)
	}
	e.Event = done
	s.recordEntry(r, e, err)
	return done, err
}

// callback finishes pairing in the window that was at Smokeball: GET
// /pair/callback. Its errors are pages, not problem documents.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.signed(r)
	if err != nil {
		var he *HTTPError
		if errors.As(err, &he) && he.Status == http.StatusUnauthorized {
			return refuse(http.StatusForbidden, "This browser is not signed in to smokepop, so nothing was paired. Sign in and pair from there.")
		}
		return err
	}
	ctx, cancel := unhurried(r)
	defer cancel()
	entry := audit.Entry{By: asAgent(se, agent.AgentID)}
	paired, pairing, err := s.pairings.Finish(ctx, se.ID, r.URL.Query())
	switch {
	case err != nil:
		var pp PairProblem
		if errors.As(err, &pp) {
			entry.Why = pp.PairProblemWord()
		}
		err = pairError("finish pairing", err)
	case paired != agent.AgentID:
		err = failed("finish pairing", fmt.Errorf("a session of %s paired %s", agent.AgentID, paired))
	}
	entry.Event = audit.Pair{Agent: agent.AgentID, Expires: pairing.Expires}
	s.recordEntry(r, entry, err)
	if err != nil {
		return err
	}
	s.page.paired(w, pairing.Account)
	return nil
}

// callbackFailed says why nothing was paired, and to whom it matters that an
// earlier pairing goes on.
func (s *Server) callbackFailed(w http.ResponseWriter, r *http.Request, he *HTTPError) {
	still, account := "", ""
	if _, agent, err := s.signed(r); err == nil {
		if p := s.pairings.Pairing(agent.AgentID); p.State == screenpop.Paired {
			account = p.Account
			still = "Nothing has changed: you are still paired" + as(account) + "."
		}
	}
	s.page.pairFailed(w, r, he, still, account)
}

// as names an account, if it is known.
func as(account string) string {
	if account == "" {
		return ""
	}
	return " as " + account
}

// pairError lets a PairProblem speak for itself.
func pairError(doing string, err error) error {
	var pp PairProblem
	if !errors.As(err, &pp) {
		return failed(doing, err)
	}
	status, sentence := pp.PairProblem()
	if isAway(err) {
		return &HTTPError{Status: http.StatusServiceUnavailable, Msg: sentence, Err: fmt.Errorf("%s: %w", doing, err), RetryAfter: StoreAwayTime}
	}
	if !slices.Contains([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusBadGateway}, status) {
		status = http.StatusBadGateway
	}
	return &HTTPError{Status: status, Msg: sentence, Err: fmt.Errorf("%s: %w", doing, err)}
}
