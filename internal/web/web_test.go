package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const home = "https://pop.firm.example"

var (
	priya  = screenpop.Agent{AgentID: screenpop.AgentID{Tenant: "firm.example.com", Extension: "101"}, Name: "Priya Shah", Email: "priya@firm.example"}
	daniel = screenpop.Agent{AgentID: screenpop.AgentID{Tenant: "firm.example.com", Extension: "102"}, Name: "Daniel Reyes", Email: "daniel@firm.example"}
)

// memory is a Store without a disk.
type memory struct {
	mu       sync.Mutex
	values   map[string][]byte
	at       map[string]uint64
	revision uint64
	broken   error
	writes   int
	got      func(path string) // called when a record has been read
}

var errMoved = errors.New("the record has changed meanwhile")

func (m *memory) Get(_ context.Context, path string) ([]byte, uint64, error) {
	m.mu.Lock()
	value, revision, err := m.values[path], m.at[path], m.broken
	m.mu.Unlock()
	if m.got != nil {
		m.got(path)
	}
	return value, revision, err
}

func (m *memory) CompareAndSet(_ context.Context, path string, value []byte, revision uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return 0, m.broken
	}
	if m.at[path] != revision {
		return 0, errMoved
	}
	m.revision++
	m.writes++
	m.values[path], m.at[path] = value, m.revision
	return m.revision, nil
}

func (m *memory) Delete(_ context.Context, path string, revision uint64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return false, m.broken
	}
	_, there := m.values[path]
	if there && revision != 0 && m.at[path] != revision {
		return false, errMoved
	}
	delete(m.values, path)
	delete(m.at, path)
	return there, nil
}

func (m *memory) List(_ context.Context, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var paths []string
	for _, p := range slices.Sorted(maps.Keys(m.values)) {
		if strings.HasPrefix(p, prefix) {
			paths = append(paths, p)
		}
	}
	return paths, m.broken
}

func (m *memory) count(prefix string) int {
	paths, _ := m.List(context.Background(), prefix)
	return len(paths)
}

// people is a Directory.
type people struct {
	mu     sync.Mutex
	agents []screenpop.Agent
}

func (p *people) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	for _, a := range p.Agents() {
		if a.AgentID == id {
			return a, true
		}
	}
	return screenpop.Agent{}, false
}

func (p *people) Agents() []screenpop.Agent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.agents)
}

func (p *people) dismiss(id screenpop.AgentID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.agents = slices.DeleteFunc(p.agents, func(a screenpop.Agent) bool { return a.AgentID == id })
}

// problemOf is an error with words of its own.
type problemOf struct {
	status int
	words  string
}

func (p problemOf) Error() string              { return "pairing: inner detail" }
func (p problemOf) PairProblem() (int, string) { return p.status, p.words }
func (p problemOf) PairProblemWord() string    { return "stale" }

// smokeball is Pairings: a state handed out belongs to the session that asked.
type smokeball struct {
	mu     sync.Mutex
	states map[string]string // state -> session
	paired map[screenpop.AgentID]bool
	fail   error
	ctxErr error // of Finish's context while it ran
	agent  screenpop.AgentID
}

func (s *smokeball) Begin(_ context.Context, agent screenpop.AgentID, session string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return "", s.fail
	}
	state := fmt.Sprintf("state-%d", len(s.states))
	s.states[state] = session
	s.agent = agent
	return "https://auth.example/authorize?state=" + state, nil
}

func (s *smokeball) Finish(ctx context.Context, session string, q url.Values) (screenpop.AgentID, screenpop.Pairing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctxErr = ctx.Err()
	owner, known := s.states[q.Get("state")]
	switch {
	case s.fail != nil:
		return screenpop.AgentID{}, screenpop.Pairing{}, s.fail
	case q.Get("state") == "":
		return screenpop.AgentID{}, screenpop.Pairing{}, problemOf{400, "Nothing came back from Smokeball."}
	case !known || owner != session:
		return screenpop.AgentID{}, screenpop.Pairing{}, problemOf{403, "This pairing was begun elsewhere."}
	}
	delete(s.states, q.Get("state"))
	s.paired[s.agent] = true
	return s.agent, screenpop.Pairing{State: screenpop.Paired}, nil
}

func (s *smokeball) Unpair(_ context.Context, agent screenpop.AgentID) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.paired[agent]
	delete(s.paired, agent)
	return was, s.fail
}

func (s *smokeball) Pairing(agent screenpop.AgentID) screenpop.Pairing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paired[agent] {
		return screenpop.Pairing{State: screenpop.Paired, Account: "priya@firm.example"}
	}
	return screenpop.Pairing{State: screenpop.Unpaired}
}

// wall is Screens: it writes down what it is told.
type wall struct {
	mu      sync.Mutex
	lines   []string
	open    int            // screens of each agent
	of      map[string]int // screens of each session
	opening func()         // called before Serve asks whether the session is valid
}

func (w *wall) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

func (w *wall) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lines)
}

func (w *wall) Serve(rw http.ResponseWriter, _ *http.Request, a screenpop.Agent, _ string, valid func() bool) {
	if w.opening != nil {
		w.opening()
	}
	w.say("serve %s valid %v", a.AgentID, valid())
	rw.WriteHeader(http.StatusTeapot)
}

