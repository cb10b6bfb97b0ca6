package lookup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/smokeball"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a Finder before a simulated Smokeball, without a network between
// them, so that it can stand in a bubble of testing/synctest.
type house struct {
	t      *testing.T
	firm   *simulator.Firm
	sim    *simulator.Smokeball
	finder *Finder
	plan   *numbering.Plan
	creds  *credentials
	trace  *trace
	log    *bytes.Buffer
	reg    *prometheus.Registry
	wire   *wire
}

type setup struct {
	firm    *simulator.Firm // nil: the US firm
	options simulator.Options
	tenant  TenantConfig
	latency time.Duration
	news    News
}

const callback = "https://pop.firm.example/pair/callback"

func build(t *testing.T, s setup) *house {
	t.Helper()
	h := &house{t: t, firm: s.firm, trace: &trace{}, log: &bytes.Buffer{}, reg: prometheus.NewRegistry()}
	if h.firm == nil {
		h.firm = simulator.NewFirm()
	}
	app := simulator.DefaultClient(callback)
	s.options.Firm, s.options.Clients = h.firm, []simulator.Client{app}
	h.sim = simulator.NewSmokeball(s.options)
	h.wire = &wire{handler: h.sim, latency: s.latency}
	client := &http.Client{Transport: h.wire}
	const base = "http://127.0.0.1"
	var err error
	if h.plan, err = numbering.NewPlan(h.firm.Country, h.firm.AreaCode); err != nil {
		t.Fatal(err)
	}
	links, err := smokeball.NewLinks("https://app.smokeball.com", "", "")
	if err != nil {
		t.Fatal(err)
	}
	h.creds = &credentials{
		oauth: smokeball.NewOAuth(smokeball.OAuthConfig{AuthBase: base, ClientID: app.ID, ClientSecret: screenpop.Secret(app.Secret), RedirectURL: callback, HTTP: client}),
		of:    map[screenpop.AgentID]*credential{},
	}
	for _, a := range h.firm.Agents {
		h.pair(a)
	}
	s.tenant.Tenant = screenpop.Tenant(h.firm.Domain)
	s.tenant.API = smokeball.NewClient(smokeball.ClientConfig{APIBase: base, APIKey: screenpop.Secret(app.APIKey), ClientID: app.ID, HTTP: client})
	s.tenant.Links, s.tenant.Numbers = links, h.plan
	h.finder = New(Config{
		Tenants: []TenantConfig{s.tenant}, Credentials: h.creds, News: s.news, Trace: h.trace, Metrics: h.reg,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	h.sim.Forget()
	return h
}

// pair signs an agent in as people do, and keeps the tokens.
func (h *house) pair(a simulator.Agent) {
	h.t.Helper()
	var email string
	for _, s := range h.firm.Staff {
		if strings.HasPrefix(s.Email, strings.ToLower(strings.Fields(a.Name)[0])) || s.Email == a.Email {
			email = s.Email
		}
	}
	if email == "" {
		email = h.firm.Staff[0].Email
	}
	verifier := smokeball.NewVerifier()
	back, err := h.sim.SignIn(h.creds.oauth.AuthorizeURL("state", verifier), email)
	if err != nil {
		h.t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		h.t.Fatal(err)
	}
	g, err := h.creds.oauth.Exchange(h.t.Context(), u.Query().Get("code"), verifier)
	if err != nil {
		h.t.Fatal(err)
	}
	h.creds.of[h.agent(a.Extension)] = &credential{access: g.AccessToken, refresh: g.RefreshToken}
}

func (h *house) agent(extension string) screenpop.AgentID {
	return screenpop.AgentID{Tenant: screenpop.Tenant(h.firm.Domain), Extension: screenpop.Extension(extension)}
}

// first is the firm's first agent.
func (h *house) first() screenpop.AgentID { return h.agent(h.firm.Agents[0].Extension) }

func (h *house) number(s string) screenpop.Number {
	h.t.Helper()
	n := h.plan.Parse(s)
	if n.IsZero() {
		h.t.Fatalf("%q is no number", s)
	}
	return n
}

// call is an inbound call from n that begins to ring.
func call(n screenpop.Number) screenpop.Call {
	return screenpop.Call{ID: "c", Direction: screenpop.Inbound, State: screenpop.Ringing, Number: n}
}

// find looks a number up for the firm's first agent.
func (h *house) find(number string) (screenpop.Match, error) {
	h.t.Helper()
	return h.finder.Find(h.t.Context(), h.first(), call(h.number(number)))
}

// searches returns the contact searches Smokeball has seen, and forgets them.
func (h *house) searches() []string {
	var found []string
	for _, r := range h.sim.Requests(simulator.ContactsEndpoint) {
		found = append(found, strings.TrimPrefix(r.Query.Get("Search"), "phone:"))
	}
	h.sim.Forget()
	return found
}

func (h *house) wants(number string, want error) {
	h.t.Helper()
	if m, err := h.find(number); !errors.Is(err, want) || want == nil && err != nil {
		h.t.Errorf("%s: %v, %d contacts; want %v", number, err, len(m.Contacts), want)
	}
}

func (h *house) counted(name string, labels ...string) int {
	h.t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(labels) == 0 || m.GetLabel()[0].GetValue() == labels[0] {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

func names(m screenpop.Match) []string {
	var n []string
	for _, c := range m.Contacts {
		n = append(n, c.Name)
	}
	slices.Sort(n)
	return n
}

// wire takes a request to a handler without a network.
type wire struct {
	handler http.Handler
	latency time.Duration
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if t := httptrace.ContextClientTrace(r.Context()); t != nil && t.WroteRequest != nil {
		t.WroteRequest(httptrace.WroteRequestInfo{})
	}
	ctx := r.Context()
	select {
	case <-time.After(w.latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	served := r.Clone(ctx)
	served.Host, served.RequestURI, served.RemoteAddr = r.URL.Host, r.URL.RequestURI(), "127.0.0.1:1"
	if served.Body == nil {
		served.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	aborted := make(chan bool, 1)
	go func() {
		defer func() { aborted <- recover() != nil }()
		w.handler.ServeHTTP(rec, served)
	}()
	if <-aborted {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.New("connection reset by peer")
	}
	res := rec.Result()
	res.Body = io.NopCloser(rec.Body)
	return res, nil
}

// credentials are agents' tokens, renewed at the simulated Smokeball.
type credentials struct {
	oauth *smokeball.OAuth

	mu       sync.Mutex
	of       map[screenpop.AgentID]*credential
	renewals int
	accepted []string // extensions Smokeball has answered
	refused  []string
	hold     chan struct{} // Token waits for it, when set
}

type credential struct{ access, refresh screenpop.Secret }

func (c *credentials) Token(ctx context.Context, agent screenpop.AgentID) (screenpop.Secret, error) {
	c.mu.Lock()
	hold := c.hold
	c.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.of[agent]; k != nil {
		return k.access, nil
	}
	return "", screenpop.ErrNotPaired
}

func (c *credentials) Use(ctx context.Context, agent screenpop.AgentID) (screenpop.Secret, screenpop.TokenState, error) {
	token, err := c.Token(ctx, agent)
	if err != nil {
		return "", screenpop.TokenUnpaired, err
	}
	return token, screenpop.TokenFresh, nil
}

func (c *credentials) Renew(ctx context.Context, agent screenpop.AgentID, stale screenpop.Secret) (screenpop.Secret, error) {
	c.mu.Lock()
	k := c.of[agent]
	c.renewals++
	c.mu.Unlock()
	if k == nil {
		return "", screenpop.ErrNotPaired
	}
	g, err := c.oauth.Refresh(ctx, k.refresh.Reveal())
	if err != nil {
		var failed *smokeball.OAuthError
		if errors.As(err, &failed) && failed.Kind == smokeball.InvalidGrant {
			return "", screenpop.ErrNotPaired
		}
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k.access = g.AccessToken
	return g.AccessToken, nil
}

func (c *credentials) Refused(agent screenpop.AgentID, problem string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = append(c.refused, string(agent.Extension)+": "+problem)
}

func (c *credentials) Accepted(agent screenpop.AgentID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted = append(c.accepted, string(agent.Extension))
}

func (c *credentials) unpair(agent screenpop.AgentID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, agent)
}

// trace keeps what was recorded.
type trace struct {
	mu      sync.Mutex
	entries []screenpop.TraceEntry
}

func (t *trace) Record(e screenpop.TraceEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, e)
}

func (t *trace) last() screenpop.TraceEntry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.entries) == 0 {
		return screenpop.TraceEntry{}
	}
	return t.entries[len(t.entries)-1]
}

// pass lets time go by, in a bubble of testing/synctest.
func pass(d time.Duration) { <-time.After(d) }
