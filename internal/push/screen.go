package push

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// message is one websocket message on its way out. All screens of an agent
// share it.
type message struct {
	op   int // websocket.TextMessage, PingMessage, PongMessage or CloseMessage
	data []byte
	pop  *way // of a pop that is new; else nil
}

// way is what a pop's frame is measured by.
type way struct {
	call     screenpop.CallID
	received time.Time // the PBX's event came in; zero where nobody knows
	queued   time.Time // the frame was handed to the screens
}

// screen is one browser window of an agent.
//
// Two goroutines touch its socket: the reader, which lives as long as the
// socket, and a writer, which is started when there is something to write and
// ends when there is no more. An idle screen so costs one goroutine.
type screen struct {
	hub     *Hub
	shard   *shard
	agent   screenpop.AgentID
	session string
	node    string

	heard    atomic.Int64 // when the browser was last heard, on the hub's clock
	nextPing int64        // guarded by the shard's lock

	mu      sync.Mutex // a leaf: nothing else is locked under it
	conn    *websocket.Conn
	queue   []*message
	queued  int // bytes in queue
	pong    *message
	closing CloseCode // set once: nothing but the close frame follows
	words   string    // that the close frame has beside its code's name
	writing bool      // a writer runs, or must not yet
	cut     bool
}

func newScreen(h *Hub, v Viewer) *screen {
	s := &screen{hub: h, shard: h.shardOf(v.Agent.AgentID), agent: v.Agent.AgentID, session: v.Session, node: v.Node, writing: true}
	s.heard.Store(h.elapsed())
	s.nextPing = s.heard.Load() + h.jittered()
	return s
}

// start hands the socket over, once what was queued meanwhile is written: hello
// for one. The hub's WaitGroup already counts the reader, and with it this.
func (s *screen) start(conn *websocket.Conn) {
	s.mu.Lock()
	s.conn = conn
	cut := s.cut
	s.mu.Unlock()
	if cut {
		abort(conn)
	}
	s.write()
	go s.read()
}

// offer queues m, or returns false when there is no room for it. The caller
// holds the shard's lock and the screen is in its room, so it is not closing.
func (s *screen) offer(m *message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A single message may be larger than QueueBytes: hello is as large as
	// what there is to show.
	if n := len(s.queue); n >= s.hub.limits.Queue || n > 0 && s.queued+len(m.data) > s.hub.limits.QueueBytes {
		return false
	}
	s.queue = append(s.queue, m)
	s.queued += len(m.data)
	s.wake()
	return true
}

// ping queues a ping, on the terms of offer but whatever waits already: a
// browser that does not answer is gone before there are many.
func (s *screen) ping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, &message{op: websocket.PingMessage})
	s.wake()
}

// answerPing queues a pong. Only the last of several pings needs its answer
// (RFC 6455, 5.5.3).
func (s *screen) answerPing(data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == 0 {
		s.pong = &message{op: websocket.PongMessage, data: []byte(data)}
		s.wake()
	}
}

// close has the close frame written, if the code has one. What waits is dropped,
// but for a restart: the last pops of a daemon that stops were promised to the
// PBX, and no other daemon knows of them. Only remove calls it.
func (s *screen) close(code CloseCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing, s.pong = code, nil
	if code != Restart {
		s.queue, s.queued = nil, 0
	}
	if code > 0 {
		s.wake()
	}
}

// wake starts the writer where none is at work. The caller holds mu, and holds
// the shard's lock with the screen in its room or is the reader: the hub's
// WaitGroup then still counts the reader and cannot have been waited out.
func (s *screen) wake() {
	if !s.writing {
		s.writing = true
		s.hub.goroutines.Go(s.write)
	}
}

// closedFor returns why the screen was closed, or 0.
func (s *screen) closedFor() CloseCode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// abort breaks the connection off, now and without blocking.
func (s *screen) abort() {
	s.mu.Lock()
	s.cut = true
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		abort(conn)
	}
}
