package daemon

import (
	"errors"
	"net/http"

	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/tokens"
)

// problem is a failed pairing as the agent is told of it.
type problem struct {
	error
	status   int
	sentence string
}

func (p problem) PairProblem() (int, string) { return p.status, p.sentence }

// PairProblemWord is the word for it in the audit log.
func (p problem) PairProblemWord() string {
	var failed *tokens.PairError
	if errors.As(p.error, &failed) {
		return string(failed.Kind)
	}
	return ""
}
func (p problem) Unwrap() error { return p.error }

var pairProblems = map[tokens.PairErrorKind]struct {
	status   int
	sentence string
}{
	tokens.PairIncomplete:   {http.StatusBadRequest, "This page is the end of a sign-in at Smokeball and was opened without one. Please start pairing again."},
	tokens.PairStale:        {http.StatusForbidden, "This sign-in is used up or has taken too long. Please start pairing again."},
	tokens.PairOtherSession: {http.StatusForbidden, "This sign-in was begun in another browser. Please start pairing again in this one."},
	tokens.PairDenied:       {http.StatusForbidden, "Smokeball was not allowed to share your contacts, so nothing was paired."},
	tokens.PairRefused:      {http.StatusBadRequest, "Smokeball did not accept this sign-in. Please start pairing again, and tell your admin if that does not help."},
	tokens.PairFailed:       {http.StatusBadGateway, "Smokeball is not answering properly at the moment. Please try again in a minute."},
	tokens.PairUnsaved:      {http.StatusServiceUnavailable, "Smokeball said yes, but the pairing could not be saved here. Please tell your admin, and try again later."},
}

func pairProblem(err error) error {
	var failed *tokens.PairError
	if !errors.As(err, &failed) {
		return err
	}
	known, ok := pairProblems[failed.Kind]
	if !ok {
		return err
	}
	// A code that is no good is the sign-in's fault; a client that Smokeball
	// does not know is the installation's.
	if oauth := (*smokeball.OAuthError)(nil); errors.As(err, &oauth) && oauth.Kind == smokeball.Misconfigured {
		return problem{err, http.StatusBadGateway, "Smokeball does not accept smokepop itself. Please tell your admin: the app's settings at Smokeball and here do not fit."}
	}
	return problem{err, known.status, known.sentence}
}
