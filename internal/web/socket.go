package web

import (
	"context"
	"errors"
	"net/http"
)

// socket opens a screen: GET /ws. The browser always says where a websocket
// comes from, so that here nothing stands in for a missing Origin.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) error {
	if origins := r.Header["Origin"]; len(origins) != 1 || origins[0] != s.origin.url {
		return refuse(http.StatusForbidden, msgForeign)
	}
	if nonce := r.URL.Query().Get("knock"); nonce != "" && s.knocks.socketFor(nonce) {
		s.screens.Knock(w, r)
		return nil
	}
	ends := s.sessions.ends.Load()
	se, agent, err := s.watching(r)
	if err != nil {
		return err
	}
	// A session may end while its screen is being opened. Where none has ended
	// since it was read there is no need to read it again. A store that does not
	// answer in this moment ends none.
	valid := func() bool {
		if s.sessions.ends.Load() == ends {
			return true
		}
		_, err := s.sessions.get(context.WithoutCancel(r.Context()), se.ID)
		return !errors.Is(err, errNoSession)
	}
	s.screens.Serve(w, r, agent, se.ID, valid)
	return nil
}
