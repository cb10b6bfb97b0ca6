package pbxevents

import "time"

// CaptureLimits bound a capture. What is 0 or beyond the most is the most: 15
// minutes, 200 webhooks.
type CaptureLimits struct {
	For    time.Duration
	Events int
	// Began, if set, is called once nothing is missed any more; its error ends
	// the capture and is returned.
	Began func() error
}

// Captured is what came with one webhook and what became of it. It holds no
// value that was sent, but shapes: no name, no number beyond its last two
// digits, no credentials.
type Captured struct {
	Time        time.Time       `json:"time"`
	Method      string          `json:"method"`
	ContentType string          `json:"content_type"`
	Fields      []CapturedField `json:"fields"`
	// More counts fields beyond those listed.
	More int `json:"more,omitempty"`
	// Status is the HTTP status answered; Verdict what became of the webhook:
	// accepted, a reason it was skipped for, or why it was refused.
	Status     int      `json:"status"`
	Verdict    string   `json:"verdict"`
	Reason     string   `json:"reason"` // one plain sentence, or empty
	Extensions []string `json:"extensions"`
	Hints      []string `json:"hints"` // what to change, one sentence each
	// Lost counts webhooks before this one that were not kept because whoever
	// captures did not keep up.
	Lost int `json:"lost,omitempty"`
}

// CapturedField is one field of a webhook.
type CapturedField struct {
	Source string `json:"source"` // path, body or query
	Name   string `json:"name"`   // as sent, cut to 64 bytes
	Field  string `json:"field"`  // what it is taken as; empty: not known
	Shape  string `json:"shape"`  // such as "+digits(11) ending in 47", "sip-uri", "template {call-id}"
}
