package simulator

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Recording is a scenario from a file: what a PBX sends over time, and what
// each agent must see at each moment. The format is described in
// scenarios/README.md. It is a value: its methods return changed copies.
type Recording struct {
	Name, Title string
	// Covers are the properties it shows, of [Properties].
	Covers []Property
	Firm   string // us, au or gb: see NewFirm
	// Only is webhook or websocket where the recording makes sense on one event
	// source alone (a webhook that is lost on the way, say); empty is any.
	Only  string
	Steps []Step // in order of their times
	// Sights are in order. The last one is how it all ends.
	Sights []Sight

	cards []Card // of the calls that show anything
	truth []Step // as it really happened, where Steps were varied
}

// Sight is what the agents see once the first After steps were sent and worked
// off and At has come.
type Sight struct {
	At    time.Duration
	After int
	// Views has every agent of the firm. Each view is complete.
	Views map[string]View
	// Loose is set where steps came in another order than they happened: Pops
	// hold, and Recent is all that may be in the list, however it was over, not
	// what must.
	Loose bool
}

// View is what one agent sees: the live pops in the order they came up, and
// the recent calls in no order.
type View struct {
	Pops   []Shown
	Recent []Ended
}

// Shown is a pop. An empty Queue or Dialled is not looked at.
type Shown struct {
	Card
	State string // ringing or connected
}

// Card is what a pop tells of a call.
type Card struct {
	Call string // the call id; with several legs, the primary one
	// Or are call ids that are as good: calls of one party that the agent may
	// see as one.
	Or        []string
	Number    string   // E.164 of the other party
	Direction string   // inbound or outbound
	Contacts  []string // in no order; empty: nobody has the number, and there is no pop
	Queue     string   // the queue's or ring group's name
	Dialled   string   // E.164 of the number the caller dialled
}

// Ended is an entry of the recent calls.
type Ended struct {
	Card
	How Ending
	By  string // the colleague, with EndedElsewhere
}

// Ending is how a call was over for an agent.
type Ending string

// The endings. EndedMissed and EndedSpoken are both "terminated" on the wire;
// missed is a call that the agent never answered.
const (
	EndedMissed    Ending = "missed"
	EndedSpoken    Ending = "ended"
	EndedElsewhere Ending = "answered by"
)

// Property is something that recordings show to hold.
type Property string

// Properties lists every property. For each there is a recording.
func Properties() []Property {
	return []Property{
		"plain", "duplicate", "reordered", "late", "missing", "end-never-came", "leg-ids", "ring-group", "queue", "answered-by",
		"two-devices", "blind-transfer", "warm-transfer", "second-call", "outbound-early", "queue-on-card", "dialled-on-card", "missed",
		"unknown", "no-pop", "two-levels",
	}
}

// NewFirm returns the firm a recording plays at: us, au or gb.
func (r Recording) NewFirm() *Firm {
	f, err := firmOf(r.Firm)
	if err != nil {
		panic(err) // Read has looked
	}
	return f
}

func firmOf(country string) (*Firm, error) {
	switch country {
	case "us":
		return NewFirm(), nil
	case "au":
		return NewAustralianFirm(), nil
	case "gb":
		return NewBritishFirm(), nil
	}
	return nil, fmt.Errorf("firm %q: use us, au or gb", country)
}

// End is how the recording ends.
func (r Recording) End() Sight { return r.Sights[len(r.Sights)-1] }

// Renamed returns the recording with a prefix before every call id and event
// id, so that one receiver can be played many.
func (r Recording) Renamed(prefix string) Recording {
	r.Steps, r.truth = slices.Clone(r.Steps), slices.Clone(r.truth)
	for _, steps := range [][]Step{r.Steps, r.truth} {
		for i := range steps {
			s := &steps[i]
			s.CallID, s.ID = prefix+s.CallID, prefix+s.ID
			if s.Primary != "" {
				s.Primary = prefix + s.Primary
			}
		}
	}
	r.Sights, r.cards = slices.Clone(r.Sights), slices.Clone(r.cards)
	for i := range r.cards {
		r.cards[i] = r.cards[i].renamed(prefix)
	}
	for i := range r.Sights {
		views := maps.Clone(r.Sights[i].Views)
		for ext, v := range views {
			v.Pops, v.Recent = slices.Clone(v.Pops), slices.Clone(v.Recent)
			for j := range v.Pops {
				v.Pops[j].Card = v.Pops[j].renamed(prefix)
			}
			for j := range v.Recent {
				v.Recent[j].Card = v.Recent[j].renamed(prefix)
			}
			views[ext] = v
		}
		r.Sights[i].Views = views
	}
	return r
}

func (c Card) renamed(prefix string) Card {
	c.Call, c.Or = prefix+c.Call, slices.Clone(c.Or)
	for i := range c.Or {
		c.Or[i] = prefix + c.Or[i]
	}
	return c
}
