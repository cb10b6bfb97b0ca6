package screenpop

// PopSettings is what a tenant wants to see.
type PopSettings struct {
	// On is the state a pop appears at: Ringing or Connected.
	On State
	// Inbound and Outbound turn pops on per direction.
	Inbound, Outbound bool
	// UnknownCard shows a card without a contact when nobody has the number.
	// Off, an unknown caller shows nothing.
	UnknownCard bool
}

// wants tells whether calls of direction d are shown at all.
func (s PopSettings) wants(d Direction) bool {
	if d == Outbound {
		return s.Outbound
	}
	return s.Inbound
}
