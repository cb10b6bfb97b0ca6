package tokens

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// timersPerTenant is how many refreshes of a tenant the timer has under way at
// once, so that a thousand tokens which ended while the machine was off do not
// meet Smokeball, and the disk, in one burst.
const timersPerTenant = 4

// errTimerWaits: the timer has enough under way, or the tenant is at rest.
var errTimerWaits = errors.New("the timer waits")

// gate is how a tenant stands with its authorisation server. A client id or
// secret that is not accepted concerns all its agents alike: it is found out
// by one request at a time, not by one for each agent.
type gate struct {
	tenant screenpop.Tenant
	config atomic.Pointer[TenantConfig]

	mu sync.Mutex
	// client spaces out requests of all agents after invalid_client, which is
	// about our credentials and no agent's token; probing: one is under way.
	client  backoff
	probing bool
	// resting holds the timer back, and no caller, after a request without a
	// useful answer or an answer the store did not take.
	resting backoff
	timers  int // refreshes of the timer under way
	// refused: the server's latest word on our client was a refusal; told: it
	// has been logged.
	refused, told bool

	alarms, failures seldom
}

// enter tells whether a refresh may begin; nil, or what its callers get.
// Whoever got nil calls leave.
func (g *gate) enter(f *flight, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := g.client.failures > 0
	if shut {
		err := g.client.blocked(now)
		if f.by == renewal {
			err = g.client.justFailed(now)
		}
		if err == nil && g.probing {
			err = g.client.err
		}
		if err != nil {
			return err
		}
	}
	if f.by == timer {
		most := timersPerTenant
		if g.resting.failures > 0 {
			most = 1
		}
		if g.timers >= most || g.resting.blocked(now) != nil {
			return errTimerWaits
		}
		g.timers++
	}
	if shut {
		g.probing, f.probe = true, true
	}
	return nil
}

// leave takes in how a refresh ended. recovered: the server has accepted our
// client after refusing it.
func (g *gate) leave(f *flight, o outcome, now time.Time, err error) (recovered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.by == timer {
		g.timers--
	}
	if f.probe {
		g.probing = false
	}
	switch o {
	case outcomeRefreshed, outcomeExpired:
		g.resting = backoff{}
		return f.asked && g.accept()
	case outcomeRefused:
		g.refused = true
		switch {
		case f.code != "invalid_client":
		case g.client.blocked(now) == nil:
			g.client.failed(now, err, f.pause)
		default:
			g.client.last = now // for the next renewal to wait a second
		}
	case outcomeUnavailable, outcomeUnsaved:
		if g.resting.blocked(now) == nil {
			g.resting.failed(now, err, f.pause)
		}
	}
	return false
}

// accept: under mu, the server has dealt with a request of our client.
func (g *gate) accept() (recovered bool) {
	recovered = g.refused
	g.client, g.refused = backoff{}, false
	return recovered
}

// accepted is leave for an exchange that went well.
func (g *gate) accepted() (recovered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accept()
}

// refuse notes that an exchange was refused for our client's sake.
func (g *gate) refuse() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = true
}

// isRefused tells whether the server's latest word on our client was a refusal.
func (g *gate) isRefused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// opens is when the timer may ask again; the zero time when it need not wait
// for the clock.
func (g *gate) opens() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client.until.After(g.resting.until) {
		return g.client.until
	}
	return g.resting.until
}
