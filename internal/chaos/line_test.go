package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The page's own times (socket.js and elsewhere.js).
var (
	retryDelays = []time.Duration{500, 600, 600, 800, 1000, 2000, 4000, 8000, 16_000, 30_000} // ms
	lookDelays  = []time.Duration{500, 1000, 1000, 2000, 4000, 8000, 16_000, 30_000}
)

const (
	restartDelay = 250 * time.Millisecond
	leastFirst   = .1
	least        = .5
	helloWithin  = 15 * time.Second
	stableAfter  = 5 * time.Second

	closedRestart = 4000
)

// delay draws the wait before a try, of which the first may be short.
func delay(delays []time.Duration, try int) time.Duration {
	part := least
	if try == 0 {
		part = leastFirst
	}
	longest := delays[min(try, len(delays)-1)] * time.Millisecond
	return time.Duration(float64(longest) * (part + rand.Float64()*(1-part)))
}

// line is a page's connection to smokepop: it comes back by itself, and moves to
// another node when the one here is cut off from the others.
type line struct {
	p      *page
	ctx    context.Context
	events chan event
	all    sync.WaitGroup // of sockets

	now, scout, before *socket
	retry, look        <-chan time.Time
	tries, looks       int
	greeted            bool            // the last socket was
	rest               map[string]bool // pops that only the node before knows
}

// socket is one websocket, which may not be open yet.
type socket struct {
	conn  *websocket.Conn
	node  string
	end   context.CancelFunc
	seq   int
	began time.Duration // hello was there
}

// event is a frame of a socket, or its end.
type event struct {
	s     *socket
	frame *frame
	err   error
}

// follow keeps a socket open until ctx ends.
func (p *page) follow(ctx context.Context) {
	l := &line{p: p, ctx: ctx, events: make(chan event), retry: time.After(0), greeted: true, rest: map[string]bool{}}
	p.line = l
	defer l.all.Wait()
	defer l.drop()
	for {
		select {
		case <-l.retry:
			l.retry = nil
			if !l.greeted { // is there a session still? The answer is not looked at: there is.
				_, _ = p.request(http.MethodGet, "/api/me", nil, nil)
			}
			l.greeted = false
			l.now = l.open("")
		case <-l.look:
			l.look = nil
			l.scout = l.open("?elsewhere=1")
		case e := <-l.events:
			switch e.s {
			case l.now:
				l.heard(e)
			case l.scout:
				l.scouted(e)
			case l.before:
				l.older(e)
			}
		case <-ctx.Done():
			return
		}
	}
}

