package tokens

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	attemptLifetime = 10 * time.Minute
	// A session that asks again and again, and all of them together, push out
	// their own oldest attempts.
	attemptsPerSession = 5
	attemptsOverall    = 4096
)

// attempt is a pairing that has begun: its agent has been sent to Smokeball.
type attempt struct {
	agent    screenpop.AgentID
	session  string
	verifier string
	issuer   string // the host the agent was sent to
	begun    time.Time
}

// attempts are by their state. They live in memory: after a restart an agent
// clicks again.
type attempts struct {
	mu      sync.Mutex
	byState map[string]attempt
}

func newAttempts() *attempts { return &attempts{byState: map[string]attempt{}} }

// add keeps an attempt under its state.
func (a *attempts) add(state string, at attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ofSession := 0
	var oldest, oldestOfSession string
	for s, other := range a.byState {
		if at.begun.Sub(other.begun) >= attemptLifetime {
			delete(a.byState, s)
			continue
		}
		if oldest == "" || other.begun.Before(a.byState[oldest].begun) {
			oldest = s
		}
		if other.session == at.session {
			ofSession++
			if oldestOfSession == "" || other.begun.Before(a.byState[oldestOfSession].begun) {
				oldestOfSession = s
			}
		}
	}
	switch {
	case ofSession >= attemptsPerSession:
		delete(a.byState, oldestOfSession)
	case len(a.byState) >= attemptsOverall:
		delete(a.byState, oldest)
	}
	a.byState[state] = at
}

// take returns the attempt of a state, once, if it is not too old. The state
// has 256 random bits: how long the look-up takes tells nothing of use.
func (a *attempts) take(state string, now time.Time) (attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.byState[state]
	delete(a.byState, state)
	return at, ok && now.Sub(at.begun) < attemptLifetime
}

// random returns 256 random bits as 43 characters that need no escaping: a
// state, or a PKCE verifier (RFC 7636, 4.1).
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
