package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// defaultCapture is how long webhooks are shown to who names no time.
const defaultCapture = 2 * time.Minute

// Captures shows webhooks as they arrive. An error that is a [CaptureProblem]
// is told to the admin in its own words.
type Captures interface {
	// Capture hands over what is to be told of each webhook of the tenant, as
	// a value to be written as JSON, until the time is over or ctx ends; then it
	// returns nil. began is called once the first webhook could be seen, with
	// the tenant that is meant: an empty one stands for the only one there is.
	// The error of each and of began ends it and is returned.
	Capture(ctx context.Context, tenant screenpop.Tenant, lasting time.Duration, began func(screenpop.Tenant) error, each func(webhook any) error) error
}

// CaptureProblem is an error of [Captures] that says how it looks from outside.
type CaptureProblem interface {
	error
	CaptureProblem() (status int, sentence string)
}

// errGone says that whoever watched has left.
var errGone = errors.New("whoever watched has left")

// adminCapture answers with a line of JSON for the beginning and one for each
// webhook, until the time is over.
func (s *Server) adminCapture(w http.ResponseWriter, r *http.Request) error {
	lasting := defaultCapture
	if f := r.URL.Query().Get("for"); f != "" {
		var err error
		if lasting, err = time.ParseDuration(f); err != nil || lasting <= 0 {
			return refuse(http.StatusBadRequest, fmt.Sprintf("%q is no time to capture for: write it like 2m", f))
		}
	}
	tenant, _ := named(r)
	rc := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	tell := func(v any) error {
		if enc.Encode(v) != nil || rc.Flush() != nil {
			return errGone
		}
		return nil
	}
	began := func(t screenpop.Tenant) error {
		s.record(r, commanding(r), audit.Capture{Tenant: t, For: lasting}, nil)
		// The server's deadlines are for requests that end.
		_ = rc.SetReadDeadline(time.Time{})
		_ = rc.SetWriteDeadline(time.Time{})
		w.Header().Set("Content-Type", "application/x-ndjson")
		return tell(map[string]any{"tenant": t})
	}
	err := s.captures.Capture(r.Context(), tenant, lasting, began, func(webhook any) error {
		return tell(map[string]any{"webhook": webhook})
	})
	var known CaptureProblem
	switch {
	case err == nil, errors.Is(err, errGone):
		return nil
	case errors.As(err, &known):
		status, sentence := known.CaptureProblem()
		return refuse(status, sentence)
	}
	return failed("capture webhooks", err)
}
