package chaos

import (
	"slices"
	"sync"
	"time"
)

// Agent is an extension of a tenant.
type Agent struct{ Tenant, Extension string }

func (a Agent) String() string { return a.Extension + "@" + a.Tenant }

// Times in a history are counted from its beginning.

// Pairing is a change of an agent's pairing, asked for by the agent.
type Pairing struct {
	Agent  Agent
	Unpair bool
	Began  time.Duration
	Ended  time.Duration
	// Acknowledged: smokepop has said that it is done. If not, nobody knows.
	Acknowledged bool
}

// Hook is a webhook, sent until it was taken in or given up.
type Hook struct {
	Call   string
	Agents []Agent // whose telephones it is about
	State  string  // ringing, connected, terminated
	Began  time.Duration
	Ended  time.Duration
	Node   string // that was asked last
	Tries  int
	Status int // of the last answer; 0: there was none
}

func (h Hook) taken() bool { return h.Status/100 == 2 }

// The kinds of frames.
const (
	FrameShown     = "shown"     // a pop, by a pop, update or hello frame
	FrameEnded     = "ended"     // a pop is over: smokepop says so
	FrameDismissed = "dismissed" // the agent says so
)

// Frame is a pop as a page has heard of it.
type Frame struct {
	Agent   Agent
	Page    int // pages are numbered; one stays the same over its reconnects
	Node    string
	At      time.Duration
	Kind    string
	Call    string
	Pop     string
	Contact string // the best match's name
	// Dropped: the page did not show it, because it knew that the pop is over.
	Dropped bool
}

// Connection is a time in which a page had a socket.
type Connection struct {
	Page        int
	Agent       Agent
	Node        string
	Began, Over time.Duration // Over is 0 while it is open
}

// Exchange is a request to Smokeball's token endpoint.
type Exchange struct {
	Agent Agent
	Token string // the refresh token that was sent, or a name for it; empty for an authorisation code
	Gives string // the refresh token that was answered; empty where there is none
	Node  string
	// Began is when the request was there, Ended when its answer was written.
	Began, Ended time.Duration
	Status       int
	Lost         bool // who has asked was gone before the answer
}

// Search is a search for a contact, made with somebody's token.
type Search struct {
	By     Agent
	Tenant string // whose caller was searched
	At     time.Duration
}

// The kinds of faults.
const (
	FaultKill     = "kill -9 a node"
	FaultRestart  = "restart a node"
	FaultFreeze   = "freeze a node"
	FaultCut      = "cut a node off"
	FaultHalfOpen = "half-open to NATS"
	FaultNATS     = "kill -9 a NATS server"
	FaultNATSCut  = "cut a NATS server off"
	FaultRolling  = "restart all by turns"
)

// Fault is something done to a machine.
type Fault struct {
	Kind  string
	Node  string // or NATS server
	Began time.Duration
	// Ended is when the machine was whole again, and could be of use.
	Ended time.Duration
}

// ofNode tells whether it was done to a node, and not to NATS.
func (f Fault) ofNode() bool { return f.Kind != FaultNATS && f.Kind != FaultNATSCut }

// Owner tells that from a time on a node owns a tenant.
type Owner struct {
	Tenant, Node string
	From         time.Duration
}

// Final is how an agent stands when all is whole again.
type Final struct {
	Agent Agent
	State string // of the pairing
	Pops  bool   // a call to the agent was shown at the agent's page
}

// History is what was seen from outside. Its methods are safe for concurrent
// use while it is recorded.
type History struct {
	mu sync.Mutex

	Pairings    []Pairing
	Hooks       []Hook
	Frames      []Frame
	Connections []Connection
	Exchanges   []Exchange
	Searches    []Search
	Faults      []Fault
	Owners      []Owner
	Finals      []Final
}

// Record adds what was seen: any of the types of a history's fields.
func (h *History) Record(what any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch w := what.(type) {
	case Pairing:
		h.Pairings = append(h.Pairings, w)
	case Hook:
		h.Hooks = append(h.Hooks, w)
	case Frame:
		h.Frames = append(h.Frames, w)
	case Connection:
		h.Connections = append(h.Connections, w)
	case Exchange:
		h.Exchanges = append(h.Exchanges, w)
	case Search:
		h.Searches = append(h.Searches, w)
	case Fault:
		h.Faults = append(h.Faults, w)
	case Owner:
		h.Owners = append(h.Owners, w)
	case Final:
		h.Finals = append(h.Finals, w)
	default:
		panic("chaos: a history does not know what this is")
	}
}

// index finds what belongs together. It is made once a history is whole.
type index struct {
	*History
	owners      map[string][]Owner // by tenant, in order
	connections map[Agent][]Connection
	pairings    map[Agent][]Pairing
	shown       map[string][]Frame       // by call: what pages have shown
	over        map[string]time.Duration // when a call's end was first sent
	end         time.Duration
}

func (h *History) index() *index {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &index{History: h, owners: map[string][]Owner{}, connections: map[Agent][]Connection{}, pairings: map[Agent][]Pairing{}, shown: map[string][]Frame{}, over: map[string]time.Duration{}}
	for _, o := range h.Owners {
		x.owners[o.Tenant] = append(x.owners[o.Tenant], o)
	}
	for _, o := range x.owners {
		slices.SortStableFunc(o, func(a, b Owner) int { return int(a.From - b.From) })
	}
	for _, c := range h.Connections {
		x.connections[c.Agent] = append(x.connections[c.Agent], c)
		x.end = max(x.end, c.Over)
	}
	for _, c := range x.connections {
		slices.SortStableFunc(c, func(a, b Connection) int { return int(a.Began - b.Began) })
	}
	for _, p := range h.Pairings {
		x.pairings[p.Agent] = append(x.pairings[p.Agent], p)
	}
	for _, p := range x.pairings {
		slices.SortStableFunc(p, func(a, b Pairing) int { return int(a.Began - b.Began) })
	}
	for _, f := range h.Frames {
		if f.Kind == FrameShown && !f.Dropped {
			x.shown[f.Call] = append(x.shown[f.Call], f)
		}
		x.end = max(x.end, f.At)
	}
	for _, k := range h.Hooks {
		if k.State == "terminated" {
			x.over[k.Call] = k.Began
		}
		x.end = max(x.end, k.Ended)
	}
	return x
}

// ownersOf returns the nodes that have owned a tenant at any time of a span.
func (x *index) ownersOf(tenant string, from, to time.Duration) (nodes []string) {
	all := x.owners[tenant]
	for i, o := range all {
		if o.From <= to && (i+1 == len(all) || all[i+1].From >= from) {
			nodes = append(nodes, o.Node)
		}
	}
	return nodes
}

// connected returns the node at which an agent's page has had one socket for a
// whole span; false where it has not.
func (x *index) connected(a Agent, from, to time.Duration) (node string, ok bool) {
	for _, c := range x.connections[a] {
		if c.Began <= from && (c.Over == 0 || c.Over >= to) {
			return c.Node, true
		}
	}
	return "", false
}

// paired tells whether an agent was paired for a whole span for sure.
func (x *index) paired(a Agent, from, to time.Duration) bool {
	paired := false
	for _, p := range x.pairings[a] {
		switch {
		case p.Began > to:
			return paired
		case p.Unpair:
			paired = false
		case p.Acknowledged && p.Ended <= from:
			paired = true
		}
	}
	return paired
}
