package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Directory knows the agents.
type Directory interface {
	Agent(screenpop.AgentID) (screenpop.Agent, bool)
	Agents() []screenpop.Agent
}

// Store keeps sessions, frames, invites and settings, sealed. Paths are
// "sessions/-/HEX", "frames/-/HEX" and "invites/-/HEX", where HEX is the
// SHA-256 of what the browser holds, and "settings/TENANT/EXTENSION".
type Store interface {
	// Get returns nil, 0 and no error for an absent record.
	Get(ctx context.Context, path string) (value []byte, revision uint64, err error)
	// CompareAndSet fails unless the record is at revision; 0: it is absent.
	CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error)
	// Delete removes the record if it is at revision (0: any) and tells whether
	// it was there.
	Delete(ctx context.Context, path string, revision uint64) (existed bool, err error)
	List(ctx context.Context, prefix string) ([]string, error)
}

// StoreAway is an error of [Store], or of what stands on it, that passes by itself:
// what keeps the records does not answer. Who asked is told to try again.
type StoreAway interface {
	error
	StoreAway() bool
}

// Pairings pairs agents with Smokeball. session is a session's id: it names
// the browser and is no secret that would open it.
type Pairings interface {
	// Begin returns the address of Smokeball's sign-in page.
	Begin(ctx context.Context, agent screenpop.AgentID, session string) (authorizeURL string, err error)
	// Finish takes what Smokeball sent the browser back with. An error that is
	// a [PairProblem] is told to the agent in its own words.
	Finish(ctx context.Context, session string, query url.Values) (screenpop.AgentID, screenpop.Pairing, error)
	// Unpair deletes the agent's tokens and tells whether Smokeball confirmed
	// that they are revoked. It is no error when there were none.
	Unpair(ctx context.Context, agent screenpop.AgentID) (revoked bool, err error)
	Pairing(agent screenpop.AgentID) screenpop.Pairing
}

// Usage tells what has become of an agent's authorisation of late.
type Usage interface {
	Use(agent screenpop.AgentID) Use
}

// Use is when an agent's authorisation was of use last, and what went wrong last;
// both since the start.
type Use struct {
	LastUse     time.Time `json:"last_use,omitzero"`
	LastFailure *Failure  `json:"last_failure,omitempty"`
}

// Failure is what went wrong, in one plain sentence.
type Failure struct {
	At      time.Time `json:"at"`
	Problem string    `json:"problem"`
}

// PairProblem is an error of [Pairings] that says how it looks from outside:
// 400 for a request that makes no sense, 403 for one of another session or out
// of time, 502 when Smokeball failed; and one plain sentence for the agent.
type PairProblem interface {
	error
	PairProblem() (status int, sentence string)
	// PairProblemWord is a short word of a closed set for the audit log; it may be
	// empty.
	PairProblemWord() string
}

// Passwords checks agents' passwords where they belong, at their PBX.
type Passwords interface {
	// Tenants are those whose passwords can be checked.
	Tenants() []screenpop.Tenant
	// Check tells whether password is that of the agent. Each call is one try
	// at the PBX.
	Check(ctx context.Context, agent screenpop.AgentID, password screenpop.Secret) (bool, error)
}

// SignOn is single sign-on at the firm's identity provider. An error that is a
// [SignOnProblem] is told to the agent in its own words.
type SignOn interface {
	// AuthorizeURL returns where the browser goes. choose lets people pick
	// another account than the one they are signed in with there.
	AuthorizeURL(ctx context.Context, a SignOnAttempt, choose bool) (string, error)
	// Email exchanges the code the browser came back with for the e-mail address
	// that the provider vouches for, in lower case.
	Email(ctx context.Context, code string, a SignOnAttempt) (string, error)
}

// SignOnAttempt binds a sign-in to the browser that began it: OAuth's state,
// OpenID Connect's nonce and PKCE's verifier.
type SignOnAttempt struct {
	State, Nonce, Verifier string
}

// SignOnProblem is an error of [SignOn] that says how it looks from outside:
// 403 for an answer that does not hold, 502 for a provider that fails.
type SignOnProblem interface {
	error
	SignOnProblem() (status int, sentence string)
}

// The close codes this package asks for.
const (
	CloseSignedOut    = 4501 // signed out in this browser
	CloseEndedByAdmin = 4503 // the admin ended the session
)

// Screens are the agents' open websockets.
type Screens interface {
	// Serve upgrades the request to a screen of the agent, or answers it with
	// a problem. It asks valid once CloseSession would find the screen, and
	// closes it again with CloseSignedOut when the session has ended meanwhile.
	// It may return while the screen is open.
	Serve(w http.ResponseWriter, r *http.Request, agent screenpop.Agent, session string, valid func() bool)
	// Knock answers a handshake and closes the socket at once.
	Knock(w http.ResponseWriter, r *http.Request)
	// CloseSession closes the screens of one session, CloseAgent all of an
	// agent's. The session has ended before it is called.
	CloseSession(session string, code int)
	CloseAgent(agent screenpop.AgentID, code int)
	// Explain gives the closing of an agent's screens, of one session or of all
	// where session is empty, an admin's words. It is called before.
	Explain(agent screenpop.AgentID, session, words string)
	// TellUnpaired tells an unpaired agent's screens why that is, in a sentence.
	TellUnpaired(agent screenpop.AgentID, why string)
	// EndAll ends the agent's live pops; the screens stay.
	EndAll(agent screenpop.AgentID)
	// Forget lets go of all that is kept for the agent's next screen.
	Forget(agent screenpop.AgentID)
	// SettingsChanged tells all of the agent's screens.
	SettingsChanged(agent screenpop.AgentID, v screenpop.SettingsView)
	// Screens counts an agent's open screens, SessionScreens those that one
	// session has opened.
	Screens(agent screenpop.AgentID) int
	SessionScreens(agent screenpop.AgentID, session string) int
}

// Traces holds why calls did or did not pop.
type Traces interface {
	// Follow returns the entries on record that fit, oldest first, and a
	// channel of those that come later without a gap between the two. The
	// channel is closed when ctx ends or when its reader falls too far behind.
	Follow(ctx context.Context, q TraceQuery) (past []screenpop.TraceEntry, next <-chan screenpop.TraceEntry)
	// Ways puts entries, oldest first, together by call, in plain words.
	Ways(entries []screenpop.TraceEntry) []screenpop.Way
}

// TraceQuery picks trace entries; an empty field fits every entry.
type TraceQuery struct {
	Tenant    screenpop.Tenant
	Extension screenpop.Extension
	Call      screenpop.CallID
}

// Vault is the store itself, for the commands that look after it. An error that
// is a [VaultProblem] is told to the admin in its own words.
type Vault interface {
	Keys(ctx context.Context) (KeyReport, error)
	// Rotate reads the key file again and begins to seal everything with its
	// first key. It does not wait for the end of that.
	Rotate(ctx context.Context) (KeyReport, error)
	// Backup takes the store as it is at one moment.
	Backup(ctx context.Context) (Backup, error)
}
