package web

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Config is what a Server stands on. All but Dialler, Passwords, SignOn, Audit,
// Metrics and Now are required. Without a Dialler numbers are plain text; without
// Passwords or SignOn that way to sign in is off.
type Config struct {
	PublicURL string // where browsers reach us: scheme, host and port
	Directory Directory
	Store     Store
	Pairings  Pairings
	Usage     Usage // nil: nothing is known of it
	Screens   Screens
	// Nodes returns where in a cluster the screens of a session are connected, one for
	// each; nil: there is no cluster.
	Nodes    func(agent screenpop.AgentID, session string) []string
	Traces   Traces
	Doctor   Doctor
	Captures Captures
	Calls    Calls
	DryRuns  DryRuns
	Numbers  Numbers
	// Directories is for the admin's commands; Directory answers for agents.
	Directories Directories
	Vault       Vault
	Dialler     Dialler
	Settings    *Settings
	NoInvites   bool // agents may not sign in by invite link
	Passwords   Passwords
	SignOn      SignOn
	SignOnName  string // what the provider is called on the button
	// Parents are the origins whose pages may show calls in a frame, as browsers
	// write them.
	Parents []string
	// Administration says who may use the admin page.
	Administration Administration
	// Part: other daemons have this store too, and each has a part of the agents. Run
	// deletes their sessions, at a time of its own; one that has no part deletes the rest.
	Part bool
	// TellAdminsTurned tells other daemons with this store that an admin's session may
	// have ended here: they call AdminsTurned. nil: there are none.
	TellAdminsTurned func(context.Context)
	Configurations   Configurations
	Audit            audit.Recorder // nil: no record is kept
	Metrics          prometheus.Registerer
	Log              *slog.Logger
	Now              func() time.Time
}

// Server is the agents' side of HTTP and the admin API. Its handlers may be
// used at once; sessions and invites that are out of time are refused whether
// Run runs or not.
type Server struct {
	origin      origin
	directory   Directory
	pairings    Pairings
	screens     Screens
	nodes       func(agent screenpop.AgentID, session string) []string
	traces      Traces
	doctor      Doctor
	captures    Captures
	calls       Calls
	dryRuns     DryRuns
	numbers     numbers
	directories Directories
	vault       Vault
	audit       audit.Recorder
	log         *slog.Logger
	now         func() time.Time

	sessions *sessions
	frames   *frames
	parents  []string
	invites  *invites
	guesses  *guesses[netip.Prefix]
	signIns  *prometheus.CounterVec
	dials    *dials
	page     *page
	knocks   *knocks

	settings  *Settings
	noInvites bool
	passwords *passwords
	signOn    signOn

	bodyTime time.Duration // a request's body has to be here by then
	part     bool

	usage            Usage
	configurations   Configurations
	administration   atomic.Pointer[Administration]
	adminTurn        turn // when who is signed in as an admin may have changed
	tellAdminsTurned func(context.Context)
	signedAdmins     *sessions
	adminLinks       *invites
}

