package simulator

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// PBXFault is something going wrong at the PBX's web server. Several fields
// may be set; the zero value of each does nothing.
type PBXFault struct {
	// Method and Path say where: "" is everywhere, and a Path stands for every
	// path that contains it.
	Method, Path string
	// Times is how many requests it happens to; 0 is all until undone.
	Times int
	// After lets so many requests pass before.
	After int

	Latency time.Duration // before anything else
	Hang    bool          // never answers; ends when the client gives up
	Reset   bool          // the connection is reset
	Status  int           // answers this, and does nothing
	Type    string        // the Content-Type; "" is text/plain
	Body    string
	// LosesAnswer lets the request take effect, and resets the connection
	// instead of an answer.
	LosesAnswer bool
}

// PBXPage is a fault that answers 200 with a page where JSON is due.
func PBXPage(path string) PBXFault {
	return PBXFault{Path: path, Status: http.StatusOK, Type: "text/html", Body: "<!doctype html><title>PBX</title><h1>Sign in</h1>"}
}

type pbxFaults struct {
	mu   sync.Mutex
	list []*PBXFault
}

// Inject makes faults happen from now on, of several for one request the first.
// undo takes back what is left of them.
func (p *PBX) Inject(list ...PBXFault) (undo func()) {
	f := &p.faults
	mine := make([]*PBXFault, len(list))
	for i := range list {
		mine[i] = &list[i]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, mine...)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.list = slices.DeleteFunc(f.list, func(one *PBXFault) bool { return slices.Contains(mine, one) })
	}
}

func (f *pbxFaults) take(r *http.Request) (PBXFault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, one := range f.list {
		if one.Method != "" && one.Method != r.Method || !strings.Contains(r.URL.Path, one.Path) {
			continue
		}
		if one.After > 0 {
			one.After--
			continue
		}
		if one.Times > 0 {
			if one.Times--; one.Times == 0 {
				f.list = slices.Delete(f.list, i, i+1)
			}
		}
		return *one, true
	}
	return PBXFault{}, false
}

func (f *pbxFaults) run(w http.ResponseWriter, r *http.Request, sleep func(context.Context, time.Duration) error, next http.HandlerFunc) {
	one, ok := f.take(r)
	if !ok {
		next(w, r)
		return
	}
	if one.Latency > 0 && sleep(r.Context(), one.Latency) != nil {
		panic(http.ErrAbortHandler)
	}
	switch {
	case one.Hang:
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices a client that leaves
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case one.Reset:
		reset(w)
	case one.LosesAnswer:
		next(&heldAnswer{header: http.Header{}, status: http.StatusOK}, r)
		reset(w)
	case one.Status != 0:
		w.Header().Set("Content-Type", "text/plain")
		if one.Type != "" {
			w.Header().Set("Content-Type", one.Type)
		}
		w.WriteHeader(one.Status)
		_, _ = io.WriteString(w, one.Body)
	default:
		next(w, r)
	}
}
