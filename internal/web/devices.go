package web

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

const msgNoSuchSession = "This device is signed out already."

// deviceRow is a session as people see it.
type deviceRow struct {
	ID       string    `json:"id"`
	Device   string    `json:"device"`
	Method   string    `json:"method"`
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	Address  string    `json:"address"`
	Screens  int       `json:"screens"`
}

func (s *Server) row(se session) deviceRow {
	row := deviceRow{
		ID: se.handle(), Device: se.Device, Method: se.Method, Created: se.Created, LastSeen: se.LastSeen, Address: se.Address,
		Screens: s.screens.SessionScreens(se.Agent, se.ID),
	}
	if row.Device == "" { // of a session that began before devices were noted
		row.Device = device("")
	}
	if row.Screens > 0 {
		row.LastSeen = s.now().UTC().Truncate(time.Second)
	}
	return row
}

// devices lists the agent's sessions: GET /api/sessions.
func (s *Server) devices(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.signed(r)
	if err != nil {
		return err
	}
	all, err := s.sessions.of(r.Context(), agent.AgentID)
	if err != nil {
		return failed("list sessions", err)
	}
	latestFirst(all)
	type row struct {
		deviceRow
		Current bool `json:"current"`
	}
	rows := []row{}
	for _, each := range all {
		rows = append(rows, row{s.row(each), each.ID == se.ID})
	}
	return writeJSON(w, map[string]any{"sessions": rows})
}

// endDevice ends one of the agent's own sessions: DELETE /api/sessions/{id}.
func (s *Server) endDevice(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	ended, err := s.endByHandle(r, agent.AgentID, chi.URLParam(r, "id"), CloseSignedOut, "")
	event := audit.SignOut{Agent: agent.AgentID, Cause: audit.SignedOut}
	if err == nil {
		event = signOutOf(ended, audit.SignedOut)
	}
	s.record(r, asAgent(se, agent.AgentID), event, err)
	if err != nil {
		return err
	}
	if ended.ID == se.ID {
		s.setCookie(w, "", 0)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endByHandle ends one of an agent's sessions. reason is told to its screens.
func (s *Server) endByHandle(r *http.Request, agent screenpop.AgentID, handle string, code int, reason string) (session, error) {
	all, err := s.sessions.of(r.Context(), agent)
	if err != nil {
		return session{}, failed("list sessions", err)
	}
	for _, se := range all {
		if se.handle() != handle {
			continue
		}
		if err := s.sessions.end(r.Context(), se.ID); err != nil {
			return session{}, failed("end a session", err)
		}
		if reason != "" {
			s.screens.Explain(agent, se.ID, reason)
		}
		s.ended(r.Context(), se, code)
		return se, nil
	}
	return session{}, refuse(http.StatusNotFound, msgNoSuchSession)
}

// adminSessions lists sessions: GET /v1/sessions.
func (s *Server) adminSessions(w http.ResponseWriter, r *http.Request) error {
	tenant, extension := named(r)
	seen := reachIn(r.Context())
	all, err := s.sessions.all(r.Context())
	if err != nil {
		return failed("list sessions", err)
	}
	latestFirst(all)
	type row struct {
		screenpop.AgentID
		deviceRow
		Nodes []string `json:"nodes,omitempty"` // where its screens are connected, of a cluster
	}
	rows := []row{}
	for _, se := range all {
		if seen.sees(se.Agent.Tenant) && (tenant == "" || se.Agent.Tenant == tenant) && (extension == "" || se.Agent.Extension == extension) && !s.sessions.over(se) {
			one := row{AgentID: se.Agent, deviceRow: s.row(se)}
			if s.nodes != nil {
				one.Nodes = s.nodes(se.Agent, se.ID)
			}
			rows = append(rows, one)
		}
	}
	return writeJSON(w, map[string]any{"sessions": rows})
}
