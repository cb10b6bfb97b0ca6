package simulator

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	socketQueue = 256 // frames; a client that lets more wait is cut off
	maxHeard    = 1000
)

// socket is a client's websocket.
type socket struct {
	conn       *websocket.Conn
	out        chan []byte
	cut        context.CancelFunc
	subscribed bool // under liveCalls.mu, as noise
	noise      int

	mu   sync.Mutex
	last time.Time // of avoid-disconnect
}

// websocket serves /websocket?domain=&user=[&session=]: who has a session may
// subscribe to the tenant's calls.
func (p *PBX) websocket(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	value := q.Get("session")
	if c, err := r.Cookie("session"); value == "" && err == nil {
		value = c.Value
	}
	id, ok := p.session(value)
	switch {
	case !ok:
		refuse(w, http.StatusUnauthorized, "HTTP Basic Auth or a valid session cookie is required")
		return
	case q.Get("domain") != p.opts.Firm.Domain || q.Get("user") != "" && !p.isExtension(q.Get("user")):
		noSuchThing(w)
		return
	case id.level == extensionLevel && id.user != q.Get("user"):
		refuse(w, http.StatusForbidden, "Forbidden")
		return
	}
	if !p.live.enter() {
		refuse(w, http.StatusServiceUnavailable, "Service Unavailable")
		return
	}
	defer p.live.open.Done()
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	defer conn.Close()
	conn.SetReadLimit(64 << 10)
	ctx, cut := context.WithCancel(context.WithoutCancel(r.Context()))
	s := &socket{conn: conn, out: make(chan []byte, socketQueue), cut: cut, last: p.opts.Now()}
	var group sync.WaitGroup
	defer group.Wait()
	defer cut()
	if !p.live.add(s) {
		return
	}
	defer p.live.remove(s)
	group.Go(func() { s.write(ctx) })
	group.Go(func() { p.watch(ctx, s) })
	p.listen(s)
}

// listen takes the client's frames until the socket ends.
func (p *PBX) listen(s *socket) {
	for {
		var ask struct {
			Action    string `json:"action"`
			Subscribe bool   `json:"subscribe"`
		}
		_, frame, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		if json.Unmarshal(frame, &ask) != nil {
			continue
		}
		p.live.note(ask.Action)
		switch ask.Action {
		case "avoid-disconnect":
			s.mu.Lock()
			s.last = p.opts.Now()
			s.mu.Unlock()
		case "domain-calls":
			p.live.subscribe(s, ask.Subscribe, p.opts)
		}
	}
}

// watch cuts a client off that does not ask to stay.
func (p *PBX) watch(ctx context.Context, s *socket) {
	for {
		s.mu.Lock()
		left := p.opts.SocketIdle - p.opts.Now().Sub(s.last)
		s.mu.Unlock()
		if left <= 0 {
			s.cut()
			return
		}
		if p.opts.Sleep(ctx, left) != nil {
			return
		}
	}
}

// write sends what is queued. When it returns the connection is closed, which
// ends listen too.
func (s *socket) write(ctx context.Context) {
	defer s.conn.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-s.out:
			_ = s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if s.conn.WriteMessage(websocket.TextMessage, frame) != nil {
				return
			}
		}
	}
}

func (l *liveCalls) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open.Add(1)
	return true
}

func (l *liveCalls) add(s *socket) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.sockets[s] = struct{}{}
	return true
}

func (l *liveCalls) remove(s *socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sockets, s)
}

func (l *liveCalls) note(action string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.heard) < maxHeard {
		l.heard = append(l.heard, action)
	}
}

func (l *liveCalls) subscribe(s *socket, on bool, o PBXOptions) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.subscribed = on
	if on {
		s.tell(l.frame(o))
	}
}

func (l *liveCalls) broadcast(o PBXOptions) {
	frame := l.frame(o)
	for s := range l.sockets {
		if s.subscribed {
			s.tell(frame)
		}
	}
}

func (l *liveCalls) frame(o PBXOptions) []byte {
	b, _ := json.Marshal(map[string]any{"action": "call-state", "calls": l.list(o)}) // plain values: cannot fail
	return b
}

// tell queues a frame, and before it one of those that are none of anybody's
// business who follows calls.
func (s *socket) tell(frame []byte) {
	noise := [...]string{
		`{"change":"registration","account":"103"}`, `{"action":"orbit-calls","calls":[]}`, `{"ringtones":["Ring 1","Ring 2"]}`,
		`{"info":"","callid":"b7c1@pbx"}`, `{"response":"200 OK","callid":"b7c1@pbx"}`, `{"action":"blf","list":[{"account":"102","state":""}]}`,
	}
	for _, f := range [][]byte{[]byte(noise[s.noise%len(noise)]), frame} {
		select {
		case s.out <- f:
		default:
			s.cut()
			return
		}
	}
	s.noise++
}

// CutSockets ends every websocket as a broken network does.
func (p *PBX) CutSockets() {
	p.live.mu.Lock()
	defer p.live.mu.Unlock()
	for s := range p.live.sockets {
		s.cut()
	}
}

// Sockets is how many websockets are open, and how many of them subscribed.
func (p *PBX) Sockets() (open, subscribed int) {
	p.live.mu.Lock()
	defer p.live.mu.Unlock()
	for s := range p.live.sockets {
		if s.subscribed {
			subscribed++
		}
	}
	return len(p.live.sockets), subscribed
}

// SocketActions is what websockets have asked for so far, the first thousand.
func (p *PBX) SocketActions() []string {
	p.live.mu.Lock()
	defer p.live.mu.Unlock()
	return slices.Clone(p.live.heard)
}

func (l *liveCalls) close() {
	l.mu.Lock()
	l.closed = true
	for s := range l.sockets {
		s.cut()
	}
	l.mu.Unlock()
	l.open.Wait()
}
