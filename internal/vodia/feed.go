package vodia

// Feed is where the states of live calls go. Both functions are called from
// one goroutine, one after the other, and delay the next one.
type Feed struct {
	// Calls gets every list of live calls whole: a call that was in the last
	// list and is not in this one has ended. So it is with the first list after
	// a connection was lost.
	Calls func([]LiveCall)
	// State, if set, is told that the PBX is listened to and, with why, that it
	// is not: when a connection is lost and each time that none can be made.
	// Calls that were live may have ended since.
	State func(connected bool, why error)
}
