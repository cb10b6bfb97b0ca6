package screenpop

import "time"

// Pop is what an agent's screens show of one call. ID is smokepop's own.
type Pop struct {
	ID       string    `json:"id"`
	Call     Call      `json:"call"`
	Contacts []Contact `json:"contacts"` // best first; empty for an unknown caller's card
	More     int       `json:"more"`     // matches beyond those shown
	Links    *Links    `json:"links,omitempty"`
	// Pending: the pop came over a restart, and its contacts are being looked up
	// again. A screen that shows some keeps them until an update comes.
	Pending bool `json:"pending,omitempty"`
}

// Links lead from an unknown caller's card into Smokeball's web app. An empty
// one is not shown.
type Links struct {
	Search string `json:"search"` // for contacts with the number
	Create string `json:"create"` // of a contact with the number
}

// EndedPop is a call that is over, as an agent's list of recent calls has it.
// Not every one had a pop: Outcome tells.
type EndedPop struct {
	Pop
	Ended      time.Time `json:"ended"`
	Reason     EndReason `json:"reason"`
	AnsweredBy string    `json:"answered_by"`
	Outcome    Outcome   `json:"outcome"`
}

// Screens shows pops. The methods never block and may be called from many
// goroutines; for one agent the order of calls is the order on the screens.
type Screens interface {
	// Pop shows a new pop. received is when the PBX's event came in.
	Pop(agent AgentID, pop Pop, received time.Time)
	// Resume puts a pop back that was shown before a restart. It is nothing new:
	// nobody is told of it, and screens that open show it.
	Resume(agent AgentID, pop Pop)
	// Update replaces a pop that is shown. It does nothing for a pop that is
	// not: the agent may have dismissed it.
	Update(agent AgentID, pop Pop)
	// End takes a pop off the screens. It does nothing for a pop that is not
	// shown.
	End(agent AgentID, popID string, reason EndReason, answeredBy string)
	// Past adds a call that ended without a pop to the agent's recent calls.
	Past(agent AgentID, call EndedPop)
}
