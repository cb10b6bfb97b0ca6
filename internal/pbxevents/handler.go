package pbxevents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	maxBody     = 64 << 10
	bodyTimeout = 10 * time.Second // for the whole body
)

// Handler serves /hooks/vodia/{domain} and
// /hooks/vodia/{domain}/{event}/{extension}. It believes r.RemoteAddr; what
// proxies say of it has to be settled before.
func (r *Receiver) Handler() http.Handler { return http.HandlerFunc(r.serve) }

func badMethod() *refusal {
	return &refusal{http.StatusMethodNotAllowed, wrongMethod, "Send events with POST, PUT or GET."}
}

// serve takes one request in, in the order of checks that the interface
// promises: path, method, source, credentials, size, type, content.
func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	received := r.now()
	path, refused := pathOf(req.URL)
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
	if v.result == accepted {
		// Who works the event off goes first, on this processor and with what it has
		// at hand: the agent waits for the pop, nobody for the answer.
		runtime.Gosched()
	}
	refused = v.refused
	if refused == nil {
		r.record(t, m, v, took)
		refused = r.keep(req.Context(), m, &v)
	}
	t.observe(seen, req, path, m, v, refused, received)
	if v.refused != nil {
		r.recordRefused(t, m, v.refused, received)
		t.heard.refused(received, req, v.refused)
		r.refuse(w, req, t.domain, v.refused)
		return
	}
	if !m.test {
		t.heard.event(received)
	}
	r.metrics.joined.Add(float64(len(v.joined)))
	if refused != nil {
		w.Header().Set("Retry-After", "1")
		r.refuse(w, req, t.domain, refused)
		return
	}
	r.metrics.events[v.result].Inc()
	if v.result == skipped {
		r.metrics.skips[v.skip].Inc()
	}
	answer(w, v)
}

// keep waits until what was taken in is safe with whoever goes on with the calls. The
// refusal says that it may not be.
func (r *Receiver) keep(ctx context.Context, m *message, v *verdict) *refusal {
	over := m.state == screenpop.Terminated
	ours := over || v.result == accepted || v.skip == screenpop.SkipDuplicate
	if r.deps.Kept == nil || m.test || v.result == full || !ours {
		return nil
	}
	if err := r.deps.Kept(ctx, over); err == nil {
		return nil
	}
	what := "The call is over here."
	if !over {
		what = "The event is taken in here."
	}
	return &refusal{http.StatusServiceUnavailable, unkept,
		what + " Send the event again in a second, to another node where there are several: it cannot be kept just now for the node that goes on with the calls."}
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
	body := req.Body
	if req.ContentLength < 0 { // else the server reads no further than that
		body = http.MaxBytesReader(w, body, maxBody)
	}
	if _, err := into.ReadFrom(body); err != nil {
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

const hooksPrefix = "/hooks/vodia/"

// pathOf reads the path's fields. Two paths need no router, which would copy
// every request for them. A path with escapes that change its meaning is taken
// apart as it was sent; they are undone afterwards.
func pathOf(u *url.URL) (p pathFields, _ *refusal) {
	path := u.Path
	if u.RawPath != "" {
		path = u.RawPath
	}
	rest, ours := strings.CutPrefix(path, hooksPrefix)
	domain, rest, three := strings.Cut(rest, "/")
	event, extension, whole := strings.Cut(rest, "/")
	if !ours || three != whole || strings.Contains(extension, "/") {
		return p, &refusal{http.StatusNotFound, unknownPath,
			"Send events to /hooks/vodia/{domain} or /hooks/vodia/{domain}/{event}/{extension}."}
	}
	p = pathFields{domain, event, extension}
	if u.RawPath == "" {
		return p, nil
	}
	for _, field := range []*string{&p.domain, &p.event, &p.extension} {
		text, err := url.PathUnescape(*field)
		if err != nil {
			return p, bad("Percent-encode the path's fields.")
		}
		*field = text
	}
	return p, nil
}

// answer writes what the interface promises for a verdict.
func answer(w http.ResponseWriter, v verdict) {
	if v.result == full {
		w.Header().Set("Retry-After", "1")
		(&refusal{http.StatusServiceUnavailable, full, "Send the event again in a second, to another node where there are several: it cannot be taken in just now."}).write(w)
		return
	}
	status, body := http.StatusAccepted, []byte(nil)
	if v.result == accepted {
		body = acceptedBody(v.extensions)
	} else {
		status, body = http.StatusOK, []byte(`{"result":"skipped","reason":"`+string(v.skip)+`"}`)
	}
	// The same values each time: Set would make a list of each.
	h := w.Header()
	h["Content-Type"] = answerType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Content-Type-Options"] = answerOptions
	h["Cache-Control"] = answerCache
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the sender is gone: nobody is left to tell
}

// What every answer says of itself; nobody changes them.
var (
	answerType    = []string{"application/json"}
	answerOptions = []string{"nosniff"}
	answerCache   = []string{"no-store"}
)

func acceptedBody(agents []screenpop.Extension) []byte {
	b := make([]byte, 0, 40+16*len(agents))
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
	return append(b, "]}"...)
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
