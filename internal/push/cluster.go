package push

import "github.com/gorilla/websocket"

// ClusterState is whether this daemon is in touch with the other members of its
// cluster.
type ClusterState string

// The states of a cluster's member. A daemon alone has none, and its hub tells of
// none.
const (
	ClusterWhole  ClusterState = "whole"
	ClusterCutOff ClusterState = "cut-off" // what other members take in does not come here
)

// Cluster tells all screens, and in hello those that open, how this member stands
// with the others: pages of one that is cut off look for another. The same state
// again is no news.
func (h *Hub) Cluster(state ClusterState) {
	h.serviceChange.Lock() // see Service
	defer h.serviceChange.Unlock()
	h.cutOff.Store(state == ClusterCutOff)
	body := appendCluster(nil, state)
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		if sh.cluster != state {
			sh.cluster = state
			for _, r := range sh.rooms {
				h.send(r, &message{op: websocket.TextMessage, data: frame("cluster", r.next(), "cluster", body)})
				sh.leave(r)
			}
		}
		sh.mu.Unlock()
	}
}

// CutOff tells whether screens were told last that this member is cut off.
// It is quick: every event asks.
func (h *Hub) CutOff() bool { return h.cutOff.Load() }

func appendCluster(b []byte, state ClusterState) []byte {
	b = append(b, `{"state":`...)
	b = appendString(b, string(state))
	return append(b, '}')
}
