package vault

import "errors"

// The reasons the vault refuses. They come wrapped in an error that says what
// to do where there is something to do; test with errors.Is.
var (
	// ErrWrongKey: what is stored was sealed with a key that is not in the key
	// file.
	ErrWrongKey = errors.New("the key file does not have the key this was sealed with")
	// ErrNoKey: there is no key file, or no usable key in it.
	ErrNoKey = errors.New("no usable encryption key")
	// ErrDamaged: the file or a record is not what was written.
	ErrDamaged = errors.New("stored data is damaged")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("the store is in use by another process")
	// ErrNewerSchema: a newer smokepopd wrote the store.
	ErrNewerSchema = errors.New("the store was written by a newer smokepopd")
	// ErrExposed: others than the owner could read or replace what has to be
	// private.
	ErrExposed = errors.New("not private enough")
	// ErrConflict: the record is at another revision than the caller thought.
	ErrConflict = errors.New("the record has changed meanwhile")
	// ErrAway: the servers that keep the store do not answer, or not now. What was
	// being written may have been.
	ErrAway error = unreachable{}
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("the store is closed")
	// ErrInvalid: the path or value could never be stored; a fault of the
	// caller.
	ErrInvalid = errors.New("cannot be stored")
)

// unreachable is [ErrAway]: who does not know this package tells it by StoreAway.
type unreachable struct{}

func (unreachable) Error() string { return "the store cannot be reached" }

// StoreAway tells that it passes by itself.
func (unreachable) StoreAway() bool { return true }
