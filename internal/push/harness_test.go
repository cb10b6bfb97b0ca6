package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

const origin = "https://pop.firm.example"

// patience is how long a test waits for what has to come: long, because a
// test that waits for it has failed.
const patience = 30 * time.Second

var priya = agent("101")

func agent(extension string) screenpop.AgentID {
	return screenpop.AgentID{Tenant: "firm.example.com", Extension: screenpop.Extension(extension)}
}

// pairings is the sign-in's knowledge, by agent; paired where nothing is set.
type pairings struct {
	mu  sync.Mutex
	set map[screenpop.AgentID]screenpop.Pairing
}

func (p *pairings) Pairing(a screenpop.AgentID) screenpop.Pairing {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v, ok := p.set[a]; ok {
		return v
	}
	return screenpop.Pairing{State: screenpop.Paired}
}

func (p *pairings) put(a screenpop.AgentID, v screenpop.Pairing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set[a] = v
}

// notes keeps trace entries.
type notes struct {
	mu      sync.Mutex
	entries []screenpop.TraceEntry
}

func (n *notes) Record(e screenpop.TraceEntry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries = append(n.entries, e)
}

func (n *notes) verdicts() (v []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.entries {
		v = append(v, e.Verdict+": "+e.Detail)
	}
	return v
}

// openings is told what agents open.
type openings struct {
	mu   sync.Mutex
	told []string
}

func (o *openings) Opened(a screenpop.AgentID, popID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, string(a.Extension)+" "+popID)
}

func (o *openings) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.told)
}

// rig is a hub behind a real HTTP server. The path names the agent's
// extension, the query the session.
type rig struct {
	*push.Hub
	pairings *pairings
	notes    *notes
	openings *openings
	metrics  *prometheus.Registry
	server   *httptest.Server
	valid    func(session string) bool
}

func start(t testing.TB, limits push.Limits) *rig {
	t.Helper()
	g := &rig{
		pairings: &pairings{set: map[screenpop.AgentID]screenpop.Pairing{}},
		notes:    &notes{},
		openings: &openings{},
		metrics:  prometheus.NewRegistry(),
		valid:    func(string) bool { return true },
	}
	g.Hub = push.New(push.Config{Origin: origin, Pairings: g.pairings, Opener: g.openings, Trace: g.notes, Metrics: g.metrics, Limits: limits})
	g.server = httptest.NewServer(g)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := g.Hub.Close(ctx); err != nil {
			t.Errorf("close the hub: %v", err)
		}
		g.server.Close()
	})
	return g
}

func (g *rig) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := screenpop.Agent{AgentID: agent(strings.TrimPrefix(r.URL.Path, "/")), Name: "Priya Shah", Email: "priya@firm.example"}
	session := r.URL.Query().Get("session")
	g.Serve(w, r, push.Viewer{Agent: a, Session: session, Valid: func() bool { return g.valid(session) }})
}

// browser is a client of the protocol.
type browser struct {
	t    testing.TB
	conn *websocket.Conn
}

func (g *rig) try(a screenpop.AgentID, session string, change func(*websocket.Dialer, http.Header)) (*websocket.Conn, *http.Response, error) {
	d := &websocket.Dialer{Subprotocols: []string{push.Subprotocol}, HandshakeTimeout: patience}
	header := http.Header{"Origin": {origin}}
	if change != nil {
		change(d, header)
	}
	return d.Dial(strings.Replace(g.server.URL, "http", "ws", 1)+"/"+string(a.Extension)+"?session="+session, header)
}

func (g *rig) open(t testing.TB, a screenpop.AgentID, session string) *browser {
	t.Helper()
	return g.openWith(t, a, session, nil)
}

func (g *rig) openWith(t testing.TB, a screenpop.AgentID, session string, change func(*websocket.Dialer, http.Header)) *browser {
	t.Helper()
	conn, resp, err := g.try(a, session, change)
	if err != nil {
		t.Fatalf("open: %v, %v", err, resp)
	}
	t.Cleanup(func() { conn.Close() })
	return &browser{t, conn}
}

