package pbxevents

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// refusal is a request that is answered with a problem: its status, the metric
// it counts under, and one sentence that says what to fix.
type refusal struct {
	status int
	result result
	detail string
}

func (e *refusal) Error() string { return e.detail }

func bad(detail string) *refusal {
	return &refusal{http.StatusBadRequest, malformed, detail}
}

// problem is RFC 9457's application/problem+json.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (e *refusal) write(w http.ResponseWriter) {
	body, err := json.Marshal(problem{"about:blank", http.StatusText(e.status), e.status, e.detail})
	if err != nil {
		http.Error(w, http.StatusText(e.status), e.status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	w.Write(body) //nolint:errcheck // the sender is gone: nobody is left to tell
}
