package web

import (
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Nobody dials by hand faster than this. All agents together are bounded too:
// a phone system that everybody rings up at once is nobody's wish.
const (
	dialBurst    = 3
	dialEvery    = 6 * time.Second // one more call every so often
	dialAllBurst = 20
	dialAllEvery = 200 * time.Millisecond
	// diallers is how many agents are remembered before those are forgotten who
	// could dial at will anyway.
	diallers = 1024
)

// dialLimits bounds how often an agent, and all of them together, dial.
type dialLimits struct {
	now func() time.Time

	mu     sync.Mutex
	agents map[screenpop.AgentID]*agentDials
	total  *rate.Limiter
}

type agentDials struct {
	limiter *rate.Limiter
	busy    bool // a request to the PBX is under way
}

func newDialLimits(now func() time.Time) *dialLimits {
	return &dialLimits{
		now: now, agents: map[screenpop.AgentID]*agentDials{},
		total: rate.NewLimiter(rate.Every(dialAllEvery), dialAllBurst),
	}
}

// begin lets an agent dial, one call at a time and not too often. Without an
// error the caller calls done.
func (d *dialLimits) begin(agent screenpop.AgentID) (done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	a := d.agents[agent]
	if a == nil {
		if len(d.agents) >= diallers {
			d.forget(now)
		}
		a = &agentDials{limiter: rate.NewLimiter(rate.Every(dialEvery), dialBurst)}
		d.agents[agent] = a
	}
	if a.busy {
		return nil, &HTTPError{Status: http.StatusTooManyRequests, Msg: msgDialling, RetryAfter: time.Second}
	}
	if !a.limiter.AllowN(now, 1) {
		return nil, &HTTPError{Status: http.StatusTooManyRequests, Msg: msgManyDials, RetryAfter: waitOf(a.limiter, now, dialEvery)}
	}
	a.busy = true
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		a.busy = false
	}, nil
}

// all takes one of the calls that all agents have together.
func (d *dialLimits) all() error {
	now := d.now()
	if !d.total.AllowN(now, 1) {
		return &HTTPError{Status: http.StatusTooManyRequests, Msg: msgManyDialsAll, RetryAfter: waitOf(d.total, now, dialAllEvery)}
	}
	return nil
}

// forget drops the agents who have nothing against them any more.
func (d *dialLimits) forget(now time.Time) {
	for id, a := range d.agents {
		if !a.busy && a.limiter.TokensAt(now) >= dialBurst {
			delete(d.agents, id)
		}
	}
}

// waitOf is how long it takes until l has one more.
func waitOf(l *rate.Limiter, now time.Time, every time.Duration) time.Duration {
	missing := 1 - l.TokensAt(now)
	return max(time.Duration(math.Ceil(missing*float64(every))), time.Millisecond)
}
