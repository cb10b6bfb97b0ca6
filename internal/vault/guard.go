package vault

import (
	"fmt"
	"runtime"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// guard turns a panic into ErrDamaged. bbolt asserts by panicking, and a page
// that leads nowhere makes it fault.
func guard(err *error) {
	switch r := recover().(type) {
	case nil:
	case runtime.Error: // its words are about us, not about the file
		*err = fmt.Errorf("%w: its pages do not hold together", ErrDamaged)
	default:
		*err = fmt.Errorf("%w: %v", ErrDamaged, r)
	}
}

// view runs fn in a reading transaction.
func view(db *bolt.DB, fn func(*bolt.Tx) error) (err error) {
	defer guard(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return db.View(fn)
}

// update runs fn in a writing transaction and returns once it is on the disk.
func update(db *bolt.DB, fn func(*bolt.Tx) error) (err error) {
	defer guard(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return db.Update(fn)
}
