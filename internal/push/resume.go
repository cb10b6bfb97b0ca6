package push

import "github.com/smokepop/smokepop/internal/screenpop"

// Live tells whether the pop is on the agent's screens, or would be on one that
// opens.
func (h *Hub) Live(agent screenpop.AgentID, popID string) bool {
	live := false
	h.inRoom(agent, func(r *room) { live = r.find(popID) >= 0 })
	return live
}

// Resume implements [screenpop.Screens]. The pop was counted, and told of, by
// the daemon that showed it.
func (h *Hub) Resume(agent screenpop.AgentID, pop screenpop.Pop) {
	body, err := encodePop(pop)
	if err != nil {
		h.log.Error("encode pop", "agent", agent, "call", pop.Call, "err", err)
		return
	}
	sh, paired := h.lockPaired(agent)
	defer sh.mu.Unlock()
	if !paired {
		return
	}
	if r := sh.enter(agent); r.find(pop.ID) < 0 && len(r.live) < h.limits.LivePops {
		r.live = append(r.live, newLivePop(pop, body))
	}
}
