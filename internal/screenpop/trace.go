package screenpop

import (
	"time"
)

// TraceEntry is one line of a call's decision trace: what one step decided
// and why. It holds no name and only a masked number.
type TraceEntry struct {
	Time      time.Time `json:"time"`
	Tenant    Tenant    `json:"tenant"`
	Extension Extension `json:"extension"` // empty where a step concerns no single agent
	Call      CallID    `json:"call"`
	Step      Step      `json:"step"`
	Verdict   string    `json:"verdict"` // a word of the step's closed set: "accepted", a Skip, an Outcome
	Detail    string    `json:"detail"`  // one plain sentence, or empty
	Number    string    `json:"number"`  // masked

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
