package screenpop

import (
	"encoding/json"
	"log/slog"
	"time"
)

// CallID is the PBX's name of a call. It is opaque.
type CallID string

// Direction tells who started a call, seen from the firm.
type Direction string

// The two directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// State is the state of a call at one extension. It only ever moves forward:
// ringing, connected, terminated.
type State string

// The states, in their order.
const (
	Ringing    State = "ringing"
	Connected  State = "connected"
	Terminated State = "terminated"
)

// Rank orders states: a leg may only move to a state of a higher rank. An
// unknown state has rank 0.
func (s State) Rank() int {
	switch s {
	case Ringing:
		return 1
	case Connected:
		return 2
	case Terminated:
		return 3
	}
	return 0
}

// Call is what one agent's phone tells of a call: the leg at one extension.
// Number is the other party, never the agent's own side.
type Call struct {
	ID        CallID
	Direction Direction
	State     State
	Number    Number
	Queue     string    // queue, ring group or dialled number it came by; may be empty
	Started   time.Time // when smokepop first heard of the leg, by its own clock
}

type callJSON struct {
	ID        CallID    `json:"id"`
	Direction Direction `json:"direction"`
	State     State     `json:"state"`
	Number    string    `json:"number"`
	Display   string    `json:"display"`
	Queue     string    `json:"queue"`
	Started   time.Time `json:"started"`
}

// MarshalJSON writes the call as the websocket protocol has it.
func (c Call) MarshalJSON() ([]byte, error) {
	return json.Marshal(callJSON{c.ID, c.Direction, c.State, c.Number.Canonical, c.Number.Display, c.Queue, c.Started.UTC()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Call) UnmarshalJSON(b []byte) error {
	var j callJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*c = Call{j.ID, j.Direction, j.State, Number{j.Number, j.Display}, j.Queue, j.Started}
	return nil
}

// LogValue names the call without telling who called.
func (c Call) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", string(c.ID)),
		slog.String("direction", string(c.Direction)),
		slog.String("state", string(c.State)),
		slog.Any("number", c.Number),
	)
}
