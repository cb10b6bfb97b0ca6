package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// adminTrace answers with the entries on record as one document, or with
// follow=1 as one JSON document a line, going on as calls come in.
func (s *Server) adminTrace(w http.ResponseWriter, r *http.Request) error {
	tenant, extension := named(r)
	if _, known := s.directory.Agent(screenpop.AgentID{Tenant: tenant, Extension: extension}); !known && tenant != "" && extension != "" {
		return noAgent(tenant, extension)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	past, next := s.traces.Follow(ctx, TraceQuery{tenant, extension, screenpop.CallID(r.URL.Query().Get("call"))})
	if f := r.URL.Query().Get("follow"); f != "1" && f != "true" {
		if past == nil {
			past = []screenpop.TraceEntry{}
		}
		return writeJSON(w, map[string]any{"entries": past})
	}
	return stream(w, past, next)
}

func stream(w http.ResponseWriter, past []screenpop.TraceEntry, next <-chan screenpop.TraceEntry) error {
	rc := http.NewResponseController(w)
	// The server's deadlines are for requests that end. The one for reading
	// would cancel the request's context when it passes.
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, e := range past {
		if enc.Encode(e) != nil {
			return nil // whoever followed has gone
		}
	}
	if rc.Flush() != nil {
		return nil
	}
	for e := range next {
		if enc.Encode(e) != nil || rc.Flush() != nil {
			return nil
		}
	}
	return nil
}
