package pbxevents

import (
	"context"
	"log/slog"
	"net/netip"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Directory knows the agents. Agent is asked for each event, from many
// goroutines, and has to be quick.
type Directory interface {
	Agent(screenpop.AgentID) (screenpop.Agent, bool)
}

// Accounts is for a Directory that knows what answers at the PBX beside agents:
// ring groups, queues and the like. Such a number is one of ours, whatever it
// looks like, and its name stands on the card. It is asked as Agent is.
type Accounts interface {
	AccountName(t screenpop.Tenant, number string) (name string, ok bool)
}

// Tenant is what the receiver has to know of one PBX domain.
type Tenant struct {
	Domain  screenpop.Tenant
	Auth    Auth
	Numbers *numbering.Plan
	// Extensions is what an extension that is not in the directory looks like;
	// it has to match a user part as a whole. Nil: only the directory tells.
	Extensions *regexp.Regexp
	// MailboxPrefix before an extension is dialled to reach its mailbox; empty:
	// there is none.
	MailboxPrefix string
	// StarPrefixes begin feature codes: a party that starts with one makes no
	// pop. Empty ones are left out.
	StarPrefixes []string
	// Ignore lists numbers that never pop.
	Ignore []screenpop.Number
	Scope  Scope
	// Aliases and EventNames are the PBX's own names of fields and events.
	Aliases    []FieldAliases
	EventNames EventNames
}

// Auth is how a tenant's PBX proves itself. Everything that is set must pass;
// an Auth with nothing set lets everybody in, and it is for the configuration
// to refuse that.
type Auth struct {
	Username string // HTTP Basic; set together with Password
	Password screenpop.Secret
	Token    screenpop.Secret // of the header X-Smokepop-Token
	Allow    []netip.Prefix   // networks of the source address
}

// Scope tells which agents get pops: all, or the union of Extensions and
// Groups.
type Scope struct {
	All        bool
	Extensions []string
	Groups     []string
}

// Deps are what a Receiver stands on. Directory and Sink are required.
type Deps struct {
	Directory Directory
	Sink      screenpop.Sink
	Trace     screenpop.Recorder
	// Kept, if set, is asked for each event that was taken in, before it is answered,
	// also for one that was known; over tells whether it is an end. It returns nil once
	// all that was taken in before is where whoever goes on with the calls finds it, or
	// it does not matter. An error has the PBX told to send the event again; it is taken
	// in all the same.
	Kept    func(ctx context.Context, over bool) error
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time // stands in for the clock in tests
}
