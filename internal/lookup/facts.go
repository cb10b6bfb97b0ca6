package lookup

import (
	"context"
	"errors"
	"net/http"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// facts are what the trace tells of a look-up beside its sentence.
func (a *answer) facts() *screenpop.TraceFacts {
	f := screenpop.TraceFacts{Token: a.token, Plan: a.plan, Searches: a.searches}
	if a.err != nil && !errors.Is(a.err, screenpop.ErrNoMatch) && !errors.Is(a.err, screenpop.ErrNotPaired) {
		f.Cause = a.cause()
	}
	return &f
}

// cause is why a look-up has no answer. The nearest is told: what Smokeball
// answered, else why it was not asked, else who gave up.
func (a *answer) cause() screenpop.LookupCause {
	var connection *smokeball.ConnectionError
	var answer *smokeball.AnswerError
	s := status(a.err)
	switch {
	case s == http.StatusUnauthorized:
		return screenpop.CauseUnauthorized
	case s == http.StatusForbidden:
		return screenpop.CauseForbidden
	case a.throttled, errors.Is(a.err, smokeball.ErrBusy):
		return screenpop.CauseRateLimit
	case s >= 500:
		return screenpop.CauseServerError
	case errors.As(a.err, &answer):
		return screenpop.CauseBadAnswer
	case errors.Is(a.err, smokeball.ErrNotAsked):
		return screenpop.CausePaused
	case errors.Is(a.err, errNoSearch):
		return screenpop.CauseNoSearch
	case errors.As(a.err, &connection) && connection.Timeout(), errors.Is(a.err, context.DeadlineExceeded):
		return screenpop.CauseTimeout
	case errors.As(a.err, &connection) && !errors.Is(a.err, context.Canceled):
		return screenpop.CauseUnreachable
	case errors.Is(a.err, screenpop.ErrTooLate):
		return screenpop.CauseCallEnded
	}
	return screenpop.CauseOther
}
