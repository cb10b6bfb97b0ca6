package screenpop

import (
	"context"
	"errors"
	"fmt"
)

// The expected answers of a look-up that are not contacts. They are outcomes,
// not failures: counted and traced, never logged as errors.
var (
	// ErrNoMatch: Smokeball was asked and nobody has the number.
	ErrNoMatch = errors.New("no contact has this number")
	// ErrNotPaired: the agent has no authorisation that could be used.
	ErrNotPaired = errors.New("the agent is not paired with Smokeball")
	// ErrTooLate: the call ended or the time budget ran out first.
	ErrTooLate = errors.New("the look-up came too late for the call")
	// ErrUnavailable: Smokeball did not answer, or only with server errors.
	ErrUnavailable = errors.New("smokeball is not answering")
	// ErrRefused: Smokeball refused the agent's authorisation or our key.
	ErrRefused = errors.New("smokeball refused the look-up")
)

// ErrStoreAway: there is no token to ask with, as those of several daemons who
// share a store cannot reach it, or another of them is asking for one just now. It
// is an ErrUnavailable that passes by itself: the look-up is worth making again
// while the call lasts.
var ErrStoreAway = fmt.Errorf("%w: the token waits for the cluster's store", ErrUnavailable)

// Outcome is how a look-up ended; a closed set, used as a metric label and in
// the trace.
type Outcome string

// The outcomes.
const (
	OutcomeMatched     Outcome = "matched"
	OutcomeNoMatch     Outcome = "no-match"
	OutcomeNotPaired   Outcome = "not-paired"
	OutcomeTooLate     Outcome = "too-late"
	OutcomeUnavailable Outcome = "unavailable"
	OutcomeRefused     Outcome = "refused"
)

// Outcomes lists every outcome.
func Outcomes() []Outcome {
	return []Outcome{OutcomeMatched, OutcomeNoMatch, OutcomeNotPaired, OutcomeTooLate, OutcomeUnavailable, OutcomeRefused}
}

// OutcomePopsOff is how a call ends that the tenant's settings show no pop for:
// of the other direction, or never answered where pops wait for the answer.
// Nobody was looked up.
const OutcomePopsOff Outcome = "pops-off"

// OutcomeUnwatched is how a call ends for an agent who has had no page open, for
// so long that none can be expected, and who opened none during the call. Nobody
// was looked up.
const OutcomeUnwatched Outcome = "unwatched"

// CallOutcomes lists what a call of an agent can end as: the outcomes of its
// look-up, OutcomePopsOff or OutcomeUnwatched.
func CallOutcomes() []Outcome { return append(Outcomes(), OutcomePopsOff, OutcomeUnwatched) }

// OutcomeOf names the outcome of a look-up that returned err. An error that is
// none of the expected answers counts as unavailable.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OutcomeMatched
	case errors.Is(err, ErrNoMatch):
		return OutcomeNoMatch
	case errors.Is(err, ErrNotPaired):
		return OutcomeNotPaired
	case errors.Is(err, ErrRefused):
		return OutcomeRefused
	case errors.Is(err, ErrUnavailable):
		return OutcomeUnavailable
	case errors.Is(err, ErrTooLate), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return OutcomeTooLate
	}
	return OutcomeUnavailable
}

// Finder answers "who is this?" with the agent's own authorisation.
type Finder interface {
	// Find returns the contacts that have the call's number. It returns ErrNoMatch,
	// ErrNotPaired, ErrTooLate, ErrUnavailable or ErrRefused (wrapped or not)
	// when there is nothing to show. It ends soon after ctx does and may be
	// called from many goroutines.
	Find(ctx context.Context, agent AgentID, call Call) (Match, error)
}

// Memory answers a look-up with what is at hand.
type Memory interface {
	// Known returns what Find would, if that needs nobody to be asked. It never
	// waits.
	Known(agent AgentID, call Call) (m Match, err error, known bool)
}

// ErrOf returns the error that stands for an outcome; nil for a match.
func ErrOf(o Outcome) error {
	switch o {
	case OutcomeNoMatch:
		return ErrNoMatch
	case OutcomeNotPaired:
		return ErrNotPaired
	case OutcomeTooLate:
		return ErrTooLate
	case OutcomeUnavailable:
		return ErrUnavailable
	case OutcomeRefused:
		return ErrRefused
	}
	return nil
}
