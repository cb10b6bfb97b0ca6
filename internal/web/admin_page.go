package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// adminPath is where the admin page is.
const adminPath = "/admin"

// adminViews are the page's parts, each with an address of its own.
func adminViews() []string {
	return []string{"agents", "calls", "browsers", "numbers", "directory", "configuration", "try"}
}

// adminPage puts the admin page and what it asks for on the agents' listener. Its
// answers are those of the admin socket, as far as an admin reaches.
func (s *Server) adminPage(r chi.Router) {
	for _, path := range []string{adminPath, adminPath + "/{view}"} {
		r.Get(path, s.answer(s.adminDocument))
		r.Head(path, s.answer(s.adminDocument))
	}
	r.Get(adminSignOnPath, s.answerWith(s.beginAdminSignOn, s.signOnFailed))

	r.Get(adminAPI+"/sign-in", s.answer(s.adminWays))
	r.Post(adminSession, s.answer(s.adminSignIn))
	r.Delete(adminSession, s.forAdmin(s.adminSignsOut))
	r.Get(adminAPI+"/me", s.forAdmin(s.adminMe))
	r.Get(adminAPI+"/agents", s.forAdmin(s.adminAgents))
	r.Get(adminAPI+"/sessions", s.forAdmin(s.adminSessions))
	r.Get(adminAPI+"/trace", s.forAdminOn(s.adminTrace))
	r.Get(adminAPI+"/calls", s.forAdmin(s.adminCalls))
	r.Get(adminAPI+"/numbers", s.forAdminOn(s.adminNumbers))
	r.Post(adminAPI+"/dry-run", s.forAdmin(s.adminDryRun))
	r.Get(adminAPI+"/directory", s.forAdmin(s.adminDirectory))
	r.Post(adminAPI+"/directory/refresh", s.forAdmin(s.adminRefresh))
	r.Get(adminAPI+"/configuration", s.forAdmin(s.adminConfiguration))
	r.Post(adminAPI+"/invites", s.forAdmin(s.adminInvite))
	r.Post(adminAPI+"/sign-out", s.forAdmin(s.adminSignOut))
	r.Post(adminAPI+"/unpair", s.forAdmin(s.adminUnpair))
}

// adminDocument serves the page: it is the same for everybody, and what it shows
// comes later, as data.
func (s *Server) adminDocument(w http.ResponseWriter, r *http.Request) error {
	switch view := chi.URLParam(r, "view"); {
	case len(s.administration.Load().Admins) == 0:
		return refuse(http.StatusNotFound, msgNoAdmins)
	case view != "" && !slices.Contains(adminViews(), view):
		return refuse(http.StatusNotFound, "There is nothing at this address.")
	}
	s.page.serve("admin.html")(w, r)
	return nil
}

// recheckEvery is how often a session is looked at whose answer goes on and on.
const recheckEvery = time.Minute

// whileSigned answers a request with a context that ends when the session does,
// or the server stops: some answers have no end of their own.
func (s *Server) whileSigned(ctx context.Context, se session, answer func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer end()
		tick := time.NewTicker(recheckEvery)
		defer tick.Stop()
		for turned := s.adminTurn.next(); ; turned = s.adminTurn.next() {
			if s.adminTurn.over() || !s.stillSigned(ctx, se) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-turned:
			case <-tick.C:
			}
		}
	}()
	err := answer(ctx)
	end()
	<-watched
	return err
}

func (s *Server) stillSigned(ctx context.Context, se session) bool {
	now, err := s.signedAdmins.get(ctx, se.ID)
	_, known := s.administration.Load().admin(se.Admin)
	return err == nil && known && !s.signedAdmins.over(now)
}

// EndStreams ends the answers that have no end of their own, for a server that
// stops.
func (s *Server) EndStreams() { s.adminTurn.end() }

// turn tells everybody who waits that something has changed.
type turn struct {
	mu    sync.Mutex
	ch    chan struct{}
	ended bool
}

// next is closed at the next change.
func (t *turn) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ch == nil {
		t.ch = make(chan struct{})
	}
	return t.ch
}

func (t *turn) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ch != nil {
		close(t.ch)
		t.ch = nil
	}
}

// end tells once more, and that there is nothing to come.
func (t *turn) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.tell()
}

func (t *turn) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}
