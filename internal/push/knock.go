package push

import (
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// Knock answers a handshake as Serve does and closes the socket at once, with
// 1000: it shows that a websocket comes through from where the request is from,
// and nothing else. The caller has made sure that the request is wanted.
func (h *Hub) Knock(w http.ResponseWriter, r *http.Request) {
	switch {
	case !h.ours(r):
		problem(w, http.StatusForbidden, "The Origin header is missing or is another one.")
		return
	case !websocket.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		problem(w, http.StatusUpgradeRequired, "This address speaks websocket only.")
		return
	case !slices.Contains(websocket.Subprotocols(r), Subprotocol):
		problem(w, http.StatusBadRequest, "Ask for the websocket subprotocol "+Subprotocol+".")
		return
	}
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(handshakeTimeout))
	_ = conn.Close()
}
