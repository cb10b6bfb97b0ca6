package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// framePath is where a frame hands in its ticket.
const framePath = "/api/embed/session"

const msgNoTicket = "This frame waited too long to be connected. Press its link once more."

// embedded serves what pages elsewhere have of us: a script, the document that
// it shows in a frame and, where such pages are allowed, the way into a frame
// on another site.
func (s *Server) embedded(r chi.Router) {
	frame := s.origin.inFrames(s.parents, s.page.serve("frame.html"))
	r.Get("/embed", frame)
	r.Head("/embed", frame)
	r.Get("/embed.js", s.loader)
	r.Head("/embed.js", s.loader)
	if len(s.parents) == 0 {
		return
	}
	r.Get("/embed/connect", s.connect)
	r.Post("/api/embed/ticket", s.answer(s.frameTicket))
	r.Post(framePath, s.answer(s.enterFrame))
}

// loader serves embed.js: GET /embed.js. Pages of any origin may load it: it
// has nobody's data in it.
func (s *Server) loader(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "no-cache")
	s.page.loader.serve(w, r)
}

// connect is the tab that a frame opens: GET /embed/connect. It is never in a
// frame itself.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	// It speaks to the frame that has opened it, which an opener policy would
	// put out of reach.
	w.Header().Set("Cross-Origin-Opener-Policy", "unsafe-none")
	s.page.serve("connect.html")(w, r)
}

// frameTicket makes a ticket for a frame of this browser: POST
// /api/embed/ticket, from a tab of its own.
func (s *Server) frameTicket(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	ticket := s.frames.ticket(se)
	s.record(r, asAgent(se, agent.AgentID), audit.Frame{Agent: agent.AgentID, Step: "ticket"}, nil)
	return writeJSON(w, map[string]string{"ticket": ticket})
}

// enterFrame turns a ticket into the cookie of a frame: POST
// /api/embed/session, from the frame.
func (s *Server) enterFrame(w http.ResponseWriter, r *http.Request) error {
	if !s.origin.sent(r) {
		return refuse(http.StatusForbidden, msgForeign)
	}
	var in struct {
		Ticket string `json:"ticket"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	token, se, err := s.frames.redeem(r.Context(), in.Ticket)
	switch {
	case errors.Is(err, errNoTicket):
		err = refuse(http.StatusForbidden, msgNoTicket)
		s.record(r, visiting(r), audit.Frame{Step: "connect"}, err)
		return err
	case err != nil:
		return failed("connect a frame", err)
	}
	s.record(r, asAgent(se, se.Agent), audit.Frame{Agent: se.Agent, Step: "connect"}, nil)
	http.SetCookie(w, &http.Cookie{
		Name: s.frameCookieName(), Value: token, Path: "/", MaxAge: int(sessionLife / time.Second), HttpOnly: true,
		// In a frame on another site browsers send nothing else. Partitioned: each
		// of these sites has a jar of its own, and no request from elsewhere
		// carries it. Such cookies are Secure, on loopback as well.
		SameSite: http.SameSiteNoneMode, Secure: true, Partitioned: true,
	})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) frameCookieName() string { return s.cookieName() + "-frame" }

// watching returns the session and the agent of a request that only looks: with
// the session's own cookie or that of a frame.
func (s *Server) watching(r *http.Request) (session, screenpop.Agent, error) {
	se, agent, err := s.signed(r)
	if err == nil || len(s.parents) == 0 {
		return se, agent, err
	}
	if _, noCookie := r.Cookie(s.frameCookieName()); noCookie != nil {
		return se, agent, err
	}
	return s.authenticate(r, s.frameCookieName(), s.frames.find)
}
