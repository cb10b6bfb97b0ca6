package push

import (
	"encoding/json"
	"slices"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Settings knows an agent's settings as they are now. It has to answer with the
// new ones before it announces them by [Hub.SettingsChanged], and to be quick.
type Settings interface {
	View(screenpop.AgentID) screenpop.SettingsView
}

// SettingsChanged tells the agent's screens the settings. Who announces twice
// does it in the order of the changes.
func (h *Hub) SettingsChanged(agent screenpop.AgentID, v screenpop.SettingsView) {
	body, err := json.Marshal(v)
	if err != nil {
		h.log.Error("encode settings", "agent", agent, "err", err)
		return
	}
	h.announcements.Add(1) // before the lock is taken: see join
	h.inRoom(agent, func(r *room) {
		h.send(r, &message{op: websocket.TextMessage, data: frame("settings", r.next(), "settings", body)})
	})
}

// settingsOf returns the agent's settings as they stand in hello; nil for none.
func (h *Hub) settingsOf(agent screenpop.AgentID) ([]byte, error) {
	if h.settings == nil {
		return nil, nil
	}
	return json.Marshal(h.settings.View(agent))
}

// SessionScreens returns how many screens of the agent were opened with the
// session.
func (h *Hub) SessionScreens(agent screenpop.AgentID, session string) (n int) {
	h.inRoom(agent, func(r *room) {
		for _, s := range r.screens {
			if s.session == session {
				n++
			}
		}
	})
	return n
}

// SessionNodes returns for each screen that the session has open where its browser is
// connected, in order; nothing where there is no cluster.
func (h *Hub) SessionNodes(agent screenpop.AgentID, session string) (nodes []string) {
	h.inRoom(agent, func(r *room) {
		for _, s := range r.screens {
			if s.session == session && s.node != "" {
				nodes = append(nodes, s.node)
			}
		}
	})
	slices.Sort(nodes)
	return nodes
}
