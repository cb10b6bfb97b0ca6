package daemon

import (
	"net/http"
	"strings"
)

// hooksPath is where the PBX's webhooks come in.
const hooksPath = "/hooks/"

// split serves agents and the PBX on one listener.
func split(agents, pbx http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, hooksPath) {
			pbx.ServeHTTP(w, r)
			return
		}
		agents.ServeHTTP(w, r)
	})
}
