package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// What comes of an invite that a browser presents; metric labels.
const (
	signedIn       = "signed-in"
	inviteRefused  = "refused"
	tooManyGuesses = "limited"
)

// cookieLife only has to be longer than sessionIdle: the server decides when a
// session is over. 400 days is the longest browsers keep a cookie.
const cookieLife = 400 * 24 * time.Hour

const (
	msgNotSignedIn = "You are not signed in. Ask your administrator for an invite link."
	msgForeign     = "This request did not come from smokepop's own page."
	msgNoInvite    = "This invite link is not valid any more: it works once and within 24 hours. Ask your administrator for a new one."
	msgGuesses     = "Too many invite links that are not valid came from your network. Wait a moment and try again."
	msgNoAgent     = "Your extension is not set up for smokepop any more. Ask your administrator."
)

func (s *Server) cookieName() string {
	if s.origin.secure {
		return "__Host-smokepop"
	}
	return "smokepop"
}

func (s *Server) setCookie(w http.ResponseWriter, token string, life time.Duration) {
	maxAge := int(life.Seconds())
	if token == "" {
		maxAge = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: token, Path: "/", MaxAge: maxAge,
		Secure: s.origin.secure, HttpOnly: true,
		// Lax and not Strict: Smokeball sends the browser back to the pairing's
		// callback, and there the cookie has to come along.
		SameSite: http.SameSiteLaxMode,
	})
}

// signed returns the session and the agent of a request, or the error that
// says 401.
func (s *Server) signed(r *http.Request) (session, screenpop.Agent, error) {
	none := refuse(http.StatusUnauthorized, msgNotSignedIn)
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return session{}, screenpop.Agent{}, none
	}
	se, err := s.sessions.find(r.Context(), cookie.Value)
	switch {
	case errors.Is(err, errNoSession):
		return session{}, screenpop.Agent{}, none
	case err != nil:
		return session{}, screenpop.Agent{}, failed("authenticate", err)
	}
	agent, known := s.directory.Agent(se.Agent)
	if !known {
		return session{}, screenpop.Agent{}, none
	}
	if err := s.sessions.seen(r.Context(), se); err != nil {
		s.log.Warn("authenticate", "agent", se.Agent, "error", err)
	}
	return se, agent, nil
}

// own returns the session and the agent of a request that may change
// something: it has to come from our own page.
func (s *Server) own(r *http.Request) (session, screenpop.Agent, error) {
	if !s.origin.sent(r) {
		return session{}, screenpop.Agent{}, refuse(http.StatusForbidden, msgForeign)
	}
	return s.signed(r)
}

// signIn turns an invite into a session: POST /api/session.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	if !s.origin.sent(r) {
		return refuse(http.StatusForbidden, msgForeign)
	}
	from := client(r)
	if wait := s.guesses.wait(from); wait > 0 {
		s.signIns.WithLabelValues(tooManyGuesses).Inc()
		return &HTTPError{Status: http.StatusTooManyRequests, Msg: msgGuesses, RetryAfter: wait}
	}
	var in struct {
		Invite string `json:"invite"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	id, err := s.invites.use(r.Context(), in.Invite)
	switch {
	case errors.Is(err, errNoInvite):
		s.guesses.wrong(from)
		s.signIns.WithLabelValues(inviteRefused).Inc()
		return refuse(http.StatusForbidden, msgNoInvite)
	case err != nil:
		return failed("sign in", err)
	}
	if _, known := s.directory.Agent(id); !known {
		s.signIns.WithLabelValues(inviteRefused).Inc()
		return refuse(http.StatusForbidden, msgNoAgent)
	}
	token, err := s.sessions.add(r.Context(), id)
	if err != nil {
		return failed("sign in", err)
	}
	s.endPrevious(r)
	s.trim(r, id)
	s.signIns.WithLabelValues(signedIn).Inc()
	s.log.Info("agent signed in", "agent", id, "request_id", requestID(r.Context()))
	s.setCookie(w, token, cookieLife)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endPrevious ends the session that this browser had so far. The new one
// stands whether that works or not.
func (s *Server) endPrevious(r *http.Request) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return
	}
	id, ok := hashed(cookie.Value)
	if !ok {
		return
	}
	if err := s.sessions.end(r.Context(), id); err != nil {
		s.log.Warn("end the browser's previous session", "error", err)
		return
	}
	s.screens.CloseSession(id, CloseSignedOut)
}

func (s *Server) trim(r *http.Request, agent screenpop.AgentID) {
	ended, err := s.sessions.trim(r.Context(), agent)
	if err != nil {
		s.log.Warn("end an agent's surplus sessions", "agent", agent, "error", err)
	}
	for _, se := range ended {
		s.screens.CloseSession(se.ID, CloseSignedOut)
	}
}

// signOut ends this browser's session: DELETE /api/session.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	if err := s.sessions.end(r.Context(), se.ID); err != nil {
		return failed("sign out", err)
	}
	s.screens.CloseSession(se.ID, CloseSignedOut)
	s.log.Info("agent signed out", "agent", agent.AgentID, "request_id", requestID(r.Context()))
	s.setCookie(w, "", 0)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// me tells the page who it is for: GET /api/me.
func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.signed(r)
	if err != nil {
		return err
	}
	type signIn struct {
		Method string    `json:"method"`
		Since  time.Time `json:"since"`
	}
	return writeJSON(w, struct {
		Agent   screenpop.Agent   `json:"agent"`
		Pairing screenpop.Pairing `json:"pairing"`
		SignIn  signIn            `json:"sign_in"`
		Dial    DialWay           `json:"dial"`
	}{agent, s.pairings.Pairing(agent.AgentID), signIn{"invite", se.Created}, s.dials.way(agent.Tenant)})
}