// open opens a socket in the background. What comes of it are events.
func (l *line) open(query string) *socket {
	ctx, end := context.WithCancel(l.ctx)
	s := &socket{end: end, seq: -1}
	tell := func(e event) bool {
		select {
		case l.events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	l.all.Go(func() {
		defer end()
		conn, node, err := l.p.dialled(ctx, query)
		if err != nil {
			tell(event{s: s, err: err})
			return
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		_ = conn.SetReadDeadline(time.Now().Add(helloWithin))
		for greeted := false; ; greeted = true {
			var f frame
			_, b, err := conn.ReadMessage()
			if err == nil {
				err = json.Unmarshal(b, &f)
			}
			if !greeted {
				s.conn, s.node = conn, node // nobody has heard of the socket yet
				_ = conn.SetReadDeadline(time.Time{})
			}
			if err != nil {
				tell(event{s: s, err: err})
				return
			}
			if !tell(event{s: s, frame: &f}) {
				return
			}
		}
	})
	return s
}

func (p *page) dialled(ctx context.Context, query string) (*websocket.Conn, string, error) {
	var failed error
	for _, i := range rand.Perm(len(p.w.nodes)) {
		n := p.w.nodes[i]
		d := websocket.Dialer{NetDialContext: p.dial, HandshakeTimeout: helloWithin, ReadBufferSize: 512, WriteBufferSize: 256, Subprotocols: []string{"smokepop.v1"}}
		conn, _, err := d.DialContext(ctx, "ws://"+n.address+"/ws"+query, http.Header{"Origin": {p.w.public}, "Cookie": {p.cookie}})
		if err == nil {
			return conn, n.name, nil
		}
		failed = err
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			break
		}
	}
	return nil, "", failed
}

// hold makes a socket the page's own.
func (l *line) hold(s *socket) {
	l.now = s
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.p.conn = nil
	if s != nil {
		l.p.conn = s.conn
	}
}

// closed notes how long the page had its socket.
func (l *line) closed(s *socket) {
	if s != nil && s.began > 0 {
		l.p.w.h.Record(Connection{Page: l.p.number, Agent: l.p.agent, Node: s.node, Began: s.began, Over: l.p.w.since()})
	}
}

func (l *line) drop() {
	l.closed(l.now)
	for _, s := range []*socket{l.now, l.scout, l.before} {
		if s != nil {
			s.end()
		}
	}
	l.hold(nil)
	l.scout, l.before, l.look, l.looks = nil, nil, nil, 0
	clear(l.rest)
}

// later waits, longer each time, and tries again.
func (l *line) later(err error) {
	if l.now.began > 0 {
		l.greeted = true
		if l.p.w.since()-l.now.began > stableAfter {
			l.tries = 0
		}
	}
	l.drop()
	wait := delay(retryDelays, l.tries)
	if l.tries == 0 && websocket.IsCloseError(err, closedRestart) {
		wait = rand.N(restartDelay)
	}
	l.tries++
	l.retry = time.After(wait)
}

// heard takes what has come by the page's own socket.
func (l *line) heard(e event) {
	s, m := e.s, e.frame
	switch {
	case e.err != nil:
		l.later(e.err)
		return
	case m.Type == "hello":
		s.began = l.p.w.since()
		l.hold(s)
	case s.seq < 0 || m.Seq > s.seq+1:
		l.later(nil) // something is missing: hello brings all of it
		return
	case m.Seq <= s.seq:
		return
	}
	l.take(s, m)
}

// take shows a frame of the page's own socket.
func (l *line) take(s *socket, m *frame) {
	s.seq = m.Seq
	l.p.take(*m, s.node, l.rest)
	switch m.Type {
	case "pop", "update":
		l.known(m.Pop.ID)
	case "end":
		l.known(m.ID)
	case "hello", "cluster":
		if !m.cutOff() {
			l.stay()
		} else if l.scout == nil && l.look == nil {
			l.lookLater()
		}
	}
}

// stay looks for no other node any more.
func (l *line) stay() {
	if l.scout != nil {
		l.scout.end()
	}
	l.scout, l.look, l.looks = nil, nil, 0
}

func (l *line) lookLater() {
	if l.scout != nil {
		l.scout.end()
	}
	l.scout, l.look = nil, time.After(delay(lookDelays, l.looks))
	l.looks++
}

// scouted takes what has come by the socket that looks for another node, and moves
// over to one that is not cut off.
func (l *line) scouted(e event) {
	if e.err != nil || e.frame.Type != "hello" || e.frame.cutOff() {
		l.lookLater()
		return
	}
	before, m := l.now, e.frame
	l.closed(before)
	l.scout = nil // it is the page's own from here on
	if l.before != nil {
		l.before.end()
	}
	l.before = before
	l.rest = l.p.liveBut(m.Pops)
	e.s.began = l.p.w.since()
	l.hold(e.s)
	l.take(e.s, m)
	l.settle()
}

// older takes what has come by the socket before: of pops that its node alone
// knows.
func (l *line) older(e event) {
	if e.err != nil {
		l.p.endAll(l.rest, e.s.node)
		clear(l.rest)
		l.settle()
		return
	}
	m := e.frame
	id := m.ID
	if m.Type == "pop" || m.Type == "update" {
		id = m.Pop.ID
	}
	switch {
	case m.Type == "pop" && !l.p.isLive(id):
		l.rest[id] = true
	case !l.rest[id] || m.Type != "update" && m.Type != "end":
		return // the node of now knows it better
	}
	l.p.take(*m, e.s.node, nil)
	l.settle()
}

// known is that a pop is not the node before's alone, or over.
func (l *line) known(id string) {
	if l.rest[id] {
		delete(l.rest, id)
		l.settle()
	}
}

func (l *line) settle() {
	// What the agent has dismissed is over too.
	maps.DeleteFunc(l.rest, func(id string, _ bool) bool { return !l.p.isLive(id) })
	if len(l.rest) == 0 && l.before != nil {
		l.before.end()
		l.before = nil
	}
}

// send tells smokepop something of a pop, at every node that may know it.
func (l *line) send(message string) bool {
	for _, s := range []*socket{l.before, l.now} {
		if s != nil && s.conn != nil && s.conn.WriteMessage(websocket.TextMessage, []byte(message)) != nil && s == l.now {
			return false
		}
	}
	return true
}

// liveBut returns the pops that are up and not among these.
func (p *page) liveBut(known []shownPop) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := map[string]bool{}
	for id := range p.live {
		rest[id] = true
	}
	for _, pop := range known {
		delete(rest, pop.ID)
	}
	return rest
}

func (p *page) isLive(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, live := p.live[id]
	return live
}

func (p *page) endAll(ids map[string]bool, node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range ids {
		p.end(id, node, FrameEnded)
	}
}
