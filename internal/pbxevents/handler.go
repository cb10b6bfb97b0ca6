package pbxevents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	maxBody     = 64 << 10
	bodyTimeout = 10 * time.Second // for the whole body
)

// Handler serves /hooks/vodia/{domain} and
// /hooks/vodia/{domain}/{event}/{extension}. It believes r.RemoteAddr; what
// proxies say of it has to be settled before.
func (r *Receiver) Handler() http.Handler {
	m := chi.NewRouter()
	m.HandleFunc("/hooks/vodia/{domain}", r.serve)
	m.HandleFunc("/hooks/vodia/{domain}/{event}/{extension}", r.serve)
	m.NotFound(func(w http.ResponseWriter, req *http.Request) {
		r.refuse(w, req, "", &refusal{http.StatusNotFound, unknownPath,
			"Send events to /hooks/vodia/{domain} or /hooks/vodia/{domain}/{event}/{extension}."})
	})
	m.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) { r.refuse(w, req, "", badMethod()) })
	return m
}

func badMethod() *refusal {
	return &refusal{http.StatusMethodNotAllowed, wrongMethod, "Send events with POST, PUT or GET."}
}

// serve takes one request in, in the order of checks that the interface
// promises: path, method, source, credentials, size, type, content.
func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	received := r.now()
	path, refused := pathOf(req)
	if refused != nil {
		r.refuse(w, req, "", refused)
		return
	}
	t := r.tenant(screenpop.ParseTenant(path.domain))
	if t == nil {
		r.refuse(w, req, "", &refusal{http.StatusNotFound, unknownTenant,
			"No tenant of this domain is configured: write the PBX tenant's domain behind /hooks/vodia/ as the configuration has it."})
		return
	}
	var seen *observation
	if t.captures.on() {
		seen = &observation{}
	}
	m, refused := t.admit(w, req, path, seen)
	if refused != nil {
		t.observe(seen, req, path, nil, verdict{}, refused, received)
		if refused.letIn() {
			r.recordRefused(t, nil, refused, received)
		}
		t.heard.refused(received, req, refused)
		r.refuse(w, req, t.domain, refused)
		return
	}
	read := r.now()
	v := t.take(m, received)
	took := spent{received, read, r.now()}
	t.observe(seen, req, path, m, v, v.refused, received)
	if v.refused != nil {
		r.recordRefused(t, m, v.refused, received)
		t.heard.refused(received, req, v.refused)
		r.refuse(w, req, t.domain, v.refused)
		return
	}
	if !m.test {
		t.heard.event(received)
	}
	r.metrics.events[v.result].Inc()
	if v.result == skipped {
		r.metrics.skips[v.skip].Inc()
	}
	r.metrics.joined.Add(float64(len(v.joined)))
	r.record(t, m, v, took)
	answer(w, v)
}

// admit checks a request and reads its event.
func (t *tenant) admit(w http.ResponseWriter, req *http.Request, path pathFields, seen *observation) (*message, *refusal) {
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodGet:
	default:
		return nil, badMethod()
	}
	if !t.gate.source(req) {
		return nil, &refusal{http.StatusForbidden, forbidden, "Add the sender's network to the tenant's pbx.webhook.allow: this address is not in it."}
	}
	if !t.gate.credentials(req) {
		w.Header().Set("WWW-Authenticate", t.gate.challenge())
		return nil, &refusal{http.StatusUnauthorized, unauthorized,
			"Send the tenant's webhook user name and password by HTTP Basic, and its token in the header " + TokenHeader + ", whichever of them are configured."}
	}
	buf := bodies.Get().(*bytes.Buffer)
	defer func() { buf.Reset(); bodies.Put(buf) }()
	if refused := readBody(w, req, buf); refused != nil {
		return nil, refused
	}
	if seen != nil {
		seen.body = bytes.Clone(buf.Bytes())
	}
	return t.read(req.Header.Get("Content-Type"), buf.Bytes(), req.URL.RawQuery, path)
}

