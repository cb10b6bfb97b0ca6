package pbxevents

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// TestEvent is the name of an event that says nothing of any call: it goes the
// whole way of a webhook, is skipped as [screenpop.SkipState], and leaves a line
// in the trace. [Receiver.Heard] does not count it.
const TestEvent = "smokepop-doctor"

// TestAgent is the User-Agent of requests that are meant to be refused: what
// becomes of them says nothing of the PBX, and Heard leaves them out. They are
// logged and counted as everybody's.
const TestAgent = "smokepopd-doctor"

// Heard is when a tenant's PBX was last heard of; zero times: not since the
// receiver was made.
type Heard struct {
	Event   time.Time // a webhook that was understood, whatever came of it
	Refused time.Time // one that was not taken
	Status  int       // what the refused one was answered
	Detail  string    // and told
	From    string    // the address it came from
}

// heard keeps it for a tenant.
type heard struct {
	mu   sync.Mutex
	last Heard
}

func (h *heard) event(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last.Event = at
}

func (h *heard) refused(at time.Time, r *http.Request, e *refusal) {
	if r.UserAgent() == TestAgent {
		return
	}
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last.Refused, h.last.Status, h.last.Detail, h.last.From = at, e.status, e.detail, from
}

// Heard tells when the PBX of each tenant was last heard of by webhook, and since
// when that is counted.
func (r *Receiver) Heard() (since time.Time, last map[screenpop.Tenant]Heard) {
	last = map[screenpop.Tenant]Heard{}
	for domain, t := range r.all() {
		t.heard.mu.Lock()
		last[domain] = t.heard.last
		t.heard.mu.Unlock()
	}
	return r.since, last
}