// msg is any message of the protocol.
type msg struct {
	Type       string
	Seq        uint64
	Agent      screenpop.Agent
	Pairing    screenpop.Pairing
	Pop        screenpop.Pop
	Pops       []screenpop.Pop
	Recent     []screenpop.EndedPop
	Service    struct{ State push.ServiceState }
	Cluster    struct{ State push.ClusterState }
	Settings   screenpop.SettingsView
	ID         string
	Reason     screenpop.EndReason
	AnsweredBy string `json:"answered_by"`
}

func (m msg) String() string {
	switch m.Type {
	case "hello":
		return fmt.Sprintf("hello %d live %d recent", len(m.Pops), len(m.Recent))
	case "end":
		return "end " + m.ID + " " + string(m.Reason)
	case "service":
		return "service " + string(m.Service.State)
	case "cluster":
		return "cluster " + string(m.Cluster.State)
	case "pairing":
		return "pairing " + string(m.Pairing.State)
	}
	return m.Type + " " + m.Pop.ID + " " + string(m.Pop.Call.State)
}

func (b *browser) next() (m msg, err error) {
	_ = b.conn.SetReadDeadline(time.Now().Add(patience))
	op, data, err := b.conn.ReadMessage()
	if err != nil {
		return m, err
	}
	if op != websocket.TextMessage {
		return m, fmt.Errorf("frame of type %d", op)
	}
	return m, json.Unmarshal(data, &m)
}

// read returns the next message.
func (b *browser) read() msg {
	b.t.Helper()
	m, err := b.next()
	if err != nil {
		b.t.Fatalf("read: %v", err)
	}
	return m
}

// want reads as many messages as are named and compares them.
func (b *browser) want(lines ...string) {
	b.t.Helper()
	for _, line := range lines {
		if m := b.read(); m.String() != line {
			b.t.Fatalf("got %q, want %q", m, line)
		}
	}
}

// wantClose reads on until the socket is closed and checks the code.
func (b *browser) wantClose(code int) {
	b.t.Helper()
	b.closed(code)
}

// closed is wantClose that returns the close frame's reason.
func (b *browser) closed(code int) (reason string) {
	b.t.Helper()
	for {
		_, err := b.next()
		var closed *websocket.CloseError
		switch {
		case err == nil:
		case errors.As(err, &closed):
			if closed.Code != code {
				b.t.Fatalf("closed with %d %q, want %d", closed.Code, closed.Text, code)
			}
			return closed.Text
		default:
			b.t.Fatalf("read: %v, want the close code %d", err, code)
		}
	}
}

func (b *browser) send(text string) {
	b.t.Helper()
	if err := b.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		b.t.Fatalf("send: %v", err)
	}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// sample returns the value of a metric with a label's value, or without.
func (g *rig) sample(t testing.TB, name, label string) float64 {
	t.Helper()
	families, err := g.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() != label {
				continue
			}
			switch {
			case m.GetGauge() != nil:
				return m.GetGauge().GetValue()
			case m.GetCounter() != nil:
				return m.GetCounter().GetValue()
			default:
				return float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	t.Fatalf("no metric %s of %q", name, label)
	return 0
}

func pop(id string, state screenpop.State) screenpop.Pop {
	return screenpop.Pop{
		ID: id,
		Call: screenpop.Call{
			ID: screenpop.CallID("call-" + id), Direction: screenpop.Inbound, State: state,
			Number:  screenpop.Number{Canonical: "+16173998147", Display: "(617) 399-8147"},
			Started: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		},
		Contacts: []screenpop.Contact{{ID: "c-" + id, Name: "John Smith", Kind: screenpop.Person, Matched: "cell"}},
	}
}

// smallBuffer keeps the kernel from holding much for a client that stopped
// reading.
func smallBuffer(d *websocket.Dialer, _ http.Header) {
	d.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		return c, err
	}
}
