package daemon

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// unkeptMost bounds the ends that a node offers again, and how long it does; the
	// oldest go first.
	unkeptMost = 4096
	unkeptFor  = 10 * time.Minute
	// unkeptEvery is how often they are offered, unkeptAtOnce how many at a time.
	unkeptEvery  = time.Second
	unkeptAtOnce = 16
	// unkeptTime is how long one may take: to find the owner, and its answer.
	unkeptTime = 3 * time.Second
)

// unkept are the ends of calls that the PBX has brought to this node and that the
// owner of their part could not keep for who goes on with the calls. They are offered
// to whoever owns the part until one has them for sure: the PBX may not send them
// again, and an end that comes twice is no harm. In memory alone.
type unkept struct {
	hurry chan struct{} // holds a token when a part was lost

	mu  sync.Mutex
	all map[string]*unkeptEnd // by what it says: the PBX may have sent it several times
}

func newUnkept() *unkept {
	return &unkept{hurry: make(chan struct{}, 1), all: map[string]*unkeptEnd{}}
}

// soon has them offered at once.
func (u *unkept) soon() {
	select {
	case u.hurry <- struct{}{}:
	default:
	}
}

type unkeptEnd struct {
	says  string
	part  int
	r     *http.Request // without its body
	body  []byte
	since time.Time
}

// add keeps an end to be offered again.
func (u *unkept) add(r *http.Request, part int, body []byte) {
	again := r.Clone(context.Background())
	again.Body = nil
	says := r.Method + " " + r.URL.RequestURI() + "\n" + string(body)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all[says] != nil {
		return
	}
	if len(u.all) >= unkeptMost {
		delete(u.all, u.sorted()[0].says)
	}
	u.all[says] = &unkeptEnd{says, part, again, body, time.Now()}
}

// sorted returns them, the oldest first. Under mu.
func (u *unkept) sorted() []*unkeptEnd {
	return slices.SortedFunc(maps.Values(u.all), func(a, b *unkeptEnd) int { return a.since.Compare(b.since) })
}

// list returns those there are, the oldest first, and forgets what is too old.
func (u *unkept) list() []*unkeptEnd {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.all, func(_ string, end *unkeptEnd) bool { return time.Since(end.since) > unkeptFor })
	return u.sorted()
}

// kept forgets an end that is kept.
func (u *unkept) kept(end *unkeptEnd) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.all, end.says)
}

// offerUnkept offers ends again until ctx ends.
func (f *front) offerUnkept(ctx context.Context) {
	tick := time.NewTicker(unkeptEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.ends.hurry:
		case <-ctx.Done():
			return
		}
		f.offerAll(ctx)
	}
}

func (f *front) offerAll(ctx context.Context) {
	if !f.Connected() {
		return // nothing is kept from here, and each would be on record each time
	}
	var kept atomic.Int32
	offers := new(errgroup.Group)
	offers.SetLimit(unkeptAtOnce)
	for _, end := range f.ends.list() {
		offers.Go(func() error {
			if ctx.Err() == nil && f.Connected() && f.offer(ctx, end) {
				f.ends.kept(end)
				kept.Add(1)
			}
			return nil
		})
	}
	_ = offers.Wait()
	if n := kept.Load(); n > 0 {
		f.ground.log.Info("ends of calls that could not be kept are with the owners of their tenants now", "ends", n)
	}
}

// offer takes an end to the owner of the moment, and tells whether it need not be
// offered again.
func (f *front) offer(ctx context.Context, end *unkeptEnd) bool {
	ctx, cancel := context.WithTimeout(ctx, unkeptTime)
	defer cancel()
	lost := false
	r := end.r.Clone(context.WithValue(ctx, notedKey{}, unkeptNote(func() { lost = true })))
	r.Body = io.NopCloser(bytes.NewReader(end.body))
	status := f.quietly(r, end)
	// Else it is kept, or refused for good: of a tenant that is not there any more.
	return !lost && status != 0 && status < http.StatusInternalServerError
}

// quietly has a request answered for nobody to hear; the status is 0 when the answer
// broke off.
func (f *front) quietly(r *http.Request, end *unkeptEnd) (status int) {
	w := &unheard{header: http.Header{}}
	defer func() {
		if broken := recover(); broken != nil { // it is in the log
			status = 0
		}
	}()
	contained(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.to(w, r, end.part, end.body) }), f.ground.log).ServeHTTP(w, r)
	return w.status
}

// noting has an end that is answered as unkept offered again.
func (f *front) noting(r *http.Request, part int, body []byte) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), notedKey{}, unkeptNote(func() { f.ends.add(r, part, body) })))
}

// unheard is where an answer goes that nobody waits for.
type unheard struct {
	header http.Header
	status int
}

func (u *unheard) Header() http.Header { return u.header }

func (u *unheard) WriteHeader(status int) {
	if u.status == 0 && status >= http.StatusOK {
		u.status = status
	}
}

func (u *unheard) Write(b []byte) (int, error) {
	u.WriteHeader(http.StatusOK)
	return len(b), nil
}
