package vodia

// LiveCall is one call of a list of live calls, as far as it was told. What is
// in no field of the frame is empty.
type LiveCall struct {
	// ID names the call in every list it is in. Where the PBX gives none, it is
	// made of the parties and the start.
	ID        string
	PrimaryID string // the call a leg belongs to
	State     string // the PBX's own word, in lower case
	Connected bool   // somebody has answered
	Ended     bool   // a final state; most often a call just leaves the list
	From      string // a number or a SIP URI, as sent
	FromName  string
	To        string
	ToName    string
	// Extensions are those that ring or talk, without the asterisk that the PBX
	// may put before or after them.
	Extensions []string
	Direction  string // inbound, outbound, internal, or empty
	Queue      string // the queue or group the call came through
}

// FrameCounts says what came over the websocket since the client was made.
type FrameCounts struct {
	CallStates uint64 // lists of live calls
	Ignored    uint64 // frames that are none of our business
	Broken     uint64 // frames and calls that could not be read
}
