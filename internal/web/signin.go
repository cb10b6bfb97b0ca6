package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// What comes of an attempt to sign in; metric labels.
const (
	signedIn       = "signed-in"
	signInRefused  = "refused"
	tooManyGuesses = "limited"
	cannotTell     = "unavailable" // the PBX or the provider did not answer
)

// cookieLife only has to be longer than sessionIdle: the server decides when a
// session is over. 400 days is the longest browsers keep a cookie.
const cookieLife = 400 * 24 * time.Hour

const (
	msgNotSignedIn = "You are not signed in. Ask your administrator for an invite link."
	msgNoInvites   = "Invite links are turned off here. Sign in another way."
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
	return s.authenticate(r, s.cookieName(), s.sessions.find)
}

// authenticate returns the session that the cookie of a name stands for, and
// its agent.
func (s *Server) authenticate(r *http.Request, name string, find func(ctx context.Context, token string) (session, error)) (session, screenpop.Agent, error) {
	none := refuse(http.StatusUnauthorized, msgNotSignedIn)
	cookie, err := r.Cookie(name)
	if err != nil {
		return session{}, screenpop.Agent{}, none
	}
	se, err := find(r.Context(), cookie.Value)
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
	if err := s.sessions.seen(r.Context(), se, visitorOf(r, se.Method)); err != nil {
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

// signIn turns an invite, or an extension's password, into a session: POST
// /api/session.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	if !s.origin.sent(r) {
		err := refuse(http.StatusForbidden, msgForeign)
		s.recordSignIn(r, audit.SignIn{}, "foreign-page", err)
		return err
	}
	from := client(r)
	if wait := s.guesses.wait(from); wait > 0 {
		return s.limited(r, audit.SignIn{}, msgGuesses, wait)
	}
	var in struct {
		Invite string `json:"invite"`
		login
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	if in.Invite == "" && in.Password != "" {
		return s.signInByPassword(w, r, in.login)
	}
	tried := audit.SignIn{Method: byInvite}
	if s.noInvites {
		err := refuse(http.StatusForbidden, msgNoInvites)
		s.recordSignIn(r, tried, "turned-off", err)
		return err
	}
	whose, err := s.invites.use(r.Context(), in.Invite)
	id := whose.AgentID
	switch {
	case errors.Is(err, errNoInvite):
		s.guesses.wrong(from)
		return s.refused(r, tried, "no-such-invite", msgNoInvite)
	case err != nil:
		return failed("sign in", err)
	}
	if _, known := s.directory.Agent(id); !known {
		tried.Agent = id
		return s.refused(r, tried, "no-agent", msgNoAgent)
	}
	if err := s.begin(w, r, id, byInvite); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) refused(r *http.Request, tried audit.SignIn, why, sentence string) error {
	s.signIns.WithLabelValues(signInRefused).Inc()
	err := refuse(http.StatusForbidden, sentence)
	s.recordSignIn(r, tried, why, err)
	return err
}

func (s *Server) limited(r *http.Request, tried audit.SignIn, sentence string, wait time.Duration) error {
	s.signIns.WithLabelValues(tooManyGuesses).Inc()
	err := &HTTPError{Status: http.StatusTooManyRequests, Msg: sentence, RetryAfter: wait}
	s.recordSignIn(r, tried, "too-many-tries", err)
	return err
}

// recordSignIn records that somebody has tried to sign in, and why that came to
// nothing.
func (s *Server) recordSignIn(r *http.Request, tried audit.SignIn, why string, err error) {
	s.recordEntry(r, audit.Entry{By: visiting(r), Event: tried, Why: why}, err)
}

// begin signs the browser in as an agent who has shown who he or she is. A
// session the browser had so far ends.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, agent screenpop.AgentID, method string) error {
	token, err := s.sessions.add(r.Context(), holder{AgentID: agent}, visitorOf(r, method))
	event := audit.SignIn{Method: method, Agent: agent}
	if err != nil {
		err = failed("sign in", err)
		s.recordSignIn(r, event, "not-stored", err)
		return err
	}
	id, _ := hashed(token)
	by := asAgent(session{ID: id, visitor: visitorOf(r, method)}, agent)
	s.record(r, by, event, nil)
	s.endPrevious(r, by)
	s.trim(r, agent)
	s.signIns.WithLabelValues(signedIn).Inc()
	s.setCookie(w, token, cookieLife)
	return nil
}

func visitorOf(r *http.Request, method string) visitor {
	return visitor{Method: method, Device: device(r.UserAgent()), Address: address(r)}
}

// endPrevious ends the session that this browser had so far. The new one
// stands whether that works or not.
func (s *Server) endPrevious(r *http.Request, by audit.Actor) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return
	}
	id, ok := hashed(cookie.Value)
	if !ok {
		return
	}
	previous, err := s.sessions.get(r.Context(), id)
	if errors.Is(err, errNoSession) {
		return
	}
	if err == nil {
		err = s.sessions.end(r.Context(), id)
	}
	if err != nil {
		s.log.Warn("end the browser's previous session", "error", err)
		return
	}
	s.ended(r.Context(), previous, CloseSignedOut)
	s.record(r, by, signOutOf(previous, audit.Replaced), nil)
}

func (s *Server) trim(r *http.Request, agent screenpop.AgentID) {
	ended, err := s.sessions.trim(r.Context(), holder{AgentID: agent})
	if err != nil {
		s.log.Warn("end an agent's surplus sessions", "agent", agent, "error", err)
	}
	for _, se := range ended {
		s.ended(r.Context(), se, CloseSignedOut)
		s.record(r, audit.ByItself(audit.ActorDaemon), signOutOf(se, audit.Surplus), nil)
	}
}

// ended closes the screens of a session that has ended. Of an agent without any
// other, nothing is kept for the next page.
func (s *Server) ended(ctx context.Context, se session, code int) {
	s.screens.CloseSession(se.ID, code)
	left, err := s.sessions.of(ctx, se.Agent)
	if err == nil && len(left) == 0 && s.screens.Screens(se.Agent) == 0 {
		s.screens.Forget(se.Agent)
	}
}

// signOut ends this browser's session: DELETE /api/session.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	if err := s.sessions.end(r.Context(), se.ID); err != nil {
		err = failed("sign out", err)
		s.record(r, asAgent(se, agent.AgentID), signOutOf(se, audit.SignedOut), err)
		return err
	}
	s.ended(r.Context(), se, CloseSignedOut)
	s.record(r, asAgent(se, agent.AgentID), signOutOf(se, audit.SignedOut), nil)
	s.setCookie(w, "", 0)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// me tells the page who it is for: GET /api/me.
func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.watching(r)
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
	}{agent, s.pairings.Pairing(agent.AgentID), signIn{se.Method, se.Created}, s.dials.way(agent.Tenant)})
}
