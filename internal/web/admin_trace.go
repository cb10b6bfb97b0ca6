package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// adminTrace answers with the entries on record as one document, with by=call also
// put together by call and in plain words; or with follow=1 as one JSON document a
// line, going on as calls come in.
func (s *Server) adminTrace(w http.ResponseWriter, r *http.Request) error {
	tenant, extension := named(r)
	seen := reachIn(r.Context())
	if _, known := s.directory.Agent(screenpop.AgentID{Tenant: tenant, Extension: extension}); (!known || !seen.sees(tenant)) && tenant != "" && extension != "" {
		return noAgent(tenant, extension)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if tenants := seen.named(tenant); len(tenants) == 1 {
		tenant = tenants[0] // of one firm the others' calls are not even looked at
	}
	past, next := s.traces.Follow(ctx, TraceQuery{tenant, extension, screenpop.CallID(r.URL.Query().Get("call"))})
	past = slices.DeleteFunc(past, func(e screenpop.TraceEntry) bool { return !seen.sees(e.Tenant) })
	if f := r.URL.Query().Get("follow"); f != "1" && f != "true" {
		if past == nil {
			past = []screenpop.TraceEntry{}
		}
		doc := map[string]any{"entries": past}
		if r.URL.Query().Get("by") == "call" {
			doc["calls"] = s.traces.Ways(past)
		}
		return writeJSON(w, doc)
	}
	// Whoever does not read any more holds nothing up.
	rc := http.NewResponseController(w)
	defer context.AfterFunc(ctx, func() { _ = rc.SetWriteDeadline(time.Now().Add(time.Second)) })()
	return stream(w, seen, past, next, r.URL.Query().Get("mark") == "1")
}

// aliveEvery is how often a stream with nothing to tell has an empty line, so
// that no proxy takes it for dead.
const aliveEvery = 20 * time.Second

// stream answers with a line for each entry. With mark an empty one ends those on
// record: who follows several tenants' as one knows by it when all have told theirs.
func stream(w http.ResponseWriter, seen reach, past []screenpop.TraceEntry, next <-chan screenpop.TraceEntry, mark bool) error {
	rc := http.NewResponseController(w)
	// The server's deadlines are for requests that end. The one for reading
	// would cancel the request's context when it passes.
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect lines otherwise
	enc := json.NewEncoder(w)
	for _, e := range past {
		if enc.Encode(e) != nil {
			return nil // whoever followed has gone
		}
	}
	if mark {
		_, _ = w.Write([]byte("\n"))
	}
	if rc.Flush() != nil {
		return nil
	}
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for {
		select {
		case e, more := <-next:
			if !more {
				return nil
			}
			if !seen.sees(e.Tenant) {
				continue
			}
			if enc.Encode(e) != nil {
				return nil
			}
		case <-alive.C:
			if _, err := w.Write([]byte("\n")); err != nil {
				return nil
			}
		}
		if rc.Flush() != nil {
			return nil
		}
	}
}
