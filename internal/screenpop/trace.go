package screenpop

import (
	"encoding/json"
	"time"
)

// TraceEntry is one line of a call's decision trace: what one step decided
// and why. It holds no name and only a masked number.
type TraceEntry struct {
	Time      time.Time `json:"time"`
	Tenant    Tenant    `json:"tenant"`
	Extension Extension `json:"extension"` // empty where a step concerns no single agent
	Call      CallID    `json:"call"`      // what the call's pop goes by; of an event that is of none, as sent
	Step      Step      `json:"step"`
	Verdict   string    `json:"verdict"` // a word of the step's closed set: "accepted", a Skip, an Outcome
	Detail    string    `json:"detail"`  // one plain sentence, or empty
	Number    string    `json:"number"`  // masked
	// Rule is what decided, as the configuration or the documentation names it, such
	// as "pbx.star_prefixes"; empty where nothing else could have been.
	Rule string `json:"rule,omitempty"`
	// Screens is how many screens something was sent to.
	Screens int `json:"screens,omitempty"`
	*TraceFacts

	// Timing is for who measures, and no part of the line; nil where nobody did,
	// as where nobody wants it.
	Timing *Timing `json:"-"`
}

// Timing is how long a step took. It is not changed once it is recorded.
type Timing struct {
	Began, Ended time.Time
	Stages       []Stage // of the step, in the order they began
}

// Stage is a part of a step.
type Stage struct {
	Name         string // a word of a closed set: "decide", "tail"
	Verdict      string // likewise, or empty
	Began, Ended time.Time
}

// TraceFacts are what a line of some steps tells beside. They are shared and never
// changed.
type TraceFacts struct {
	// Of StepEvent: the PBX's id of the leg, where that is not the call's; whether it
	// was in a list of live calls, and no webhook; the webhook as it came; names of
	// fields that are not known; and all agents it was for.
	Leg     CallID      `json:"leg,omitempty"`
	Listed  bool        `json:"listed,omitempty"`
	Fields  TraceFields `json:"fields,omitzero"`
	Unknown []string    `json:"unknown,omitempty"`
	Agents  []Extension `json:"agents,omitempty"`

	// Of StepLookup: how the token stood, what was to be tried in which order, what
	// was, and why there is no answer.
	Token    TokenState    `json:"token,omitempty"`
	Plan     []string      `json:"plan,omitempty"`
	Searches []TraceSearch `json:"searches,omitempty"`
	Cause    LookupCause   `json:"cause,omitempty"`
}

// TraceField is a field of an event: its name as sent, and what its value looks
// like.
type TraceField struct {
	Name  string `json:"name"`
	Field string `json:"field,omitempty"` // what it is taken as, where that is another name
	Shape string `json:"shape"`
}

// TraceFields are the fields of an event. Whoever records them does not put them
// into words: that is left to who reads them.
type TraceFields struct {
	lazy interface{ TraceFields() []TraceField }
	made []TraceField
}

// FieldsOf returns fields that are made when they are read, which may be done from
// many goroutines.
func FieldsOf(lazy interface{ TraceFields() []TraceField }) TraceFields {
	return TraceFields{lazy: lazy}
}

// All returns the fields in the order they are told.
func (f TraceFields) All() []TraceField {
	if f.lazy != nil {
		return f.lazy.TraceFields()
	}
	return f.made
}

// IsZero tells whether there are none.
func (f TraceFields) IsZero() bool { return f.lazy == nil && f.made == nil }

// MarshalJSON writes an array.
func (f TraceFields) MarshalJSON() ([]byte, error) { return json.Marshal(f.All()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (f *TraceFields) UnmarshalJSON(b []byte) error {
	*f = TraceFields{}
	return json.Unmarshal(b, &f.made)
}

// TraceSearch is one search that Smokeball was sent for a call. Its name tells no
// digit of the number.
type TraceSearch struct {
	Search   string       `json:"search"`
	Result   SearchResult `json:"result"`
	Read     int          `json:"read"`     // contacts that were looked at
	Hits     int          `json:"hits"`     // as Smokeball counts them
	Verified int          `json:"verified"` // of those read, how many have the number
	Took     float64      `json:"took_ms"`
}

// SearchResult is how a search ended.
type SearchResult string

// The results of a search.
const (
	SearchAnswered    SearchResult = "answered"
	SearchNotAccepted SearchResult = "not-accepted" // Smokeball does not take it for a search
	SearchFailed      SearchResult = "failed"
)

// TokenState is how an agent's token stood when a look-up wanted it.
type TokenState string

// The states of a token.
const (
	TokenFresh        TokenState = "fresh"
	TokenRefreshed    TokenState = "refreshed"     // it had ended, and the look-up waited for another
	TokenRenewed      TokenState = "renewed"       // Smokeball refused it before its time, and gave another
	TokenNotRefreshed TokenState = "not-refreshed" // it has ended, and there is no other at the moment
	TokenExpired      TokenState = "expired"       // the authorisation has ended
	TokenUnpaired     TokenState = "unpaired"
)

// LookupCause is why a look-up has no answer, closer than its outcome.
type LookupCause string

// The causes.
const (
	CauseCallEnded    LookupCause = "call-ended"
	CauseRateLimit    LookupCause = "rate-limit"   // its turn did not come in time
	CauseTimeout      LookupCause = "timeout"      // Smokeball did not answer in time
	CauseUnreachable  LookupCause = "unreachable"  // no connection
	CausePaused       LookupCause = "paused"       // it failed again and again and is left alone for a while
	CauseServerError  LookupCause = "server-error" // 5xx
	CauseBadAnswer    LookupCause = "bad-answer"   // not what was asked for
	CauseUnauthorized LookupCause = "unauthorized" // 401
	CauseForbidden    LookupCause = "forbidden"    // 403
	CauseNoSearch     LookupCause = "no-search"    // no search of the plan is accepted
	CauseOther        LookupCause = "other"
)

// Step names a stage of the way of a call.
type Step string

// The steps, in the order a call takes them.
const (
	StepEvent  Step = "event"  // taken in: accepted or skipped
	StepFlow   Step = "flow"   // the agent's settings: pops off, connected only, ended
	StepLookup Step = "lookup" // Smokeball was asked, or not
	StepPush   Step = "push"   // put on the agent's screens
	// StepFrame is a screen that a pop was written to. It is for who measures:
	// the decision trace has one line for all screens.
	StepFrame Step = "frame"
)

// Recorder keeps trace entries in memory, bounded. Record never blocks and may
// be called from many goroutines.
type Recorder interface {
	Record(TraceEntry)
}

// Measurer is a [Recorder] that may want to know what took how long.
type Measurer interface {
	// Measuring tells whether it does now. It may be called from many
	// goroutines.
	Measuring() bool
}

// Measuring tells whether r wants [TraceEntry.Timing] now.
func Measuring(r Recorder) bool {
	m, ok := r.(Measurer)
	return ok && m.Measuring()
}
