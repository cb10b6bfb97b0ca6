package push

import (
	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// ServiceState is whether Smokeball answers a tenant.
type ServiceState string

// The states of the service. Until it is told otherwise, a hub takes it that
// all is well.
const (
	ServiceOK           ServiceState = "ok"
	ServiceNotAnswering ServiceState = "not-answering"
)

// Service tells the screens of all agents of a tenant whether Smokeball
// answers. The same state again is no news.
func (h *Hub) Service(t screenpop.Tenant, state ServiceState) {
	// One change at a time: two at once could leave shards that disagree.
	h.serviceChange.Lock()
	defer h.serviceChange.Unlock()
	body := appendService(nil, state)
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		if sh.serviceOf(t) != state {
			sh.service[t] = state
			for a, r := range sh.rooms {
				if a.Tenant == t {
					h.send(r, &message{op: websocket.TextMessage, data: frame("service", r.next(), "service", body)})
					sh.leave(r)
				}
			}
		}
		sh.mu.Unlock()
	}
}

// serviceOf returns what the shard's screens of a tenant were told last. The
// caller holds mu.
func (sh *shard) serviceOf(t screenpop.Tenant) ServiceState {
	if s, ok := sh.service[t]; ok {
		return s
	}
	return ServiceOK
}