// read reads the event of a webhook whose sender is let in. What it returns does
// not point into body.
func (t *tenant) read(contentType string, body []byte, rawQuery string, path pathFields) (*message, *refusal) {
	f, refused := t.names.decodeBody(contentType, body)
	if refused != nil {
		return nil, refused
	}
	query, refused := t.names.decodeForm(rawQuery, "the query string")
	if refused != nil {
		return nil, refused
	}
	var all fields
	all.set(fEvent, 0, path.event)
	all.set(fExtension, 0, path.extension)
	all.under(&f)
	all.under(&query)
	m := new(message)
	if refused := m.read(&all, t.names); refused != nil {
		return nil, refused
	}
	m.came, m.other = t.names.shapesOf(&all), all[fOther].list
	return m, nil
}

// bodies are kept for reuse: nothing of a decoded event points into one.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func readBody(w http.ResponseWriter, req *http.Request, into *bytes.Buffer) *refusal {
	if req.Body == nil || req.Body == http.NoBody || req.ContentLength == 0 {
		return nil
	}
	if req.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // not to read what is not wanted
		return tooMuch()
	}
	// A sender that dribbles holds its own connection up, and not for long. A
	// ResponseWriter without deadlines has no connection that could hang.
	err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return bad("Send the body again: the connection has failed.")
	}
	if _, err := io.Copy(into, http.MaxBytesReader(w, req.Body, maxBody)); err != nil {
		var over *http.MaxBytesError
		switch {
		case errors.As(err, &over):
			return tooMuch()
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.Header().Set("Connection", "close")
			return bad("Send the whole body within " + bodyTimeout.String() + ".")
		}
		return bad("Send the whole body: it broke off.")
	}
	return nil
}

func tooMuch() *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, tooLarge, "Send at most " + strconv.Itoa(maxBody) + " bytes: an event has some hundred."}
}

type pathFields struct{ domain, event, extension string }

// pathOf reads the path's fields. chi matches the path as it was sent when it
// holds escapes that change its meaning, so they are undone here.
func pathOf(req *http.Request) (p pathFields, _ *refusal) {
	ctx := chi.RouteContext(req.Context())
	raw := req.URL.RawPath != ""
	for i, key := range ctx.URLParams.Keys {
		text := ctx.URLParams.Values[i]
		if raw {
			var err error
			if text, err = url.PathUnescape(text); err != nil {
				return p, bad("Percent-encode the path's fields.")
			}
		}
		switch key {
		case "domain":
			p.domain = text
		case "event":
			p.event = text
		case "extension":
			p.extension = text
		}
	}
	return p, nil
}

// answer writes what the interface promises for a verdict.
func answer(w http.ResponseWriter, v verdict) {
	if v.result == full {
		w.Header().Set("Retry-After", "1")
		(&refusal{http.StatusServiceUnavailable, full, "Send the event again in a second: too many are waiting."}).write(w)
		return
	}
	status, body := http.StatusOK, `{"result":"skipped","reason":"`+string(v.skip)+`"}`
	if v.result == accepted {
		status, body = http.StatusAccepted, acceptedBody(v.extensions)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, body) //nolint:errcheck // the sender is gone: nobody is left to tell
}

func acceptedBody(agents []screenpop.Extension) string {
	b := make([]byte, 0, 64)
	b = append(b, `{"result":"accepted","agents":[`...)
	for i, e := range agents {
		if i > 0 {
			b = append(b, ',')
		}
		if digits(string(e)) {
			b = append(append(append(b, '"'), e...), '"')
			continue
		}
		quoted, err := json.Marshal(e)
		if err != nil {
			continue // a string always marshals
		}
		b = append(b, quoted...)
	}
	return string(append(b, "]}"...))
}

// refuse answers a request that is no event and tells the admin, who is
// perhaps just writing the template.
func (r *Receiver) refuse(w http.ResponseWriter, req *http.Request, t screenpop.Tenant, e *refusal) {
	if e.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "POST, PUT, GET")
	}
	r.metrics.events[e.result].Inc()
	r.complain(req.Context(), req.RemoteAddr, t, e)
	e.write(w)
}

func (r *Receiver) complain(ctx context.Context, from string, t screenpop.Tenant, e *refusal) {
	// The daemon's log holds back what repeats too fast: a stranger must not
	// fill the disk.
	r.log.LogAttrs(ctx, slog.LevelWarn, "webhook refused",
		slog.String("tenant", string(t)), slog.String("remote", from), slog.Int("status", e.status),
		slog.String("result", string(e.result)), slog.String("detail", e.detail))
}
