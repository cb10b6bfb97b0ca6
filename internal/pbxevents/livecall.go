package pbxevents

// LiveCall is one call, or one leg of a call, in a list of a PBX's live calls.
// What the PBX does not tell is empty. Its fields are those of the PBX client's
// type, in the same order, so that one converts to the other.
type LiveCall struct {
	// ID names the call in every list it is in. Without one the call goes by its
	// first extension, the other party and its place among those that are alike.
	ID        string
	PrimaryID string // the call a leg belongs to
	State     string // the PBX's own word
	Connected bool   // somebody has answered
	Ended     bool   // a final state; most often a call just leaves the list
	From      string // a number or a SIP URI, as sent
	FromName  string
	To        string
	ToName    string
	// Extensions are those that ring or talk.
	Extensions []string
	Direction  string // inbound, outbound, internal, or empty
	Queue      string // the queue or group the call came through
}
