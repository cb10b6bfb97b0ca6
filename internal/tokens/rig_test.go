package tokens

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const firm screenpop.Tenant = "firm.example"

var priya = screenpop.AgentID{Tenant: firm, Extension: "101"}

const redirect = "https://pop.firm.example/pair/callback"

// authServer is a strict authorisation server. Everything secret it gives out
// begins with "hush-".
type authServer struct {
	mu        sync.Mutex
	serial    int
	challenge map[string]string // by code
	good      map[string]bool   // refresh tokens
	rotate    bool
	life      string // of expires_in, as JSON; empty for none
	subject   string

	refreshes []string // refresh tokens that were sent, in order
	exchanges int
	revoked   []string
	wrong     []string // what no strict server would take

	// answer stands in for the token endpoint's answer where it is set and
	// does not return 0; held lets a token request wait until it is closed.
	answer func(grantType string) (int, string)
	held   chan struct{}
	// during, where it is set, is called while a token request is answered.
	during func()
	// noRevoke makes the revocation fail.
	noRevoke bool
	// slowRevoke is how long it takes.
	slowRevoke time.Duration
}

func newAuthServer() *authServer {
	return &authServer{challenge: map[string]string{}, good: map[string]bool{}, life: "3600", subject: "user-priya"}
}

// RoundTrip answers without a network, which a synctest bubble cannot have.
func (s *authServer) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

