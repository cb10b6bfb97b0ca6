package push

import (
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Hub holds every open screen. It implements [screenpop.Screens]; none of its
// methods but Serve and Close waits for a browser. It is safe for concurrent
// use.
type Hub struct {
	origin   string
	pairings Pairings
	settings Settings
	opener   Opener
	watcher  Watcher
	recorder screenpop.Recorder
	frames   screenpop.Recorder
	metrics  *metrics
	log      *slog.Logger
	limits   Limits
	upgrader websocket.Upgrader

	seed   maphash.Seed
	shards [shardCount]shard
	opened time.Time    // zero of the hub's clock, which no step of the wall clock moves
	count  atomic.Int64 // of screens whose goroutines may run

	// announcements counts those of pairings and settings, so that Serve
	// notices one that came while it was asking.
	announcements atomic.Uint64
	serviceChange sync.Mutex
	cutOff        atomic.Bool // what Cluster was told last

	closing    atomic.Bool
	stop       chan struct{}
	stopOnce   sync.Once
	goroutines sync.WaitGroup
}

// New returns a hub that takes screens at once. Close gives up what it holds.
func New(cfg Config) *Hub {
	if cfg.Trace == nil {
		cfg.Trace = discard{}
	}
	if cfg.Frames == nil {
		cfg.Frames = discard{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hub{
		origin:   cfg.Origin,
		pairings: cfg.Pairings,
		settings: cfg.Settings,
		opener:   cfg.Opener,
		watcher:  cfg.Watcher,
		recorder: cfg.Trace,
		frames:   cfg.Frames,
		metrics:  newMetrics(cfg.Metrics),
		log:      cfg.Log,
		limits:   cfg.Limits.withDefaults(),
		seed:     maphash.MakeSeed(),
		opened:   time.Now(),
		stop:     make(chan struct{}),
	}
	h.upgrader = h.newUpgrader()
	for i := range h.shards {
		h.shards[i].rooms = make(map[screenpop.AgentID]*room)
		h.shards[i].service = make(map[screenpop.Tenant]ServiceState)
		h.shards[i].left = make(map[screenpop.AgentID]int64)
		h.shards[i].open = make(map[*screen]struct{})
	}
	h.goroutines.Go(h.beat)
	return h
}

// Screens returns how many screens the agent has open.
func (h *Hub) Screens(agent screenpop.AgentID) int {
	sh := h.shardOf(agent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.rooms[agent]; r != nil {
		return len(r.screens)
	}
	return 0
}

// CloseSession closes the screens that were opened with the session. With a
// code after which browsers stop, an agent who has no other screen open is
// taken to have left, and the recent pops are forgotten.
func (h *Hub) CloseSession(session string, code CloseCode) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		for _, r := range sh.rooms {
			theirs := false
			for j := len(r.screens) - 1; j >= 0; j-- {
				if s := r.screens[j]; s.session == session {
					theirs = true
					h.remove(r, s, code)
				}
			}
			if theirs && code >= SignedOut && len(r.screens) == 0 {
				r.recent = nil
			}
			sh.leave(r)
		}
		sh.mu.Unlock()
	}
}

// Explain gives the close frame of an agent's open screens words beside its
// code: those of a session, or of all where session is empty. It is called before
// they are closed.
func (h *Hub) Explain(agent screenpop.AgentID, session, words string) {
	h.inRoom(agent, func(r *room) {
		for _, s := range r.screens {
			if session == "" || s.session == session {
				s.mu.Lock()
				s.words = words
				s.mu.Unlock()
			}
		}
	})
}

// CloseAgent closes all screens of the agent. With a code after which browsers
// stop, it also forgets the pops: nobody is signed in who may see them.
func (h *Hub) CloseAgent(agent screenpop.AgentID, code CloseCode) {
	h.inRoom(agent, func(r *room) {
		for len(r.screens) > 0 {
			h.remove(r, r.screens[0], code)
		}
		if code >= SignedOut {
			r.live, r.recent = nil, nil
		}
	})
	if code >= SignedOut {
		h.expectNot(agent)
	}
}

// inRoom calls do under the lock of the agent's room, if there is one.
func (h *Hub) inRoom(agent screenpop.AgentID, do func(*room)) {
	sh := h.shardOf(agent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.rooms[agent]; r != nil {
		do(r)
		sh.leave(r)
	}
}

// elapsed reads the hub's clock.
func (h *Hub) elapsed() int64 { return int64(time.Since(h.opened)) }

// Up tells whether a call has a pop at the agent now, and on how many screens.
func (h *Hub) Up(agent screenpop.AgentID, call screenpop.CallID) (pop bool, screens int) {
	sh := h.shardOf(agent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[agent]
	if r == nil || !slices.ContainsFunc(r.live, func(p livePop) bool { return p.call == call }) {
		return false, 0
	}
	return true, len(r.screens)
}
