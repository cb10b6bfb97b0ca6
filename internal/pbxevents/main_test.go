package pbxevents

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const firm = "firm.example.com"

// phonebook is a Directory over a list of agents.
type phonebook map[screenpop.AgentID]screenpop.Agent

func (p phonebook) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	a, ok := p[id]
	return a, ok
}

func book(agents ...screenpop.Agent) phonebook {
	p := phonebook{}
	for _, a := range agents {
		p[a.AgentID] = a
	}
	return p
}

func person(ext, name string, groups ...string) screenpop.Agent {
	return screenpop.Agent{AgentID: screenpop.AgentID{Tenant: firm, Extension: screenpop.Extension(ext)}, Name: name, Groups: groups}
}

// staff is the firm all tests call: 101 to 104 in intake, 150 outside of it.
func staff() phonebook {
	return book(person("101", "Priya Shah", "intake"), person("102", "Tom Jones", "intake"), person("103", "Ann Lee", "intake"),
		person("104", "", "intake"), person("150", "Max Roe", "billing"))
}

// basket is a Sink that keeps what it is offered, or has no room.
type basket struct {
	mu     sync.Mutex
	full   bool
	events []screenpop.Event
	lines  []string
}

func (b *basket) Offer(events []screenpop.Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return false
	}
	b.events = append(b.events, events...)
	for _, e := range events {
		line := fmt.Sprintf("%s %s %s %s", e.Agent.Extension, e.Call.State, e.Call.Direction, e.Call.Number.Canonical)
		if e.End != "" {
			line = fmt.Sprintf("%s %s", e.Agent.Extension, e.End)
		}
		if e.AnsweredBy != "" {
			line += " by " + e.AnsweredBy
		}
		b.lines = append(b.lines, line)
	}
	return true
}

// take returns what came since the last take, one line each.
func (b *basket) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := b.lines
	b.lines = nil
	return lines
}

// ledger is a Recorder that keeps everything.
type ledger struct {
	mu      sync.Mutex
	entries []screenpop.TraceEntry
}

func (l *ledger) Record(e screenpop.TraceEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

func (l *ledger) all() []screenpop.TraceEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a Receiver with everything it stands on.
type rig struct {
	*Receiver
	sink    *basket
	trace   *ledger
	clock   *clock
	metrics *prometheus.Registry
	handler http.Handler
	log     *strings.Builder
}

func usTenant(t testing.TB) Tenant {
	t.Helper()
	plan, err := numbering.NewPlan("US", "")
	if err != nil {
		t.Fatal(err)
	}
	return Tenant{
		Domain: firm, Numbers: plan, Extensions: regexp.MustCompile(`^[1-8][0-9]{1,3}$`), MailboxPrefix: "8",
		StarPrefixes: []string{"*"}, Scope: Scope{All: true},
	}
}

func newRig(t testing.TB, change func(*Tenant)) *rig {
	t.Helper()
	tenant := usTenant(t)
	if change != nil {
		change(&tenant)
	}
	r := &rig{sink: &basket{}, trace: &ledger{}, clock: &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
		metrics: prometheus.NewRegistry(), log: &strings.Builder{}}
	receiver, err := New([]Tenant{tenant}, Deps{
		Directory: staff(), Sink: r.sink, Trace: r.trace, Metrics: r.metrics, Now: r.clock.Now,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Receiver = receiver
	r.handler = receiver.Handler()
	return r
}

// send posts an event, given as unescaped key=value pairs, and returns the
// answer in short: "accepted 101,102", a reason, or a status.
func (r *rig) send(event string) string {
	query := url.Values{}
	for pair := range strings.SplitSeq(event, "&") {
		key, value, _ := strings.Cut(pair, "=")
		query.Add(key, value)
	}
	req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm+"?"+query.Encode(), nil)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	body := w.Body.String()
	switch w.Code {
	case http.StatusAccepted:
		list := strings.TrimSuffix(strings.TrimPrefix(body, `{"result":"accepted","agents":[`), `]}`)
		return "accepted " + strings.ReplaceAll(list, `"`, "")
	case http.StatusOK:
		return strings.TrimSuffix(strings.TrimPrefix(body, `{"result":"skipped","reason":"`), `"}`)
	}
	return fmt.Sprint(w.Code)
}

// post sends a body and returns the status and what was answered.
func (r *rig) post(path, contentType, body string) (int, string) {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}