// New returns an error when PublicURL is not an origin, or is plain http
// beyond loopback.
func New(cfg Config) (*Server, error) {
	o, err := parseOrigin(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Audit == nil {
		cfg.Audit = audit.Discard
	}
	p, err := loadPage(o, cfg.Parents)
	if err != nil {
		return nil, err
	}
	s := &Server{
		origin: o, directory: cfg.Directory, pairings: cfg.Pairings, screens: cfg.Screens, traces: cfg.Traces, doctor: cfg.Doctor, captures: cfg.Captures, calls: cfg.Calls, dryRuns: cfg.DryRuns, numbers: numbers{of: cfg.Numbers}, directories: cfg.Directories, vault: cfg.Vault, audit: cfg.Audit,
		log: cfg.Log.With("component", "web"), now: cfg.Now,
		sessions: &sessions{sessionRules: agentSessions(), store: cfg.Store, now: cfg.Now, open: cfg.Screens.SessionScreens},
		invites:  &invites{cfg.Store, cfg.Now, invitePrefix, inviteLife},
		guesses:  newGuesses(cfg.Now),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "smokepop_sign_ins_total", Help: "Attempts to sign in, by what came of them.",
		}, []string{"outcome"}),
		dials:    newDials(cfg.Dialler, cfg.Now),
		page:     p,
		knocks:   newKnocks(cfg.Now),
		bodyTime: 5 * time.Second,

		settings: cfg.Settings, noInvites: cfg.NoInvites,
		passwords: newPasswords(cfg.Passwords, cfg.Now),
		signOn:    signOn{cfg.SignOn, cfg.SignOnName},
	}
	s.usage, s.configurations, s.part = cfg.Usage, cfg.Configurations, cfg.Part
	s.administration.Store(&cfg.Administration)
	s.tellAdminsTurned, s.nodes = cfg.TellAdminsTurned, cfg.Nodes
	s.signedAdmins = &sessions{sessionRules: adminSessions(), store: cfg.Store, now: cfg.Now}
	s.adminLinks = &invites{cfg.Store, cfg.Now, adminLinkPrefix, adminLinkLife}
	s.parents, s.frames = cfg.Parents, newFrames(cfg.Store, s.sessions, cfg.Now)
	for _, outcome := range []string{signedIn, signInRefused, tooManyGuesses, cannotTell} {
		s.signIns.WithLabelValues(outcome)
	}
	if cfg.Metrics != nil {
		for _, c := range []prometheus.Collector{s.signIns, s.dials.counts} {
			if err := cfg.Metrics.Register(c); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// PairCallback is where Smokeball sends browsers back to: with the public URL
// before it, it is the redirect URI.
const PairCallback = "/pair/callback"

// Handler serves the agents' browsers: DESIGN section 6 but for the ops
// routes. It trusts RemoteAddr and does not look at Host.
func (s *Server) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(identified, s.origin.guarded)
	s.refusals(r)

	r.Get("/", s.page.serve("index.html"))
	r.Head("/", s.page.serve("index.html"))
	r.Get("/join", s.page.serve("join.html"))
	r.Head("/join", s.page.serve("join.html"))
	r.Get("/manifest.webmanifest", s.page.manifest.serve)
	r.Head("/manifest.webmanifest", s.page.manifest.serve)
	s.embedded(r)
	s.adminPage(r)
	r.Get("/assets/{version}/{name}", s.answer(s.page.asset))
	r.Head("/assets/{version}/{name}", s.answer(s.page.asset))

	description := described()
	r.Get("/api/openapi.json", description)
	r.Head("/api/openapi.json", description)
	r.Post("/api/session", s.answer(s.signIn))
	r.Delete("/api/session", s.answer(s.signOut))
	r.Get("/api/sign-in", s.answer(s.signInWays))
	r.Get(signOnPath, s.answerWith(s.beginSignOn, s.signOnFailed))
	r.Get(SignOnCallback, s.answerWith(s.finishSignOn, s.signOnFailed))
	r.Get("/api/sessions", s.answer(s.devices))
	r.Delete("/api/sessions/{id}", s.answer(s.endDevice))
	r.Get("/api/settings", s.answer(s.showSettings))
	r.Put("/api/settings", s.answer(s.changeSettings))
	r.Get("/api/me", s.answer(s.me))
	r.Post("/api/pair", s.answer(s.pair))
	r.Delete("/api/pair", s.answer(s.unpair))
	r.Post("/api/dial", s.answer(s.dial))
	r.Get(PairCallback, s.answerWith(s.callback, s.callbackFailed))
	r.Get("/ws", s.answer(s.socket))
	r.Get("/api/knock/{nonce}", s.answer(s.knocked))
	return r
}

// refusals makes problem documents of what no route takes.
func (s *Server) refusals(r chi.Router) {
	notFound := refuse(http.StatusNotFound, "There is nothing at this address.")
	r.NotFound(s.answer(func(http.ResponseWriter, *http.Request) error { return notFound }))
	r.MethodNotAllowed(s.answer(func(w http.ResponseWriter, req *http.Request) error {
		there := false
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
			if r.Match(chi.NewRouteContext(), method, req.URL.Path) {
				w.Header().Add("Allow", method)
				there = true
			}
		}
		if !there {
			return notFound
		}
		return refuse(http.StatusMethodNotAllowed, "This address does not take "+methodName(req.Method)+" requests.")
	}))
}

// methodName keeps what a client made up out of answers and logs.
func methodName(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "such"
}

// sweepEvery is how often what is out of time is deleted.
const sweepEvery = time.Hour

// Run deletes what is out of time until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	first := time.Duration(0)
	if s.part { // a machine that takes over from another takes many parts at once, and has better to do
		first = rand.N(sweepEvery)
	}
	next := time.NewTimer(first)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			s.sweep(ctx)
			next.Reset(sweepEvery)
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) sweep(ctx context.Context) {
	ended, err := s.sessions.sweep(ctx)
	for _, se := range ended {
		s.ended(ctx, se, CloseSignedOut)
		s.audit.Record(ctx, audit.Entry{By: audit.ByItself(audit.ActorDaemon), Event: signOutOf(se, audit.OutOfTime)})
	}
	if !s.part {
		_, adminErr := s.signedAdmins.sweep(ctx)
		err = errors.Join(err, adminErr, s.invites.sweep(ctx), s.adminLinks.sweep(ctx), s.frames.sweep(ctx))
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("sweep sessions and invites", "error", err)
	}
}
