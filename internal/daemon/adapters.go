package daemon

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/tokens"
	"github.com/smokepop/smokepop/internal/trace"
	"github.com/smokepop/smokepop/internal/web"
)

// pairingSource answers for a keeper that is made after those who ask.
type pairingSource struct{ keeper *tokens.Keeper }

func (s *pairingSource) Pairing(a screenpop.AgentID) screenpop.Pairing { return s.keeper.Pairing(a) }

// openings takes what agents open to a flow that is made after the hub.
type openings struct{ flow *screenpop.Flow }

func (o *openings) Watch(a screenpop.AgentID) { o.flow.Watch(a) }

func (o *openings) Opened(a screenpop.AgentID, popID string) { o.flow.Open(a, popID) }

// serviceNews takes what look-ups learn of Smokeball to the agents' screens.
type serviceNews struct{ hub *push.Hub }

func (n serviceNews) Answering(t screenpop.Tenant, ok bool) {
	state := push.ServiceOK
	if !ok {
		state = push.ServiceNotAnswering
	}
	n.hub.Service(t, state)
}

// screensOf is the hub in the words of web and tokens.
type screensOf struct {
	hub  *push.Hub
	node string // of a cluster
}

func (s screensOf) Serve(w http.ResponseWriter, r *http.Request, a screenpop.Agent, session string, valid func() bool) {
	s.hub.Serve(w, r, push.Viewer{Agent: a, Session: session, Node: nodeOf(r, s.node), Valid: valid})
}

func (s screensOf) Knock(w http.ResponseWriter, r *http.Request) { s.hub.Knock(w, r) }

func (s screensOf) CloseSession(session string, code int) {
	s.hub.CloseSession(session, push.CloseCode(code))
}

func (s screensOf) CloseAgent(a screenpop.AgentID, code int) {
	s.hub.CloseAgent(a, push.CloseCode(code))
}

func (s screensOf) Explain(a screenpop.AgentID, session, words string) {
	s.hub.Explain(a, session, words)
}

func (s screensOf) TellUnpaired(a screenpop.AgentID, why string) {
	s.hub.PairingChanged(a, screenpop.Pairing{State: screenpop.Unpaired, Problem: why})
}

func (s screensOf) EndAll(a screenpop.AgentID)      { s.hub.EndAll(a) }
func (s screensOf) Forget(a screenpop.AgentID)      { s.hub.Forget(a) }
func (s screensOf) Screens(a screenpop.AgentID) int { return s.hub.Screens(a) }

func (s screensOf) SettingsChanged(a screenpop.AgentID, v screenpop.SettingsView) {
	s.hub.SettingsChanged(a, v)
}

func (s screensOf) SessionScreens(a screenpop.AgentID, session string) int {
	return s.hub.SessionScreens(a, session)
}

// pairingNews takes the keeper's announcements to those they concern.
type pairingNews struct {
	hub    *push.Hub
	finder *lookup.Finder
	audit  audit.Recorder

	mu       sync.Mutex
	recorded map[screenpop.AgentID]pairingFacts
}

// pairingFacts are what the audit log has of an authorisation.
type pairingFacts struct {
	since   time.Time
	ended   bool
	checked bool
	matches bool // its user's e-mail address is the agent's
}

// PairingChanged tells an agent's screens. Who has unpaired keeps no contact on
// the screen, and what was found with the agent's authorisation is not kept
// for others either.
func (n *pairingNews) PairingChanged(a screenpop.AgentID, p screenpop.Pairing) {
	n.record(a, p)
	n.hub.PairingChanged(a, p)
	if p.State == screenpop.Unpaired {
		n.hub.EndAll(a)
		n.finder.Forget(a.Tenant)
	}
}

// record takes what becomes of an authorisation by itself into the audit log,
// once: that it has come to its end, and whose it is. A daemon that has started
// since may say so again.
func (n *pairingNews) record(a screenpop.AgentID, p screenpop.Pairing) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.recorded[a]
	now := pairingFacts{ended: p.State == screenpop.Expired, checked: before.checked, matches: before.matches}
	if p.Since != nil {
		now.since = *p.Since
	}
	if !now.since.Equal(before.since) {
		before, now.checked = pairingFacts{}, false
	}
	if p.EmailMatches != nil {
		now.checked, now.matches = true, *p.EmailMatches
	}
	by := audit.ByItself(audit.ActorSmokeball)
	if now.checked && (!before.checked || now.matches != before.matches) {
		n.audit.Record(context.Background(), audit.Entry{By: by, Event: audit.PairAccount{Agent: a, EmailMatches: now.matches}})
	}
	if now.ended && !before.ended {
		n.audit.Record(context.Background(), audit.Entry{By: by, Event: audit.PairingEnd{Agent: a}})
	}
	if n.recorded == nil {
		n.recorded = map[screenpop.AgentID]pairingFacts{}
	}
	n.recorded[a] = now
}

// usage is the keeper in the words of web's admin API.
type usage struct{ keeper *tokens.Keeper }

func (u usage) Use(a screenpop.AgentID) web.Use {
	recent := u.keeper.Recent(a)
	out := web.Use{LastUse: recent.Used.UTC()}
	if !recent.Failed.IsZero() {
		out.LastFailure = &web.Failure{At: recent.Failed.UTC(), Problem: recent.Problem}
	}
	return out
}

// pairs is the keeper in the words of web: its errors say how they look from
// outside.
type pairs struct{ *tokens.Keeper }

func (p pairs) Finish(ctx context.Context, session string, query url.Values) (screenpop.AgentID, screenpop.Pairing, error) {
	agent, pairing, err := p.Keeper.Finish(ctx, session, query)
	return agent, pairing, pairProblem(err)
}

// tracesOf is the trace in the words of web.
type tracesOf struct{ log *trace.Log }

func (t tracesOf) Follow(ctx context.Context, q web.TraceQuery) ([]screenpop.TraceEntry, <-chan screenpop.TraceEntry) {
	return t.log.Follow(ctx, trace.Filter(q))
}

func (tracesOf) Ways(entries []screenpop.TraceEntry) []screenpop.Way { return trace.Ways(entries) }
