package tokens

import (
	"errors"
	"fmt"
	"strings"
)

// PairErrorKind is why a pairing did not come about.
type PairErrorKind string

// The kinds of PairError.
const (
	// PairIncomplete: the browser came back without a state or a code.
	PairIncomplete PairErrorKind = "incomplete"
	// PairStale: the state is unknown, used, or older than ten minutes; or the
	// agent has unpaired while the tokens were on their way.
	PairStale PairErrorKind = "stale"
	// PairOtherSession: the pairing was begun by another web session.
	PairOtherSession PairErrorKind = "other-session"
	// PairDenied: the user did not agree.
	PairDenied PairErrorKind = "denied"
	// PairRefused: Smokeball does not accept the request or the code; the
	// installation's settings, or an answer that is not Smokeball's.
	PairRefused PairErrorKind = "refused"
	// PairFailed: Smokeball did not answer, or with a fault of its own.
	PairFailed PairErrorKind = "failed"
	// PairUnsaved: the authorisation could not be saved and was given back.
	PairUnsaved PairErrorKind = "unsaved"
)

// PairError is returned by Finish. Its text holds no secret and nothing the
// browser brought but a checked error code.
type PairError struct {
	Kind PairErrorKind
	Err  error // may be nil
}

func (e *PairError) Error() string {
	if e.Err == nil {
		return "pairing: " + string(e.Kind)
	}
	return fmt.Sprintf("pairing: %s: %v", e.Kind, e.Err)
}

func (e *PairError) Unwrap() error { return e.Err }

func pairFail(kind PairErrorKind, reason string) *PairError {
	return &PairError{Kind: kind, Err: errors.New(reason)}
}

// errorCode returns an OAuth error code fit for a log: RFC 6749 allows more,
// but every code there is looks like this.
func errorCode(code string) string {
	plain := func(r rune) bool { return r >= 'a' && r <= 'z' || r == '_' }
	if len(code) > 64 || strings.ContainsFunc(code, func(r rune) bool { return !plain(r) }) {
		return "unreadable"
	}
	return code
}
