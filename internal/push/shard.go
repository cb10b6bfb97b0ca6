package push

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// shardCount spreads agents over locks, so that agents seldom meet at one.
const shardCount = 64

// shard holds the rooms of some agents. Its lock is held to copy bytes and to
// append to queues; never to encode, to write to a socket, or to call anybody
// who could come back.
type shard struct {
	mu    sync.Mutex
	rooms map[screenpop.AgentID]*room
	// service has the tenants whose state was ever told. Each shard has its own
	// copy, so that hello and the news after it are one sequence.
	service map[screenpop.Tenant]ServiceState
	// cluster is what screens were told last of the cluster; empty: nothing.
	cluster ClusterState
	// open has every screen whose goroutines may still run: those in rooms and
	// those that are being closed.
	open map[*screen]struct{}
	// left has when the last screen of agents closed who have none now and are
	// expected back, on the hub's clock.
	left map[screenpop.AgentID]int64
	// floor is the highest seq of the rooms that were given up. A new room
	// starts there, and so an agent's seq never falls while the hub lives.
	floor uint64
}

func (h *Hub) shardOf(a screenpop.AgentID) *shard {
	return &h.shards[maphash.Comparable(h.seed, a)%shardCount]
}

// enter returns the agent's room and makes it if there is none. The caller
// holds mu and calls leave before it lets go.
func (sh *shard) enter(a screenpop.AgentID) *room {
	r := sh.rooms[a]
	if r == nil {
		r = &room{agent: a, seq: sh.floor}
		sh.rooms[a] = r
	}
	return r
}

// leave gives an empty room up.
func (sh *shard) leave(r *room) {
	if r.empty() {
		sh.floor = max(sh.floor, r.seq)
		delete(sh.rooms, r.agent)
	}
}

// send puts a message into the queue of each of the room's screens and takes
// out those whose queue is full. The caller holds mu.
func (h *Hub) send(r *room, m *message) {
	for i := len(r.screens) - 1; i >= 0; i-- {
		if s := r.screens[i]; !s.offer(m) {
			h.remove(r, s, TooSlow)
		}
	}
}

// remove is the one way a screen leaves its room. It returns false when the
// screen has left before. The caller holds mu.
func (h *Hub) remove(r *room, s *screen, code CloseCode) bool {
	i := slices.Index(r.screens, s)
	if i < 0 {
		return false
	}
	r.screens = slices.Delete(r.screens, i, i+1)
	if len(r.screens) == 0 && code < SignedOut {
		s.shard.left[r.agent] = h.elapsed()
	}
	s.close(code)
	h.metrics.screens.Dec()
	h.metrics.closed.WithLabelValues(code.String()).Inc()
	return true
}

// drop removes a screen.
func (h *Hub) drop(s *screen, code CloseCode) {
	sh := s.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.rooms[s.agent]; r != nil {
		h.remove(r, s, code)
		sh.leave(r)
	}
}
