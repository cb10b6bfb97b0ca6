package simulator

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Options is which Smokeball to be. The zero value of every field but Firm and
// Clients is the strict server of the contract; what the contract does not know
// is at its likeliest reading.
type Options struct {
	Firm    *Firm
	Clients []Client

	// Lenient takes what the documented contract does not ask for: client
	// credentials in the body, no client_id in the body, parameters the API
	// does not have.
	Lenient bool
	// AllowMissingPKCE takes an authorisation without a code challenge.
	AllowMissingPKCE bool
	// Rotation gives a new refresh token at each refresh. The old one lives
	// RotationGrace longer (Cognito: 0 to 60 s); used after that, it revokes the
	// whole grant.
	Rotation      bool
	RotationGrace time.Duration
	AccessLife    time.Duration // 0 is an hour
	RefreshLife   time.Duration // 0 is 30 days, from the sign-in
	CodeLife      time.Duration // 0 is 5 minutes
	// OpaqueSubject makes the access token's sub and username something else
	// than the user's id.
	OpaqueSubject bool
	// Issuer, when set, is sent as iss with the authorisation response.
	// Smokeball sends none.
	Issuer string
	// StatelessAccess leaves access tokens good until they expire, also after
	// their grant was revoked.
	StatelessAccess bool

	PhoneIndex PhoneIndex
	// MattersOfOtherSides makes ContactId find matters the contact is only the
	// other side of.
	MattersOfOtherSides bool
	RateLimit           RateLimit
	// MissingScope is the status for a token without the scope; 0 is 403.
	MissingScope int
	// SpecLinks spells a link's relation "relation", as the official
	// description does, instead of "rel", as the server does.
	SpecLinks bool

	// Now and Sleep stand in for the clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Client is a registered application.
type Client struct {
	ID, Secret, APIKey string
	Name               string
	RedirectURLs       []string
	Scopes             []string // nil is every scope smokepop can use
}

// DefaultClient is an application with invented credentials.
func DefaultClient(redirectURLs ...string) Client {
	return Client{
		ID: "3nq7simulated0k2v9popclient", Secret: "simulated-client-secret-5f0c71e9", APIKey: "simulated-api-key-b27d04aa",
		Name: "smokepop", RedirectURLs: redirectURLs,
	}
}

func defaultScopes() []string {
	return []string{"contacts/read", "firm/read", "firmusers/read", "matters/read", "staff/read", "users/read"}
}

// Smokeball is a simulated Smokeball: authorisation server, API and web app.
// It serves all three on one listener; [Smokeball.OAuth], [Smokeball.API] and
// [Smokeball.App] are for those who want them apart. It is safe for concurrent
// use.
type Smokeball struct {
	opts   Options
	seen   *recorder
	limits *limiter
	faults faults
	book   *book
	jwtKey []byte

	oauth, api, app http.Handler

	mu      sync.Mutex
	clients map[string]*Client
	matters []Matter
	codes   map[string]*code
	grants  []*grant
	access  map[string]*accessToken
	refresh map[string]*refreshToken
	revoked map[string]bool // by a request to revoke
}

// NewSmokeball returns a Smokeball that knows the firm and its applications.
func NewSmokeball(o Options) *Smokeball {
	if o.Firm == nil {
		o.Firm = &Firm{}
	}
	if o.AccessLife == 0 {
		o.AccessLife = time.Hour
	}
	if o.RefreshLife == 0 {
		o.RefreshLife = 30 * 24 * time.Hour
	}
	if o.CodeLife == 0 {
		o.CodeLife = 5 * time.Minute
	}
	if o.MissingScope == 0 {
		o.MissingScope = http.StatusForbidden
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	s := &Smokeball{
		opts: o, seen: newRecorder(), limits: newLimiter(o.RateLimit),
		book: newBook(o.PhoneIndex, o.Firm.Contacts), matters: o.Firm.Matters,
		jwtKey: []byte(rand.Text()), clients: map[string]*Client{}, codes: map[string]*code{},
		access: map[string]*accessToken{}, refresh: map[string]*refreshToken{}, revoked: map[string]bool{},
	}
	for _, c := range o.Clients {
		if c.Scopes == nil {
			c.Scopes = defaultScopes()
		}
		s.clients[c.ID] = &c
	}
	s.oauth, s.api, s.app = s.oauthRoutes(), s.apiRoutes(), s.appRoutes()
	return s
}

// OAuth serves /oauth2/....
func (s *Smokeball) OAuth() http.Handler { return s.oauth }

// API serves the API at its root.
func (s *Smokeball) API() http.Handler { return s.api }

// App serves a small web app that record links lead to.
func (s *Smokeball) App() http.Handler { return s.app }

// ServeHTTP serves OAuth, API and App on one address.
func (s *Smokeball) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/oauth2/"):
		s.oauth.ServeHTTP(w, r)
	case r.URL.Path == "/", strings.HasPrefix(r.URL.Path, "/app/"):
		s.app.ServeHTTP(w, r)
	default:
		s.api.ServeHTTP(w, r)
	}
}

// Register adds a redirect URL to an application, as its owner would in the
// developer console, with the console's rule: HTTPS, or this machine. It
// reports whether the console takes it.
func (s *Smokeball) Register(clientID, redirectURL string) bool {
	u, err := url.Parse(redirectURL)
	if err != nil || u.Fragment != "" || u.Host == "" {
		return false
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.clients[clientID]
	if ok {
		c.RedirectURLs = append(c.RedirectURLs, redirectURL)
	}
	return ok
}

// RotateAPIKey changes an application's API key, as its owner can at any time.
func (s *Smokeball) RotateAPIKey(clientID, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.clients[clientID]; ok {
		c.APIKey = key
	}
}

// SetScopes changes what an application may ask for. Tokens keep what they have.
func (s *Smokeball) SetScopes(clientID string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.clients[clientID]; ok {
		c.Scopes = scopes
	}
}

// PutContacts adds contacts to the address book or replaces them by id.
func (s *Smokeball) PutContacts(contacts ...Contact) { s.book.put(contacts) }

// PutMatters adds matters.
func (s *Smokeball) PutMatters(matters ...Matter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.matters = append(s.matters[:len(s.matters):len(s.matters)], matters...)
}

func (s *Smokeball) now() time.Time { return s.opts.Now() }

func (s *Smokeball) sleep(ctx context.Context, d time.Duration) error { return s.opts.Sleep(ctx, d) }

// endpoint wraps a handler with what every endpoint has: the recorder and the
// faults.
func (s *Smokeball) endpoint(e Endpoint, next func(http.ResponseWriter, *http.Request, *Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := s.seen.begin(e, r, s.now())
		if id := r.Header.Get("RequestId"); id != "" {
			w.Header().Set("RequestId", id)
		}
		sw := &statusWriter{ResponseWriter: w}
		s.run(sw, r, s.faults.take(e, r), func(w http.ResponseWriter, r *http.Request) { next(w, r, req) })
		s.seen.set(func() { req.Status = sw.status })
	})
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
