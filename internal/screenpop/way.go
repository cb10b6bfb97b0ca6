package screenpop

import "time"

// Way is a call's whole way from the PBX's event to the agents' screens, as the
// trace has it, in plain words.
type Way struct {
	Tenant Tenant    `json:"tenant"`
	Call   CallID    `json:"call"`   // empty: webhooks that could not be taken for an event
	Number string    `json:"number"` // masked
	Began  time.Time `json:"began"`
	Steps  []WayStep `json:"steps"`
	Ends   []WayEnd  `json:"ends"`
}

// WayStep is what one step did.
type WayStep struct {
	Time time.Time `json:"time"`
	// After is the time since the event came that led to the step; 0 for an event.
	After     float64   `json:"after_ms"`
	Extension Extension `json:"extension"` // empty: of the call, or of several agents
	Step      Step      `json:"step"`
	Verdict   string    `json:"verdict"`
	Text      string    `json:"text"`
	More      []string  `json:"more"` // further facts, a line each
}

// WayEnd is what came of the call for an agent, or for everybody.
type WayEnd struct {
	Extension Extension `json:"extension"` // empty: whoever was meant
	Pop       bool      `json:"pop"`       // it was on a screen
	Why       string    `json:"why"`       // one sentence: where it was shown, or why there was no pop
	Do        string    `json:"do"`        // what to do, or empty
}
