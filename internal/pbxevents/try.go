package pbxevents

import (
	"net/http"
	"net/url"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Sample is a webhook that an admin has at hand: what would stand in its path
// behind the domain, its content type, body and query string. All may be empty.
type Sample struct {
	Event, Extension         string
	ContentType, Body, Query string
}

// Tried is what would become of a sample. In contrast to a capture it tells the
// number: whoever tries an event has it before them.
type Tried struct {
	Captured
	Call      screenpop.CallID
	State     screenpop.State     // empty: the event is none of ours, or could not be read
	Direction screenpop.Direction // empty: it is not told of a call that counts
	Number    screenpop.Number    // the other party's; zero: there is none, or it was not looked for
	Agents    []screenpop.Event   // those who would have it, each with the agent's own call
}

// Try tells what would become of a webhook of a tenant that is the first of its
// call, by the code that takes webhooks in. The sender's credentials and address
// are not asked for. Nothing is offered to the flow, remembered, counted, traced
// or logged. It returns ErrNoTenant when there is no such tenant.
func (r *Receiver) Try(domain screenpop.Tenant, s Sample) (Tried, error) {
	t := r.tenant(screenpop.ParseTenant(string(domain)))
	if t == nil {
		return Tried{}, ErrNoTenant
	}
	return t.try(s, r.now()), nil
}

func (t *tenant) try(s Sample, now time.Time) Tried {
	req := &http.Request{
		Method: http.MethodPost, URL: &url.URL{RawQuery: s.Query}, Header: http.Header{"Content-Type": {s.ContentType}},
	}
	path := pathFields{string(t.domain), s.Event, s.Extension}
	o := &observation{body: []byte(s.Body)}
	var m *message
	var refused *refusal
	if len(s.Body) > maxBody {
		o.body, refused = nil, tooMuch()
	} else {
		m, refused = t.read(s.ContentType, o.body, req.URL.RawQuery, path)
	}
	if refused != nil {
		return Tried{Captured: t.look(o, req, path, nil, verdict{}, refused, now)}
	}
	var would catch
	apart := *t
	apart.tracker = newTracker(&would, maxCalls)
	v := apart.take(m, now)
	done := Tried{
		Captured: t.look(o, req, path, m, v, v.refused, now),
		Call:     m.call, State: m.state, Number: v.number, Agents: would.events,
	}
	for _, e := range would.events {
		done.Direction = e.Call.Direction
	}
	if done.Number.IsZero() && m.parties() {
		if sides, skip := t.rules.sides(m); skip == "" {
			done.Number = t.rules.numbers.Parse(sides.other)
		}
	}
	return done
}

// catch is a Sink that nothing leaves.
type catch struct{ events []screenpop.Event }

func (c *catch) Offer(events []screenpop.Event) bool {
	c.events = append(c.events, events...)
	return true
}
