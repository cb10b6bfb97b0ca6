package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// page is an agent's browser page: it comes back as the real one does, and drops
// what it knows to be over as the real one does (internal/web/page/assets).
type page struct {
	w      *world
	number int
	agent  Agent
	cookie string
	http   *http.Client
	dial   func(ctx context.Context, network, address string) (net.Conn, error)

	line *line // to smokepop; only follow touches it

	mu      sync.Mutex
	conn    *websocket.Conn
	live    map[string]string // pops that are up: their calls
	over    map[string]bool   // pops that are over; the page remembers 500, which is more than come here
	shown   map[string]bool   // calls that were ever shown
	dismiss float64           // how many of the pops the agent dismisses
	draws   *rand.Rand
}

func (w *world) newPage(i int, seed uint64) *page {
	// An address of the agent's own, as in a firm where everybody has a machine.
	local := &net.Dialer{Timeout: 3 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(1+i/200), byte(1+i%200))}}
	return &page{
		w: w, number: i, agent: w.agents[i], dial: local.DialContext, dismiss: .1, draws: rand.New(rand.NewPCG(seed, uint64(i))),
		live: map[string]string{}, over: map[string]bool{}, shown: map[string]bool{},
		http: &http.Client{
			Timeout:       10 * time.Second,
			Transport:     &http.Transport{DialContext: local.DialContext, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// request asks any of the nodes; one that takes no connections is passed over,
// as a load balancer does.
func (p *page) request(method, path string, body, answer any) (*http.Response, error) {
	var sent []byte
	if body != nil {
		sent, _ = json.Marshal(body)
	}
	var failed error
	for _, i := range rand.Perm(len(p.w.nodes)) {
		req, err := http.NewRequest(method, "http://"+p.w.nodes[i].address+path, bytes.NewReader(sent))
		if err != nil {
			return nil, err
		}
		if method != http.MethodGet {
			req.Header.Set("Origin", p.w.public)
			req.Header.Set("Content-Type", "application/json")
		}
		if p.cookie != "" {
			req.Header.Set("Cookie", p.cookie)
		}
		res, err := p.http.Do(req)
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			failed = err
			continue
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode/100 != 2:
			return res, fmt.Errorf("%s %s at %s: %s %s", method, strings.SplitN(path, "?", 2)[0], p.w.nodes[i].name, res.Status, b)
		case answer != nil:
			return res, json.Unmarshal(b, answer)
		}
		return res, nil
	}
	return nil, failed
}

// join signs the agent in by an invite.
func (p *page) join() error {
	var invite struct{ URL string }
	n := p.w.nodes[p.number%len(p.w.nodes)]
	if err := n.ask(http.MethodPost, "/v1/invites", map[string]string{"tenant": p.agent.Tenant, "extension": p.agent.Extension}, &invite); err != nil {
		return err
	}
	_, token, _ := strings.Cut(invite.URL, "/join#")
	res, err := p.request(http.MethodPost, "/api/session", map[string]string{"invite": token}, nil)
	if err != nil {
		return err
	}
	for _, c := range res.Cookies() {
		p.cookie = c.Name + "=" + c.Value
	}
	if p.cookie == "" {
		return errors.New("signing in gave no cookie")
	}
	return nil
}

// pair pairs the agent, and notes whether smokepop has said so.
func (p *page) pair() error {
	what := Pairing{Agent: p.agent, Began: p.w.since()}
	err := p.tryPair()
	what.Ended, what.Acknowledged = p.w.since(), err == nil
	p.w.h.Record(what)
	return err
}

func (p *page) tryPair() error {
	var begun struct {
		URL string `json:"authorize_url"`
	}
	if _, err := p.request(http.MethodPost, "/api/pair", nil, &begun); err != nil {
		return err
	}
	target, err := p.w.crm.signIn(begun.URL, p.agent)
	if err != nil {
		return err
	}
	back, ours := strings.CutPrefix(target, p.w.public)
	if !ours {
		return fmt.Errorf("Smokeball sends the browser to %s", target)
	}
	_, err = p.request(http.MethodGet, back, nil, nil)
	return err
}

func (p *page) unpair() error {
	what := Pairing{Agent: p.agent, Unpair: true, Began: p.w.since()}
	_, err := p.request(http.MethodDelete, "/api/pair", nil, nil)
	what.Ended, what.Acknowledged = p.w.since(), err == nil
	p.w.h.Record(what)
	return err
}

// frame is what smokepop sends, as far as it is looked at.
type frame struct {
	Type    string
	Seq     int
	ID      string
	Pop     shownPop
	Pops    []shownPop
	Cluster struct{ State string }
}

func (m frame) cutOff() bool { return m.Cluster.State == "cut-off" }

type shownPop struct {
	ID       string
	Call     struct{ ID string }
	Contacts []struct{ Name string }
}

// take shows what a frame says. What hello does not have is not up any more, but
// for pops to keep.
func (p *page) take(m frame, node string, keep map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m.Type {
	case "hello":
		maps.DeleteFunc(p.live, func(id, _ string) bool { return !keep[id] })
		for _, pop := range m.Pops {
			p.show(pop, node)
		}
	case "pop", "update":
		p.show(m.Pop, node)
	case "end":
		p.end(m.ID, node, FrameEnded)
	}
}

// show shows a pop, or its newer state. Under mu.
func (p *page) show(pop shownPop, node string) {
	f := Frame{Agent: p.agent, Page: p.number, Node: node, At: p.w.since(), Kind: FrameShown, Call: pop.Call.ID, Pop: pop.ID}
	f.Dropped = p.over[pop.ID]
	if len(pop.Contacts) > 0 {
		f.Contact = pop.Contacts[0].Name
	}
	p.w.h.Record(f)
	if f.Dropped {
		return
	}
	_, known := p.live[pop.ID]
	p.live[pop.ID], p.shown[pop.Call.ID] = pop.Call.ID, true
	if !known && p.draws.Float64() < p.dismiss && p.conn != nil {
		if p.line.send(`{"type":"dismiss","id":"` + pop.ID + `"}`) {
			p.end(pop.ID, node, FrameDismissed)
		}
	}
}

// end takes a pop down. Under mu.
func (p *page) end(id, node, kind string) {
	if _, up := p.live[id]; !up {
		return
	}
	p.w.h.Record(Frame{Agent: p.agent, Page: p.number, Node: node, At: p.w.since(), Kind: kind, Call: p.live[id], Pop: id})
	delete(p.live, id)
	p.over[id] = true
}

// saw tells whether the page has shown a call.
func (p *page) saw(call string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown[call]
}

func (p *page) connected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn != nil
}
