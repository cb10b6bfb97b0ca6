package push

import "github.com/smokepop/smokepop/internal/screenpop"

// Watched tells whether the agent has a screen open or is expected to: one was
// open within Limits.WatchedFor, and the agent has not signed out since; or the
// hub is younger than Limits.Arrival, and nobody can be back yet.
func (h *Hub) Watched(agent screenpop.AgentID) bool {
	now := h.elapsed()
	if now < int64(h.limits.Arrival) {
		return true
	}
	sh := h.shardOf(agent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.rooms[agent]; r != nil && len(r.screens) > 0 {
		return true
	}
	since, expected := sh.left[agent]
	return expected && now-since <= int64(h.limits.WatchedFor)
}

// expectNot forgets that an agent had a screen, who is signed in no longer.
func (h *Hub) expectNot(agent screenpop.AgentID) {
	sh := h.shardOf(agent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.left, agent)
}
