package push

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
)

var _ screenpop.Screens = (*Hub)(nil)

// The verdicts of StepPush.
const (
	verdictShown     = "shown"     // on at least one screen
	verdictNoScreen  = "no-screen" // live, and shown when a screen opens in time
	verdictCaughtUp  = "caught-up" // on a screen that opened while the call lasts
	verdictUpdated   = "updated"   // on screens that are open; without one there is no line
	verdictEnded     = "ended"
	verdictDismissed = "dismissed" // by the agent
	verdictPushedOut = "pushed-out"
	verdictUnpaired  = "unpaired"
	verdictFailed    = "failed"
)

// Pop implements [screenpop.Screens]. The pop is live from now on, also
// without a screen: one that opens while the call lasts shows it. A pop counts
// in smokepop_pops_total once, here. An id that is live already is an update.
func (h *Hub) Pop(agent screenpop.AgentID, pop screenpop.Pop, received time.Time) {
	body, err := encodePop(pop)
	if err != nil {
		h.log.Error("encode pop", "agent", agent, "call", pop.Call, "err", err)
		h.record(agent, livePop{call: pop.Call.ID, number: pop.Call.Number.Masked()}, verdictFailed, "the pop could not be encoded", 0)
		return
	}
	p := newLivePop(pop, body)

	sh, paired := h.lockPaired(agent)
	if !paired {
		sh.mu.Unlock()
		h.record(agent, p, verdictUnpaired, "the agent unpaired during the look-up", 0)
		return
	}
	r := sh.enter(agent)
	if i := r.find(p.id); i >= 0 {
		h.update(r, i, p)
		screens := len(r.screens)
		sh.mu.Unlock()
		h.recordOn(agent, p, verdictUpdated, screens)
		return
	}
	var pushedOut []livePop
	for len(r.live) >= h.limits.LivePops {
		pushedOut = append(pushedOut, r.live[0])
		h.end(r, 0, screenpop.EndTerminated, "")
	}
	r.live = append(r.live, p)
	h.send(r, &message{op: websocket.TextMessage, data: frame("pop", r.next(), "pop", body), pop: &way{pop.Call.ID, received, time.Now()}})
	screens := len(r.screens)
	sh.mu.Unlock()

	h.metrics.pops(pop.Call.Direction).Inc()
	for _, old := range pushedOut {
		h.record(agent, old, verdictPushedOut, "a newer call needed the room on the agent's screens", screens)
	}
	if screens == 0 {
		h.record(agent, p, verdictNoScreen, "the agent has no screen open", 0)
		return
	}
	h.recordOn(agent, p, verdictShown, screens)
}

// lockPaired locks the agent's shard and tells whether the agent is paired: a
// look-up may come back in the moment of unpairing, and what it found is not
// for an agent without an authorisation. An announcement raises announcements
// before it takes the lock. So either it is seen here and the agent is asked
// about again, or it comes to the lock later and ends what was let in.
func (h *Hub) lockPaired(agent screenpop.AgentID) (sh *shard, paired bool) {
	sh = h.shardOf(agent)
	for {
		changes := h.announcements.Load()
		paired = h.pairings.Pairing(agent).State != screenpop.Unpaired
		sh.mu.Lock()
		if h.announcements.Load() == changes {
			return sh, paired
		}
		sh.mu.Unlock()
	}
}

// Update implements [screenpop.Screens].
func (h *Hub) Update(agent screenpop.AgentID, pop screenpop.Pop) {
	body, err := encodePop(pop)
	if err != nil {
		h.log.Error("encode pop", "agent", agent, "call", pop.Call, "err", err)
		return
	}
	p, screens := newLivePop(pop, body), 0
	h.inRoom(agent, func(r *room) {
		if i := r.find(p.id); i >= 0 {
			h.update(r, i, p)
			screens = len(r.screens)
		}
	})
	if screens > 0 {
		h.recordOn(agent, p, verdictUpdated, screens)
	}
}

// End implements [screenpop.Screens]. The pop goes to the agent's recent ones.
func (h *Hub) End(agent screenpop.AgentID, popID string, reason screenpop.EndReason, answeredBy string) {
	var p livePop
	screens := 0
	h.inRoom(agent, func(r *room) {
		if i := r.find(popID); i >= 0 {
			p = r.live[i]
			h.end(r, i, reason, answeredBy)
			screens = len(r.screens)
		}
	})
	if screens > 0 {
		h.recordOn(agent, p, verdictEnded, screens)
	}
}