func (w *wall) Knock(rw http.ResponseWriter, _ *http.Request) {
	w.say("knock")
	rw.WriteHeader(http.StatusTeapot)
}

func (w *wall) CloseSession(session string, code int) { w.say("close session %.8s %d", session, code) }

func (w *wall) CloseAgent(a screenpop.AgentID, code int) { w.say("close agent %s %d", a, code) }

func (w *wall) Explain(a screenpop.AgentID, session, words string) {
	w.say("explain %s %.8s %q", a, session, words)
}

func (w *wall) TellUnpaired(a screenpop.AgentID, why string) { w.say("unpaired %s %q", a, why) }

func (w *wall) EndAll(a screenpop.AgentID)    { w.say("end all %s", a) }
func (w *wall) Forget(a screenpop.AgentID)    { w.say("forget %s", a) }
func (w *wall) Screens(screenpop.AgentID) int { return w.open }

func (w *wall) SessionScreens(_ screenpop.AgentID, session string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[session]
}

func (w *wall) SettingsChanged(a screenpop.AgentID, v screenpop.SettingsView) {
	w.say("settings %s %+v", a, v.Settings)
}

// ledger is Traces.
type ledger struct {
	past []screenpop.TraceEntry
	next chan screenpop.TraceEntry
	ask  TraceQuery
}

func (l *ledger) Follow(_ context.Context, q TraceQuery) ([]screenpop.TraceEntry, <-chan screenpop.TraceEntry) {
	l.ask = q
	return l.past, l.next
}

func (l *ledger) Ways(entries []screenpop.TraceEntry) []screenpop.Way {
	ways := []screenpop.Way{}
	for _, e := range entries {
		ways = append(ways, screenpop.Way{Call: e.Call, Steps: []screenpop.WayStep{}, Ends: []screenpop.WayEnd{{Why: "said " + e.Verdict}}})
	}
	return ways
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type rig struct {
	t         *testing.T
	server    *Server
	handler   http.Handler
	store     *memory
	directory *people
	smokeball *smokeball
	wall      *wall
	ledger    *ledger
	clock     *clock
	log       *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T, change ...func(*rig, *Config)) *rig { return newRigAt(t, home, change...) }

func newRigAt(t *testing.T, publicURL string, change ...func(*rig, *Config)) *rig {
	t.Helper()
	r := &rig{
		t: t, log: &lockedBuffer{}, wall: &wall{open: 3, of: map[string]int{}}, ledger: &ledger{},
		store:     &memory{values: map[string][]byte{}, at: map[string]uint64{}},
		directory: &people{agents: []screenpop.Agent{daniel, priya}},
		smokeball: &smokeball{states: map[string]string{}, paired: map[screenpop.AgentID]bool{}},
		clock:     &clock{t: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
	}
	settings, err := LoadSettings(t.Context(), r.store, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		PublicURL: publicURL, Directory: r.directory, Store: r.store, Pairings: r.smokeball, Screens: r.wall, Traces: r.ledger, Settings: settings,
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: r.clock.now,
	}
	cfg.Audit = audit.NewLog(cfg.Log.Handler(), r.clock.now)
	for _, c := range change {
		c(r, &cfg)
	}
	if r.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	r.handler = r.server.Handler()
	return r
}

// request is one a page of ours would send; with changes.
func (r *rig) request(method, target, body string, change ...func(*http.Request)) *http.Response {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, target, strings.NewReader(body))
	req.Header.Set("Origin", home)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(req)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w.Result()
}

func with(cookie *http.Cookie) func(*http.Request) {
	return func(req *http.Request) { req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value}) }
}

func header(name, value string) func(*http.Request) {
	return func(req *http.Request) { req.Header.Set(name, value) }
}

func without(name string) func(*http.Request) {
	return func(req *http.Request) { req.Header.Del(name) }
}

func (r *rig) invite(agent screenpop.Agent) string {
	r.t.Helper()
	token, _, err := r.server.invites.make(r.t.Context(), agent.AgentID)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// join signs a browser in and returns its cookie.
func (r *rig) join(agent screenpop.Agent, change ...func(*http.Request)) *http.Cookie {
	r.t.Helper()
	res := r.request("POST", "/api/session", `{"invite":"`+r.invite(agent)+`"}`, change...)
	if res.StatusCode != http.StatusNoContent || len(res.Cookies()) != 1 {
		r.t.Fatalf("join: %d %v %s", res.StatusCode, res.Cookies(), text(r.t, res))
	}
	return res.Cookies()[0]
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wants checks a status and, for errors, that the answer is a whole problem
// document.
func wants(t *testing.T, res *http.Response, status int) string {
	t.Helper()
	body := text(t, res)
	if res.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", res.StatusCode, status, body)
	}
	if status >= 400 {
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("content type %q", got)
		}
		for _, want := range []string{`"detail":"`, fmt.Sprintf(`"status":%d`, status), res.Header.Get("X-Request-Id")} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s in %s", want, body)
			}
		}
	}
	return body
}
