package lookup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// What an agent and the admin are told when Smokeball refuses. Its 401 and 403
// overlap: both have been seen for a missing scope.
const (
	problem401 = "Smokeball does not accept this sign-in, even after a refresh (401): pair again; if that does not help, check that the app has the scope contacts/read and has not been removed in Smokeball."
	problem403 = "Smokeball does not let this sign-in look up contacts (403): check the API key, that the app has the scope contacts/read, and that this person may see contacts in Smokeball."
)

// renewEvery is how often a 403, which a newer token seldom cures, may cost an
// agent a refresh.
const renewEvery = 30 * time.Second

// renewals remembers which agents' tokens were renewed because of a 403.
type renewals struct {
	mu   sync.Mutex
	last map[screenpop.AgentID]time.Time
}

func (r *renewals) may(agent screenpop.AgentID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.last[agent]; ok && now.Sub(last) < renewEvery {
		return false
	}
	r.last[agent] = now
	return true
}

// asker asks Smokeball in one agent's name. It is used by one goroutine.
type asker struct {
	finder  *Finder
	agent   screenpop.AgentID
	token   screenpop.Secret
	renewed bool // a newer token has been fetched: there will be no other
	// beside: what is asked for is not contacts, so that an answer does not tell
	// whether they may be looked up.
	beside bool
	// throttled: Smokeball has answered 429.
	throttled bool
}

// ask calls do with the agent's token: once more with a newer one after a 401
// or 403, and again after a 429 as long as the budget sees a chance before
// ctx ends. The error is one of package screenpop's, wrapping its cause.
func (a *asker) ask(ctx context.Context, do func(token screenpop.Secret) error) error {
	throttled := false
	defer func() { a.throttled = a.throttled || throttled }()
	for {
		err := do(a.token)
		if err == nil {
			if !a.beside {
				a.finder.creds.Accepted(a.agent)
			}
			return nil
		}
		switch status(err) {
		case http.StatusUnauthorized:
			if a.renewed {
				return a.refused(problem401, err)
			}
		case http.StatusForbidden:
			if a.renewed || !a.finder.renewals.may(a.agent, a.finder.now()) {
				return a.refused(problem403, err)
			}
		case http.StatusTooManyRequests:
			throttled = true
			continue // the budget now waits as long as it must, or says no
		default:
			return failure(err, throttled)
		}
		a.renewed = true
		token, err := a.finder.creds.Renew(ctx, a.agent, a.token)
		if err != nil {
			return credentialsError(ctx, err)
		}
		a.token = token
	}
}

func (a *asker) refused(problem string, cause error) error {
	if !a.beside {
		a.finder.creds.Refused(a.agent, problem)
	}
	return fmt.Errorf("%w: %w", screenpop.ErrRefused, cause)
}

// status is the HTTP status of an answer, 0 when there was none.
func status(err error) int {
	var s *smokeball.StatusError
	if errors.As(err, &s) {
		return s.Status
	}
	return 0
}

// failure says what a failed request means for the look-up: too late where our
// own budget or the call's end was the reason, unavailable where Smokeball was.
func failure(err error, throttled bool) error {
	meaning := screenpop.ErrUnavailable
	var connection *smokeball.ConnectionError
	switch {
	case errors.As(err, &connection):
		if errors.Is(err, context.Canceled) {
			meaning = screenpop.ErrTooLate
		}
	case throttled: // it told us to wait longer than there is time
	case errors.Is(err, smokeball.ErrBusy), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		meaning = screenpop.ErrTooLate
	}
	return fmt.Errorf("%w: %w", meaning, err)
}

// credentialsError keeps to the errors a look-up may end with. ctx is what the
// credentials were asked with: when its time ran out, it was Smokeball that did
// not hand out a token in time.
func credentialsError(ctx context.Context, err error) error {
	for _, told := range []error{screenpop.ErrNotPaired, screenpop.ErrRefused, screenpop.ErrUnavailable} {
		if errors.Is(err, told) {
			return err
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%w: %w", screenpop.ErrTooLate, err)
	}
	return fmt.Errorf("%w: %w", screenpop.ErrUnavailable, err)
}
