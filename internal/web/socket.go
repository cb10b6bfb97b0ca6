package web

import "net/http"

// socket opens a screen: GET /ws. The browser always says where a websocket
// comes from, so that here nothing stands in for a missing Origin.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) error {
	if origins := r.Header["Origin"]; len(origins) != 1 || origins[0] != s.origin.url {
		return refuse(http.StatusForbidden, msgForeign)
	}
	se, agent, err := s.signed(r)
	if err != nil {
		return err
	}
	s.sessions.opened(se.ID)
	defer s.sessions.closed(se.ID)
	s.screens.Serve(w, r, agent, se.ID, s.pairings.Pairing(agent.AgentID))
	return nil
}