// Past implements [screenpop.Screens]. A call that was no pop is announced
// quietly and never live.
func (h *Hub) Past(agent screenpop.AgentID, call screenpop.EndedPop) {
	body, err := encodePast(call)
	if err != nil {
		h.log.Error("encode call", "agent", agent, "call", call.Call, "err", err)
		return
	}
	sh := h.shardOf(agent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.enter(agent)
	r.remember(endedPop{call.ID, call.Ended, numbersOf(call.Pop), body}, h.limits.RecentPops)
	h.send(r, &message{op: websocket.TextMessage, data: frame("past", r.next(), "pop", body)})
}

// dismiss ends a pop on all of the agent's screens because one of them asked.
// An id that is not live says nothing: the call may have ended meanwhile, and
// another agent's pops are not in this room.
func (h *Hub) dismiss(agent screenpop.AgentID, popID string) {
	var p livePop
	screens := 0
	h.inRoom(agent, func(r *room) {
		if i := r.find(popID); i >= 0 {
			p = r.live[i]
			h.end(r, i, screenpop.EndDismissed, "")
			screens = len(r.screens)
		}
	})
	if p.id != "" {
		h.record(agent, p, verdictDismissed, "the agent dismissed the pop", screens)
	}
}

// openPop hands on that the agent has opened a pop's card. What is not live in
// the agent's own room is nobody's.
func (h *Hub) openPop(agent screenpop.AgentID, popID string) {
	live := false
	h.inRoom(agent, func(r *room) { live = r.find(popID) >= 0 })
	if live && h.opener != nil {
		h.opener.Opened(agent, popID)
	}
}

// EndAll ends the agent's live pops as dismissed.
func (h *Hub) EndAll(agent screenpop.AgentID) {
	h.inRoom(agent, h.endAll)
}

// Forget ends the agent's live pops and forgets the recent ones. It is for
// when the agent's last session ends. Forgetting is not announced: a page that
// is still there has the same reason to clear its list.
func (h *Hub) Forget(agent screenpop.AgentID) {
	h.inRoom(agent, func(r *room) {
		h.endAll(r)
		r.recent = nil
	})
	h.expectNot(agent)
}

// PairingChanged tells the agent's screens how the authorisation stands. Who
// is unpaired loses the live pops and the recent ones: their names came by
// that authorisation.
func (h *Hub) PairingChanged(agent screenpop.AgentID, p screenpop.Pairing) {
	body, err := json.Marshal(p)
	if err != nil {
		h.log.Error("encode pairing", "agent", agent, "err", err)
		return
	}
	h.announcements.Add(1) // before the lock is taken: see join
	h.inRoom(agent, func(r *room) {
		if p.State == screenpop.Unpaired {
			h.endAll(r)
			r.recent = nil
		}
		h.send(r, &message{op: websocket.TextMessage, data: frame("pairing", r.next(), "pairing", body)})
	})
}

func (h *Hub) update(r *room, i int, p livePop) {
	r.live[i] = p
	h.send(r, &message{op: websocket.TextMessage, data: frame("update", r.next(), "pop", p.body)})
}

func (h *Hub) end(r *room, i int, reason screenpop.EndReason, answeredBy string) {
	p := r.takeLive(i)
	now := time.Now()
	ended := encodeEnded(p.body, now, reason, answeredBy, p.outcome)
	r.remember(endedPop{p.id, now, p.numbers, ended}, h.limits.RecentPops)
	h.send(r, &message{op: websocket.TextMessage, data: endFrame(r.next(), p.id, reason, answeredBy)})
}

func newLivePop(pop screenpop.Pop, body []byte) livePop {
	p := livePop{id: pop.ID, call: pop.Call.ID, number: pop.Call.Number.Masked(), outcome: screenpop.OutcomeMatched, numbers: numbersOf(pop), body: body}
	switch {
	case pop.Pending: // ended now, nobody knows whose number it is
		p.outcome = screenpop.OutcomeTooLate
	case len(pop.Contacts) == 0:
		p.outcome = screenpop.OutcomeNoMatch
	}
	return p
}

func (h *Hub) endAll(r *room) {
	for len(r.live) > 0 {
		h.end(r, 0, screenpop.EndDismissed, "")
	}
}

// recordOn records what was sent to so many screens.
func (h *Hub) recordOn(agent screenpop.AgentID, p livePop, verdict string, screens int) {
	detail := "on 1 screen"
	if screens != 1 {
		detail = "on " + strconv.Itoa(screens) + " screens"
	}
	h.record(agent, p, verdict, detail, screens)
}

func (h *Hub) record(agent screenpop.AgentID, p livePop, verdict, detail string, screens int) {
	h.recorder.Record(screenpop.TraceEntry{
		Time: time.Now(), Tenant: agent.Tenant, Extension: agent.Extension, Call: p.call,
		Step: screenpop.StepPush, Verdict: verdict, Detail: detail, Number: p.number, Screens: screens,
	})
}
