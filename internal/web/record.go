package web

import (
	"errors"
	"net/http"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// record takes what a request has done, or what it was refused, into the audit
// log. The outcome is that of err.
func (s *Server) record(r *http.Request, by audit.Actor, event audit.Event, err error) {
	s.recordEntry(r, audit.Entry{By: by, Event: event}, err)
}

// recordEntry is record for an entry with a word of its own, such as a reason.
func (s *Server) recordEntry(r *http.Request, e audit.Entry, err error) {
	if e.Outcome == "" {
		e.Outcome = outcomeOf(err)
	}
	e.Client, e.Request = address(r), requestID(r.Context())
	s.audit.Record(r.Context(), e)
}

// outcomeOf is an answer's outcome in the audit log.
func outcomeOf(err error) audit.Outcome {
	var he *HTTPError
	switch {
	case err == nil:
		return audit.OK
	case !errors.As(err, &he), he.Status >= 500:
		return audit.Failed
	case he.Status == http.StatusTooManyRequests:
		return audit.Limited
	}
	return audit.Refused
}

// visiting is somebody in a browser that is not signed in.
func visiting(r *http.Request) audit.Actor { return audit.Nobody(device(r.UserAgent())) }

// asAgent is the agent in the browser of a session.
func asAgent(se session, agent screenpop.AgentID) audit.Actor {
	return audit.ByAgent(agent, se.handle(), se.Device)
}

// commanding is whoever is at the other end of the admin socket, or the admin
// whose page it is.
func commanding(r *http.Request) audit.Actor {
	by := audit.ActorIn(r.Context(), audit.ActorSocket)
	if by.Kind == audit.ActorSocket {
		by.Claimed = r.Header.Get(HeaderUser)
	}
	return by
}

// signOutOf is the end of one session.
func signOutOf(se session, cause audit.SignOutCause) audit.SignOut {
	return audit.SignOut{Agent: se.Agent, Session: se.handle(), Device: se.Device, Sessions: 1, Cause: cause}
}

// HeaderUser is how a command on the admin socket says who runs it, where the
// kernel tells of root only: the name of who has called sudo.
const HeaderUser = "Smokepop-User"