func (s *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	if id, secret, ok := r.BasicAuth(); !ok || id != "client" || secret != "hush-client-secret" {
		s.wrong = append(s.wrong, "credentials")
	}
	held, during := s.held, s.during
	s.mu.Unlock()
	switch r.URL.Path {
	case "/oauth2/token":
		status, answer := s.token(form)
		if during != nil {
			during()
		}
		if held != nil {
			select {
			case <-held:
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	case "/oauth2/revoke":
		s.mu.Lock()
		slow := s.slowRevoke
		s.mu.Unlock()
		if slow > 0 {
			select {
			case <-time.After(slow):
			case <-r.Context().Done():
				return
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.noRevoke {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		s.revoked = append(s.revoked, form.Get("token"))
		delete(s.good, form.Get("token"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *authServer) token(form url.Values) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := form.Get("grant_type")
	if kind == "refresh_token" {
		s.refreshes = append(s.refreshes, form.Get("refresh_token"))
	} else {
		s.exchanges++
	}
	if s.answer != nil {
		if status, body := s.answer(kind); status != 0 {
			return status, body
		}
	}
	if form.Get("client_id") != "client" {
		s.wrong = append(s.wrong, "client_id")
	}
	switch kind {
	case "refresh_token":
		old := form.Get("refresh_token")
		if !s.good[old] {
			return 400, `{"error":"invalid_grant","error_description":"hush-description"}`
		}
		if !s.rotate {
			return 200, s.grant("")
		}
		delete(s.good, old)
		return 200, s.grant(s.newRefresh())
	case "authorization_code":
		challenge := s.challenge[form.Get("code")]
		delete(s.challenge, form.Get("code"))
		if challenge == "" || challenge != challengeOf(form.Get("code_verifier")) || form.Get("redirect_uri") != redirect {
			return 400, `{"error":"invalid_grant"}`
		}
		return 200, s.grant(s.newRefresh())
	}
	return 400, `{"error":"unsupported_grant_type"}`
}

func (s *authServer) newRefresh() string {
	s.serial++
	token := fmt.Sprintf("hush-refresh-%d", s.serial)
	s.good[token] = true
	return token
}

func (s *authServer) grant(refresh string) string {
	s.serial++
	life := ""
	if s.life != "" {
		life = `,"expires_in":` + s.life
	}
	if refresh != "" {
		life += fmt.Sprintf(`,"refresh_token":%q`, refresh)
	}
	return fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer"%s}`, jwt(s.subject, s.serial), life)
}

func jwt(subject string, serial int) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"username":%q}`, subject, subject)) + fmt.Sprintf(".hush-access-%d", serial)
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// set changes the server while it runs.
func (s *authServer) set(change func(*authServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *authServer) counts() (exchanges, refreshes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exchanges, len(s.refreshes)
}

func (s *authServer) isRevoked(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.revoked {
		if r == token {
			return true
		}
	}
	return false
}

// agree is the user at Smokeball's page: it returns what the browser brings
// back.
func (s *authServer) agree(t testing.TB, target string) url.Values {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	want := url.Values{"response_type": {"code"}, "client_id": {"client"}, "redirect_uri": {redirect}, "code_challenge_method": {"S256"},
		"state": {q.Get("state")}, "code_challenge": {q.Get("code_challenge")}}
	if u.Path != "/oauth2/authorize" || q.Encode() != want.Encode() || len(q.Get("state")) < 43 || len(q.Get("code_challenge")) != 43 {
		t.Fatalf("authorize URL %s", target)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	code := fmt.Sprintf("hush-code-%d", s.serial)
	s.challenge[code] = q.Get("code_challenge")
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

// brittle is the vault with a disk that fails on demand.
type brittle struct {
	Store
	noWrites, noDeletes atomic.Bool
	away                atomic.Bool // it cannot be reached
	// lateWrites fail after they have been done.
	lateWrites atomic.Bool
	// slow is how many nanoseconds a write takes, from when it is done.
	slow atomic.Int64
}

var errDisk = errors.New("no space left on device")

func (b *brittle) CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error) {
	if b.noWrites.Load() {
		return 0, errDisk
	}
	if b.away.Load() {
		return 0, vault.ErrAway
	}
	now, err := b.Store.CompareAndSet(ctx, path, value, revision)
	if slow := b.slow.Load(); slow > 0 {
		pass(time.Duration(slow))
	}
	if b.lateWrites.Load() && err == nil {
		return 0, errDisk
	}
	return now, err
}

func (b *brittle) Delete(ctx context.Context, path string, revision uint64) (bool, error) {
	if b.noDeletes.Load() {
		return false, errDisk
	}
	return b.Store.Delete(ctx, path, revision)
}

// bell is a Notifier that writes down what it hears.
type bell struct {
	mu    sync.Mutex
	heard []screenpop.Pairing
	rung  chan struct{}
}

func (b *bell) PairingChanged(_ screenpop.AgentID, p screenpop.Pairing) {
	b.mu.Lock()
	b.heard = append(b.heard, p)
	b.mu.Unlock()
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

func (b *bell) states() (states []screenpop.PairingState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.heard {
		states = append(states, p.State)
	}
	return states
}

type people map[screenpop.AgentID]screenpop.Agent

func (p people) Agent(id screenpop.AgentID) (screenpop.Agent, bool) { a, ok := p[id]; return a, ok }
func (p people) Agents() (all []screenpop.Agent) {
	for _, a := range p {
		all = append(all, a)
	}
	return all
}

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

type rig struct {
	t       testing.TB
	server  *authServer
	vault   *vault.Store
	store   *brittle
	bell    *bell
	log     *lines
	reg     *prometheus.Registry
	cfg     Config
	keeper  *Keeper
	session string
	timer   bool // Run refreshes ahead
	stop    func()
}

// newRig starts a keeper on a real vault.
func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	key, err := vault.NewKey("k1", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := vault.NewKeyRing(key)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), filepath.Join(t.TempDir(), "state"), ring, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, server: newAuthServer(), vault: v, store: &brittle{Store: v}, log: &lines{}, session: "session-1"}
	oauth := smokeball.NewOAuth(smokeball.OAuthConfig{
		AuthBase: "https://auth.example", ClientID: "client", ClientSecret: "hush-client-secret", RedirectURL: redirect,
		HTTP: &http.Client{Transport: r.server},
	})
	r.cfg = Config{
		Tenants:   []TenantConfig{{Tenant: firm, OAuth: oauth}},
		Store:     r.store,
		Directory: people{priya: {AgentID: priya, Name: "Priya Shah", Email: "Priya@firm.example"}},
		Log:       slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&r.cfg)
	}
	r.start()
	t.Cleanup(func() {
		r.stop()
		if err := v.Close(); err != nil {
			t.Error(err)
		}
		if log := r.log.String(); strings.Contains(log, "hush-") {
			t.Errorf("a secret is in the log:\n%s", log)
		}
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		if len(r.server.wrong) > 0 {
			t.Errorf("the authorisation server complains of %q", r.server.wrong)
		}
	})
	return r
}

// start makes a keeper over what is stored and runs it.
func (r *rig) start() {
	r.t.Helper()
	r.bell = &bell{rung: make(chan struct{}, 1)}
	r.reg = prometheus.NewRegistry()
	r.cfg.Notify, r.cfg.Metrics = r.bell, r.reg
	k, err := New(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.keeper = k
	k.onDemand = !r.timer
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := k.Run(ctx); err != nil {
			r.t.Errorf("run: %v", err)
		}
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
}

// restart is what a new daemon on the same files sees.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

func (r *rig) begin() url.Values {
	r.t.Helper()
	target, err := r.keeper.Begin(r.t.Context(), priya, r.session)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.server.agree(r.t, target)
}

func (r *rig) pair() {
	r.t.Helper()
	agent, p, err := r.keeper.Finish(r.t.Context(), r.session, r.begin())
	if err != nil || agent != priya || p.State != screenpop.Paired {
		r.t.Fatalf("pair: %v %+v %v", agent, p, err)
	}
}

func (r *rig) token() screenpop.Secret {
	r.t.Helper()
	token, err := r.keeper.Token(r.t.Context(), priya)
	if err != nil {
		r.t.Fatalf("token: %v", err)
	}
	return token
}

// stored is the record as a new daemon would read it.
func (r *rig) stored() *record {
	r.t.Helper()
	rec, _, err := r.keeper.read(r.t.Context(), priya)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

func (r *rig) wantRefreshes(n int) {
	r.t.Helper()
	if _, got := r.server.counts(); got != n {
		r.t.Errorf("%d refreshes, want %d", got, n)
	}
}

func (r *rig) wantState(s screenpop.PairingState) screenpop.Pairing {
	r.t.Helper()
	p := r.keeper.Pairing(priya)
	if p.State != s {
		r.t.Errorf("state %s, want %s (%s)", p.State, s, p.Problem)
	}
	return p
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }
