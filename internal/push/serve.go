package push

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Viewer is who opens a screen, as the sign-in knows it.
type Viewer struct {
	Agent   screenpop.Agent
	Session string
	Node    string // of a cluster, where the browser is connected; empty: there is none
	// Valid tells whether the session is still good; nil means it is. Serve
	// asks once CloseSession can find the screen, so that a session that ends
	// meanwhile leaves no socket behind, whichever of the two comes first.
	// Who ends a session has to make Valid false before calling CloseSession.
	Valid func() bool
}

// The sizes decide what an idle screen costs. What browsers send is short, and
// a write buffer is held only while a message is written.
const (
	readBufferSize   = 256
	writeBufferSize  = 4 << 10
	handshakeTimeout = 5 * time.Second
)

func (h *Hub) newUpgrader() websocket.Upgrader {
	return websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		ReadBufferSize:   readBufferSize,
		WriteBufferSize:  writeBufferSize,
		WriteBufferPool:  &sync.Pool{},
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      h.ours,
		Error: func(w http.ResponseWriter, _ *http.Request, status int, _ error) {
			w.Header().Set("Sec-Websocket-Version", "13")
			problem(w, status, "This address speaks websocket only: the handshake's headers are not those of RFC 6455.")
		},
	}
}

// Serve opens a screen for v, whom the caller has authenticated: it answers
// the handshake, sends hello and hands the socket to a goroutine of the hub's
// own. It returns when that is done, so that nothing of the request stays in
// memory while the screen is open; [Hub.Close] waits for the screens.
//
// A request that may not have a socket is answered with a problem: 403 for
// another origin or none, 400 for a handshake without the subprotocol, 429
// where the agent has too many screens, 503 where the hub has, or is closing.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, v Viewer) {
	switch {
	case !h.ours(r):
		h.refuse(w, refusedOrigin, http.StatusForbidden, "The socket may be opened by pages of this smokepop only: the Origin header is missing or is another one.")
		return
	case !websocket.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		h.refuse(w, refusedHandshake, http.StatusUpgradeRequired, "This address speaks websocket only.")
		return
	case !slices.Contains(websocket.Subprotocols(r), Subprotocol):
		h.refuse(w, refusedSubprotocol, http.StatusBadRequest, "Ask for the websocket subprotocol "+Subprotocol+".")
		return
	}
	agent, err := json.Marshal(v.Agent)
	if err != nil {
		h.log.Error("encode agent", "agent", v.Agent, "err", err)
		problem(w, http.StatusInternalServerError, "The agent could not be shown.")
		return
	}
	s := newScreen(h, v)
	switch why := h.join(s, agent); why {
	case "":
		if h.watcher != nil {
			h.watcher.Watch(v.Agent.AgentID)
		}
	case refusedAgentLimit:
		w.Header().Set("Retry-After", "60")
		h.refuse(w, why, http.StatusTooManyRequests, "You have too many windows open: close some of them.")
		return
	default:
		w.Header().Set("Retry-After", "5")
		h.refuse(w, why, http.StatusServiceUnavailable, "There is no room for another window now: try again soon.")
		return
	}
	if v.Valid != nil && !v.Valid() {
		h.drop(s, SignedOut)
	}
	conn, err := h.upgrader.Upgrade(hijacker{w}, r, nil)
	if err != nil {
		h.metrics.refused.WithLabelValues(string(refusedHandshake)).Inc()
		h.drop(s, gone)
		h.finished(s)
		h.log.Debug("screen not opened", "agent", s.agent, "err", err)
		return
	}
	h.log.Debug("screen opened", "agent", s.agent)
	s.start(conn)
}

// join puts s into its room with hello as its first message, or returns why
// not. The room's lock makes hello and the messages after it one sequence.
//
// What hello says cannot be older than an announcement the screen misses: an
// announcement raises announcements before it takes the lock. So either
// join sees it raised and asks again, or the screen is in the room when the
// announcement gets there.
func (h *Hub) join(s *screen, agent []byte) refusal {
	for {
		before := h.announcements.Load()
		pairing, err := json.Marshal(h.pairings.Pairing(s.agent))
		if err != nil {
			h.log.Error("encode pairing", "agent", s.agent, "err", err)
			return refusedHubLimit
		}
		settings, err := h.settingsOf(s.agent)
		if err != nil {
			h.log.Error("encode settings", "agent", s.agent, "err", err)
			return refusedHubLimit
		}
		if why, ok := h.tryJoin(s, greeting{agent, pairing, settings}, before); ok {
			return why
		}
	}
}

func (h *Hub) tryJoin(s *screen, g greeting, before uint64) (refusal, bool) {
	sh := s.shard
	sh.mu.Lock()
	var shown []livePop
	defer func() {
		sh.mu.Unlock()
		for _, p := range shown {
			h.recordOn(s.agent, p, verdictCaughtUp, 1)
		}
	}()
	switch {
	case h.closing.Load():
		return refusedClosing, true
	case h.announcements.Load() != before:
		return "", false
	}
	r := sh.enter(s.agent)
	defer sh.leave(r) // before the lock is given up
	if len(r.screens) >= h.limits.ScreensPerAgent {
		return refusedAgentLimit, true
	}
	if h.count.Add(1) > int64(h.limits.Screens) {
		h.count.Add(-1)
		return refusedHubLimit, true
	}
	h.goroutines.Add(1) // Close waits only after it has had every shard's lock
	s.offer(&message{op: websocket.TextMessage, data: hello(g, surroundings{sh.serviceOf(s.agent.Tenant), sh.cluster}, r)})
	shown = slices.Clone(r.live)
	r.screens = append(r.screens, s)
	delete(sh.left, s.agent)
	sh.open[s] = struct{}{}
	h.metrics.screens.Inc()
	return "", true
}

// finished gives up a screen whose reader is over or never began.
func (h *Hub) finished(s *screen) {
	s.shard.mu.Lock()
	delete(s.shard.open, s)
	s.shard.mu.Unlock()
	h.count.Add(-1)
	h.goroutines.Done()
}

// ours holds the Origin header against ours, byte by byte: browsers write an
// origin in one way only.
func (h *Hub) ours(r *http.Request) bool {
	o := r.Header["Origin"]
	return h.origin != "" && len(o) == 1 && o[0] == h.origin
}

func (h *Hub) refuse(w http.ResponseWriter, why refusal, status int, detail string) {
	h.metrics.refused.WithLabelValues(string(why)).Inc()
	problem(w, status, detail)
}

// problem answers as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An error here is the client's, who is gone.
	_ = json.NewEncoder(w).Encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, detail})
}

// hijacker finds the Hijack method under writers that middleware has wrapped.
type hijacker struct{ http.ResponseWriter }

func (w hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if errors.Is(err, http.ErrNotSupported) {
		return nil, nil, errors.New("the response cannot be hijacked")
	}
	return &opening{Conn: conn}, rw, err
}

// opening holds the answer to the handshake back until the first frame goes
// with it: there always is one, hello or why the socket is closed again. The
// library has one goroutine write at a time.
type opening struct {
	net.Conn
	begun bool // the answer has come
	held  []byte
}

func (o *opening) Write(p []byte) (int, error) {
	if !o.begun {
		o.begun, o.held = true, slices.Clone(p)
		return len(p), nil
	}
	if o.held == nil {
		return o.Conn.Write(p)
	}
	before := len(o.held)
	both := append(o.held, p...)
	o.held = nil
	n, err := o.Conn.Write(both)
	return max(0, n-before), err
}

// NetConn returns the connection below, which can be broken off while a write
// is under way.
func (o *opening) NetConn() net.Conn { return o.Conn }
