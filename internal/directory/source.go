package directory

import (
	"context"
	"errors"
)

// Source reads the directory of a tenant's PBX. It is asked by one goroutine at
// a time, returns when ctx ends, and its error is one sentence for the admin.
type Source interface {
	Read(ctx context.Context) (Reading, error)
}

// ErrRefused is wrapped by a Source's error when the PBX does not let us in.
// It is then not asked again before the next time on schedule: a PBX may lock
// out who tries a wrong password too often.
var ErrRefused = errors.New("refused")

// Reading is what a PBX told. What it did not tell this time is marked, and
// stays as it was told last.
type Reading struct {
	Accounts []Account // one for each number
	// Shape names the way the PBX told, for the admin.
	Shape string
	// OthersUnknown: accounts that are no extensions may be missing.
	OthersUnknown bool
	// GroupsUnknown: nobody's groups could be read.
	GroupsUnknown bool
	// Gaps says, in a sentence each, what could not be read.
	Gaps []string
}

// Kind is what answers at an account.
type Kind string

// The kinds of an account.
const (
	Extension Kind = "extension"
	RingGroup Kind = "ringgroup"
	Queue     Kind = "queue"
	Attendant Kind = "attendant"
	IVR       Kind = "ivr"
	Other     Kind = "other"
)

// Account is a number of the PBX that is somebody's or something's.
type Account struct {
	Number  string
	Kind    Kind
	Name    string
	Email   string   // of extensions; empty: none
	Aliases []string // other numbers it answers at
	Groups  []string // ids and names of the groups it is in
	// Unread: its e-mail, name and kind could not be read this time.
	Unread bool
}
