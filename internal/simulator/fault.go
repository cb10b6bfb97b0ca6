package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Fault is something going wrong at an endpoint. The zero value of every field
// but Endpoint does nothing.
type Fault struct {
	Endpoint Endpoint
	// Times is how many requests it happens to; 0 is all of them until undone.
	// Faults with Times queue up: one is used up before the next begins. They
	// go before those without.
	Times int
	// When limits it to requests it returns true for.
	When func(*http.Request) bool

	Latency time.Duration // before anything else
	Stall   bool          // never answers; ends when the client gives up
	Reset   bool          // the connection is reset

	// AfterWork lets the request take effect first and then loses its answer:
	// a token is rotated, and nobody hears of it.
	AfterWork bool
	Status    int // answers this instead
	Header    http.Header
	Body      string
	Size      int64         // pads the body with blanks to this many bytes
	Drip      time.Duration // sends the body byte by byte, this far apart
	// Rewrite changes the JSON object of an answer that succeeded.
	Rewrite func(map[string]any)
	// Answer answers in the server's place and may read the request's body.
	// What else would shape the answer is left aside, AfterWork is not.
	Answer http.HandlerFunc
	// Redirect changes the parameters that the browser takes back to the
	// application at the end of a sign-in. A fault that has it does nothing
	// else; Times counts sign-ins, Endpoint and When are not looked at.
	Redirect func(url.Values)
}

// Statuses are faults that answer the next requests of an endpoint with these
// statuses, in this order; 200 lets a request through.
func Statuses(e Endpoint, statuses ...int) []Fault {
	var out []Fault
	for _, st := range statuses {
		f := Fault{Endpoint: e, Times: 1, Status: st, Body: `{"message":"` + http.StatusText(st) + `"}`}
		if st == http.StatusOK {
			f = Fault{Endpoint: e, Times: 1}
		}
		out = append(out, f)
	}
	return out
}

// HTML is a fault that answers 200 with a page where JSON is due.
func HTML(e Endpoint) Fault {
	return Fault{
		Endpoint: e, Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}},
		Body: "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>",
	}
}

// BadJSON is a fault that answers 200 with JSON that stops half-way.
func BadJSON(e Endpoint) Fault {
	return Fault{Endpoint: e, Status: http.StatusOK, Body: `{"value":[{"id":"0855eddc-f152-44b5-8dad-`}
}

// Oversize is a fault that answers 200 with a body of size bytes that is valid
// JSON once it has been read whole.
func Oversize(e Endpoint, size int64) Fault {
	return Fault{Endpoint: e, Status: http.StatusOK, Body: `{"value":[]}`, Size: size}
}

type faults struct {
	mu   sync.Mutex
	list []*Fault
}

// Inject makes faults happen from now on. undo takes back what is left of them.
func (s *Smokeball) Inject(list ...Fault) (undo func()) {
	mine := make([]*Fault, len(list))
	for i := range list {
		mine[i] = &list[i]
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, mine...)
	return func() {
		s.faults.mu.Lock()
		defer s.faults.mu.Unlock()
		s.faults.list = slices.DeleteFunc(s.faults.list, func(f *Fault) bool { return slices.Contains(mine, f) })
	}
}

// take returns what happens to a request.
func (f *faults) take(e Endpoint, r *http.Request) []Fault {
	return f.next(func(one *Fault) bool {
		return one.Redirect == nil && (one.Endpoint == e || one.Endpoint == AnyEndpoint) && (one.When == nil || one.When(r))
	})
}

// redirect lets faults happen to what the browser takes back.
func (f *faults) redirect(params url.Values) {
	for _, one := range f.next(func(one *Fault) bool { return one.Redirect != nil }) {
		one.Redirect(params)
	}
}

// next returns those of the faults that fit which happen now: the first counted
// one, then all standing ones.
func (f *faults) next(fits func(*Fault) bool) []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var counted, standing []Fault
	for i := 0; i < len(f.list); i++ {
		one := f.list[i]
		if !fits(one) {
			continue
		}
		if one.Times == 0 {
			standing = append(standing, *one)
			continue
		}
		if counted != nil {
			continue
		}
		counted = []Fault{*one}
		if one.Times--; one.Times == 0 {
			f.list = slices.Delete(f.list, i, i+1)
			i--
		}
	}
	return append(counted, standing...)
}

// run lets faults happen around a handler.
func (s *Smokeball) run(w http.ResponseWriter, r *http.Request, list []Fault, next http.HandlerFunc) {
	if len(list) == 0 {
		next(w, r)
		return
	}
	f, rest := list[0], list[1:]
	if f.Stall || f.Latency > 0 || f.Drip > 0 {
		r = readWhole(w, r)
	}
	if f.Latency > 0 && s.sleep(r.Context(), f.Latency) != nil {
		panic(http.ErrAbortHandler)
	}
	if f.Answer != nil {
		s.standIn(w, r, f, func(w http.ResponseWriter, r *http.Request) { s.run(w, r, rest, next) })
		return
	}
	if !f.Stall && !f.Reset && f.Status == 0 && f.Rewrite == nil && f.Drip == 0 {
		s.run(w, r, rest, next)
		return
	}
	answer := &heldAnswer{header: http.Header{}, status: http.StatusOK}
	if f.AfterWork || f.Rewrite != nil || f.Drip > 0 && f.Status == 0 {
		s.run(answer, r, rest, next)
	}
	switch {
	case f.Stall:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Reset:
		reset(w)
		return
	case f.Status != 0:
		answer = &heldAnswer{header: http.Header{"Content-Type": {"application/json"}}, status: f.Status}
		answer.body.WriteString(f.Body)
	}
	if f.Rewrite != nil && answer.status == http.StatusOK {
		answer.rewrite(f.Rewrite)
	}
	for k, v := range f.Header {
		answer.header[http.CanonicalHeaderKey(k)] = v
	}
	s.send(r.Context(), w, answer, f)
}

// maxForm bounds what is read of a request before its endpoint reads it.
const maxForm = 64 << 10

// readWhole reads the request's body and puts it back. net/http notices that a
// client has gone only once the body is read: a wait for that would be one for
// ever.
func readWhole(w http.ResponseWriter, r *http.Request) *http.Request {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

func (s *Smokeball) send(ctx context.Context, w http.ResponseWriter, a *heldAnswer, f Fault) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	if f.Drip == 0 {
		_, _ = w.Write(a.body.Bytes())
		if pad := f.Size - int64(a.body.Len()); pad > 0 {
			_, _ = io.CopyN(w, blanks{}, pad)
		}
		return
	}
	for _, b := range a.body.Bytes() {
		if _, err := w.Write([]byte{b}); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		if s.sleep(ctx, f.Drip) != nil {
			return
		}
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// reset ends the connection with a TCP reset where it can, else by closing it.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// heldAnswer keeps an answer back.
type heldAnswer struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header { return h.header }

func (h *heldAnswer) WriteHeader(status int) {
	if !h.wrote {
		h.status, h.wrote = status, true
	}
}

func (h *heldAnswer) Write(b []byte) (int, error) {
	h.wrote = true
	return h.body.Write(b)
}

func (h *heldAnswer) rewrite(f func(map[string]any)) {
	d := json.NewDecoder(&h.body)
	d.UseNumber()
	m := map[string]any{}
	if d.Decode(&m) != nil {
		return
	}
	f(m)
	b, err := json.Marshal(m)
	if err != nil {
		b = []byte(err.Error())
	}
	h.body.Reset()
	h.body.Write(b)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
