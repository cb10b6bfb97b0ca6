package pbxevents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	maxBody     = 64 << 10         // bytes of a webhook's body
	bodyTimeout = 10 * time.Second // to send it in
	sweepEvery  = time.Minute
)

// Deps are what a Receiver stands on. Trace, Log and Now may be left out.
type Deps struct {
	Directory Directory
	Sink      screenpop.Sink
	Trace     screenpop.Recorder
	Metrics   prometheus.Registerer
	Log       *slog.Logger
	Now       func() time.Time
}

// Receiver takes in the webhooks of all tenants. It may serve many requests at
// once.
type Receiver struct {
	deps    Deps
	tenants map[screenpop.Tenant]*receiving
	metrics *metrics
	handler http.Handler
}

// receiving is a tenant with the calls it has.
type receiving struct {
	Tenant
	tracker *tracker
}

// New returns a Receiver for the tenants. The error is about metrics that are
// registered already.
func New(tenants []Tenant, deps Deps) (*Receiver, error) {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Trace == nil {
		deps.Trace = discard{}
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register the event side's metrics: %w", err)
	}
	r := &Receiver{deps: deps, metrics: m, tenants: make(map[screenpop.Tenant]*receiving, len(tenants))}
	for _, t := range tenants {
		in := &receiving{Tenant: t}
		in.tracker = newTracker(&in.Tenant, deps.Directory, deps.Sink, deps.Now)
		r.tenants[t.Domain] = in
	}
	mux := chi.NewRouter()
	mux.HandleFunc("/hooks/vodia/{domain}", r.serve)
	mux.HandleFunc("/hooks/vodia/{domain}/{event}/{extension}", r.serve)
	mux.NotFound(func(w http.ResponseWriter, req *http.Request) {
		r.finish(w, notFound("there is nothing here: webhooks go to /hooks/vodia/{domain}"))
	})
	r.handler = mux
	return r, nil
}

type discard struct{}

func (discard) Record(screenpop.TraceEntry) {}

// Handler serves /hooks/vodia/. It takes a request's RemoteAddr for its true
// source.
func (r *Receiver) Handler() http.Handler { return r.handler }

// Run ends calls whose end never came, until ctx ends.
func (r *Receiver) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, t := range r.tenants {
				t.tracker.sweep()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	r.finish(w, r.receive(w, req))
}

func (r *Receiver) finish(w http.ResponseWriter, a answer) {
	r.metrics.results[a.result].Inc()
	if a.skip != "" {
		r.metrics.skips[a.skip].Inc()
	}
	a.write(w)
}

// receive is the way of one webhook. The order of the checks is part of the
// outside interface: path, method, source, credentials, size, type, content.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) answer {
	domain := pathValue(req, "domain")
	t, known := r.tenants[screenpop.ParseTenant(domain)]
	if !known {
		return notFound("no tenant of that name is configured here: check the domain in the webhook's URL")
	}
	log := r.deps.Log.With("tenant", t.Domain)
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodGet:
	default:
		w.Header().Set("Allow", "POST, PUT, GET")
		return answer{status: http.StatusMethodNotAllowed, result: resultMethod, detail: "webhooks are sent by POST, PUT or GET"}
	}
	if !t.Auth.sourceAllowed(req) {
		log.Warn("webhook from a source that is not allowed", "source", req.RemoteAddr)
		return answer{status: http.StatusForbidden, result: resultForbidden,
			detail: "this source is not allowed: add the PBX's address to pbx.webhook.allow"}
	}
	if !t.Auth.authorized(req) {
		log.Warn("webhook with wrong or missing credentials", "source", req.RemoteAddr)
		return answer{status: http.StatusUnauthorized, result: resultUnauthorized, detail: t.Auth.challenge(w.Header())}
	}
	e, err := decode(w, req)
	if err != nil {
		a := refusal(err)
		log.Warn("webhook refused", "status", a.status, "detail", a.detail)
		return a
	}
	if e.state == "" {
		r.trace(t, e, "", screenpop.Number{}, string(screenpop.SkipState))
		return answer{status: http.StatusOK, result: resultSkipped, skip: screenpop.SkipState}
	}
	return r.take(w, t, e)
}

func (r *Receiver) take(w http.ResponseWriter, t *receiving, e event) answer {
	res := t.tracker.take(e)
	switch {
	case res.full:
		w.Header().Set("Retry-After", "1")
		return answer{status: http.StatusServiceUnavailable, result: resultFull, detail: "too many events are waiting: send this one again shortly"}
	case res.skip != "":
		x := screenpop.Extension("")
		if len(e.extensions) == 1 {
			x = e.extensions[0]
		}
		r.trace(t, e, x, res.number, string(res.skip))
		return answer{status: http.StatusOK, result: resultSkipped, skip: res.skip}
	}
	for _, a := range res.agents {
		r.trace(t, e, a.Extension, res.number, resultAccepted)
	}
	return answer{status: http.StatusAccepted, result: resultAccepted, agents: res.agents}
}

func (r *Receiver) trace(t *receiving, e event, x screenpop.Extension, n screenpop.Number, verdict string) {
	r.deps.Trace.Record(screenpop.TraceEntry{
		Time: r.deps.Now(), Tenant: t.Domain, Extension: x, Call: e.call,
		Step: screenpop.StepEvent, Verdict: verdict, Detail: string(e.state), Number: n.Masked(),
	})
}

// decode reads the event of a request: path before body before query.
func decode(w http.ResponseWriter, req *http.Request) (event, error) {
	body := &fields{}
	if req.Method != http.MethodGet {
		// A sender has this long for the whole body; servers that cannot set it
		// have a timeout of their own.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
		if err != nil {
			return event{}, err
		}
		if body, err = decodeBody(req.Header.Get("Content-Type"), raw); err != nil {
			return event{}, err
		}
	}
	query, err := decodeForm(req.URL.RawQuery, "query string")
	if err != nil {
		return event{}, err
	}
	path := &fields{}
	if v := pathValue(req, "event"); v != "" {
		path.set(places["event"], v)
		path.set(places["extension"], splitList(fieldExtension, []string{pathValue(req, "extension")})...)
	}
	return newEvent(path, body, query)
}

// refusal is the answer to an event that could not be read.
func refusal(err error) answer {
	var bad malformed
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &bad):
		return answer{status: http.StatusBadRequest, result: resultMalformed, detail: bad.detail}
	case errors.As(err, &large):
		return answer{status: http.StatusRequestEntityTooLarge, result: resultTooLarge, detail: "the body is over 64 KiB: send the documented fields only"}
	case errors.Is(err, errType):
		return answer{status: http.StatusUnsupportedMediaType, result: resultType,
			detail: "send the body as application/json or application/x-www-form-urlencoded, or everything in the query string"}
	}
	return answer{status: http.StatusBadRequest, result: resultMalformed, detail: "the body did not arrive whole: send it at once"}
}

func notFound(detail string) answer {
	return answer{status: http.StatusNotFound, result: resultUnknownTenant, detail: detail}
}

// pathValue returns a part of the path, decoded. chi routes on the escaped path
// where the two differ, and hands that out.
func pathValue(req *http.Request, name string) string {
	v := chi.URLParam(req, name)
	if req.URL.RawPath == "" {
		return v
	}
	if decoded, err := url.PathUnescape(v); err == nil {
		return decoded
	}
	return v
}
