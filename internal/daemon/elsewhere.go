package daemon

import (
	"net/http"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	// socketPath is where pages open their sockets; those that ask elsewhere want
	// one of a node that is not cut off.
	socketPath   = "/ws"
	askElsewhere = "elsewhere"
)

// leadsNowhere tells whether a page does better at another node: this one is on its
// way out, or cut off from the others and the page looks for one that is not.
func (f *front) leadsNowhere(r *http.Request) bool {
	if f.service != serviceAgents || r.URL.Path != socketPath {
		return false
	}
	return f.goes() || f.CutOff() && r.URL.Query().Has(askElsewhere)
}

// visible takes events to the flow, but for those that another node takes in better:
// while this one is cut off, calls of agents none of whom has a page here. What is
// not taken in the PBX sends again, and elsewhere. An end is always taken.
type visible struct {
	*screenpop.Flow
	hub *push.Hub
}

// Offer implements [screenpop.Sink].
func (s visible) Offer(events []screenpop.Event) bool {
	if s.hub.CutOff() && !s.anybodySees(events) {
		return false
	}
	return s.Flow.Offer(events)
}

func (s visible) anybodySees(events []screenpop.Event) bool {
	for i := range events {
		e := &events[i]
		if e.Call.State == screenpop.Terminated || s.hub.Screens(e.Agent.AgentID) > 0 {
			return true
		}
	}
	return len(events) == 0
}
