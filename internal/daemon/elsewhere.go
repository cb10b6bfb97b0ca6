package daemon

import "net/http"

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

// unseen tells whether a webhook is taken in better by another node: this one is cut
// off, and nobody of the tenant has a page here. Who has one is shown what comes
// in.
func (f *front) unseen(r *http.Request, s *stack) bool {
	return f.service == servicePBX && f.CutOff() && !s.hub.Watching(tenantOfHook(r))
}
