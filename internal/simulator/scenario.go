package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Step is one event of a call, at a time since the scenario's beginning.
type Step struct {
	At                           time.Duration
	Event                        EventKind
	Extension                    string // the account whose webhook fires; "" is the tenant's
	CallID, ID                   string
	Primary                      string // the call that CallID is a leg of; "" is CallID itself
	From, FromName, To           string
	Direction, Queue, AnsweredBy string
	Lost                         bool // it happens on the PBX, and the webhook gets nowhere
}

// Scenario is what a PBX sends of one or more calls, and what agents should
// see of it. It is a value: changing one changes no other.
type Scenario struct {
	Kind     Kind
	Steps    []Step
	Expected []Expected
	Summary  string // the call in a few words, without who it is
}

// Kind names what a scenario shows.
type Kind string

// The kinds.
const (
	KindInbound    Kind = "inbound"
	KindMissed     Kind = "missed"
	KindOutbound   Kind = "outbound"
	KindRingGroup  Kind = "ring-group"
	KindQueue      Kind = "queue"
	KindUnknown    Kind = "unknown-number"
	KindWithheld   Kind = "withheld"
	KindStarCode   Kind = "star-code"
	KindInternal   Kind = "internal"
	KindTransfer   Kind = "transfer"
	KindSecondCall Kind = "second-call"
)

// Expected is what one agent should see of one call.
type Expected struct {
	Extension, CallID string
	Direction         string // inbound, outbound; empty where nothing is shown
	Line              Line
	// Names are the records the pop should show, in no order. None: no pop.
	Names []string
	// Why says in a word or two why there is no pop.
	Why string
	// End is how the pop ends: terminated or answered-elsewhere.
	End        string
	AnsweredBy string // a colleague's name, for answered-elsewhere
}

// Legend is one line for whoever watches: the call and what to expect of it.
func (s Scenario) Legend() string {
	names, why := []string{}, "nothing"
	for _, e := range s.Expected {
		for _, n := range e.Names {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		if e.Why != "" {
			why = "no pop, " + e.Why
		}
	}
	if len(names) == 0 {
		return s.Summary + ": " + why
	}
	return s.Summary + ": " + strings.Join(names, ", ")
}

func (s Scenario) inOrder() []Step {
	steps := slices.Clone(s.Steps)
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return steps
}

// Setup is a call to make a scenario of.
type Setup struct {
	ID     string // the call id
	Caller Caller // the other party
	Shape  Shape  // how its number is presented
	Agent  string // the extension it is about
	// Ring is how long it rings, Talk how long they speak; 0 is 3 s and 9 s.
	Ring, Talk time.Duration
}

func (s Setup) ring() time.Duration { return cmp.Or(s.Ring, 3*time.Second) }
func (s Setup) talk() time.Duration { return cmp.Or(s.Talk, 9*time.Second) }
func (s Setup) end() time.Duration  { return s.ring() + s.talk() }

// number gives events their ids, once all are there.
func (s Scenario) number() Scenario {
	for i := range s.Steps {
		s.Steps[i].ID = fmt.Sprintf("%s-e%d", s.Steps[i].CallID, i+1)
	}
	return s
}
