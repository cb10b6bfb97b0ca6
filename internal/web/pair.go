package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

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
		return pairError("begin pairing", err)
	}
	return writeJSON(w, map[string]string{"authorize_url": authorizeURL})
}

// unpair ends a pairing: DELETE /api/pair.
func (s *Server) unpair(w http.ResponseWriter, r *http.Request) error {
	_, agent, err := s.own(r)
	if err != nil {
		return err
	}
	ctx, cancel := unhurried(r)
	defer cancel()
	revoked, err := s.pairings.Unpair(ctx, agent.AgentID)
	if err != nil {
		return pairError("unpair", err)
	}
	s.screens.EndAll(agent.AgentID)
	return writeJSON(w, map[string]bool{"revoked": revoked})
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
	paired, pairing, err := s.pairings.Finish(ctx, se.ID, r.URL.Query())
	if err != nil {
		return pairError("finish pairing", err)
	}
	if paired != agent.AgentID {
		return failed("finish pairing", fmt.Errorf("a session of %s paired %s", agent.AgentID, paired))
	}
	s.log.Info("agent paired", "agent", agent.AgentID, "request_id", requestID(r.Context()))
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
	if !slices.Contains([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusBadGateway}, status) {
		status = http.StatusBadGateway
	}
	return &HTTPError{Status: status, Msg: sentence, Err: fmt.Errorf("%s: %w", doing, err)}
}
