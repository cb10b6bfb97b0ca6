package screenpop

import "time"

// Event is one step of one call at one agent's extension, as it leaves the
// event side and enters the [Flow]. It is a value: nothing in it is shared.
type Event struct {
	Agent Agent
	Call  Call
	// End says why the leg is over; set exactly when Call.State is Terminated.
	End EndReason
	// AnsweredBy names the colleague who took the call, for EndAnsweredElsewhere.
	AnsweredBy string
	// Received is when the PBX's event came in; the ring-to-pop time counts
	// from here.
	Received time.Time
}

// EndReason tells a screen why a pop is over.
type EndReason string

// The reasons a pop ends.
const (
	EndTerminated        EndReason = "terminated"
	EndAnsweredElsewhere EndReason = "answered-elsewhere"
	EndDismissed         EndReason = "dismissed"
)

// Sink takes events off the event side's hands.
type Sink interface {
	// Offer takes all of events or none and never blocks. It returns false
	// when there is no room: the caller answers 503 and keeps its state as it
	// was. Events of one agent are worked off in the order they were offered. The
	// list itself is the caller's again afterwards.
	Offer(events []Event) bool
}
