package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// What an admin does to an agent is done here, whichever way it was asked for.
// It is in the audit log with the admin's reason, whatever comes of it, and the
// agent's pages tell the reason.

// forced is an admin's action: by whom, and why.
type forced struct {
	by     audit.Actor
	reason string
}

// forceSignOut ends all of an agent's sessions, and the invites that would begin
// new ones; or the one session of that handle. It returns how many it has ended.
func (s *Server) forceSignOut(r *http.Request, f forced, agent screenpop.AgentID, handle string) (ended int, err error) {
	event := audit.SignOut{Agent: agent, Cause: audit.SignedOut}
	defer func() {
		event.Sessions = ended
		s.recordEntry(r, audit.Entry{By: f.by, Reason: f.reason, Event: event}, err)
	}()
	reason := audit.CleanReason(f.reason)
	if handle != "" {
		se, err := s.endByHandle(r, agent, handle, CloseEndedByAdmin, reason)
		if err != nil {
			return 0, err
		}
		event.Session, event.Device = se.handle(), se.Device
		return 1, nil
	}
	theirs, err := s.sessions.of(r.Context(), agent)
	errs := []error{err, s.invites.withdraw(r.Context(), agent)}
	for _, se := range theirs {
		err := s.sessions.end(r.Context(), se.ID)
		if err == nil {
			ended++
		}
		errs = append(errs, err)
	}
	if reason != "" {
		s.screens.Explain(agent, "", reason)
	}
	s.screens.CloseAgent(agent, CloseEndedByAdmin)
	s.screens.Forget(agent)
	if err := errors.Join(errs...); err != nil {
		return ended, failed("sign out", err)
	}
	return ended, nil
}

// forceUnpair ends an agent's pairing.
func (s *Server) forceUnpair(r *http.Request, f forced, agent screenpop.AgentID) (audit.Unpair, error) {
	done, err := s.endPairing(r, audit.Entry{By: f.by, Reason: f.reason}, agent)
	if reason := audit.CleanReason(f.reason); err == nil && done.WasPaired && reason != "" {
		s.screens.TellUnpaired(agent, fmt.Sprintf(msgUnpairedBy, strings.TrimRight(reason, ". ")))
	}
	return done, err
}

const msgUnpairedBy = "Your administrator has ended your pairing with Smokeball: %s."

// makeInvite makes a link that signs an agent's browser in.
func (s *Server) makeInvite(r *http.Request, by audit.Actor, agent screenpop.AgentID) (made inviteLink, err error) {
	made.AgentID = agent
	defer func() { s.record(r, by, audit.Invite{Agent: agent, Expires: made.Expires}, err) }()
	token, expires, err := s.invites.make(r.Context(), agent)
	if err != nil {
		return made, failed("invite", err)
	}
	made.URL, made.Expires = s.origin.url+"/join#"+token, expires
	return made, nil
}
