package pbxevents

import (
	"encoding/json"
	"net/http"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// answer is what a webhook is told. Errors are problem+json, the rest is
// described by the outside interface.
type answer struct {
	status int
	result string // the label it is counted under
	detail string // of an error
	skip   screenpop.Skip
	agents []screenpop.Agent
}

type acceptedBody struct {
	Result string                `json:"result"`
	Agents []screenpop.Extension `json:"agents"`
}

type skippedBody struct {
	Result string         `json:"result"`
	Reason screenpop.Skip `json:"reason"`
}

type problemBody struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (a answer) write(w http.ResponseWriter) {
	var body any
	kind := "application/json"
	switch a.result {
	case resultAccepted:
		extensions := make([]screenpop.Extension, len(a.agents))
		for i, agent := range a.agents {
			extensions[i] = agent.Extension
		}
		body = acceptedBody{"accepted", extensions}
	case resultSkipped:
		body = skippedBody{"skipped", a.skip}
	default:
		kind = "application/problem+json"
		body = problemBody{http.StatusText(a.status), a.status, a.detail}
	}
	b, err := json.Marshal(body)
	if err != nil { // cannot be: the bodies are plain
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	_, _ = w.Write(append(b, '\n'))
}
