package vault

import (
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// inspect looks through the file at path without writing to it and without
// keys: that all its pages are there and consistent, that its schema is ours,
// and that its records are those of its inventory. bbolt trusts its file; a
// torn one makes it fault, which ends this check with ErrDamaged, or the
// process: see [InspectInChild].
func inspect(path string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: %s is empty", ErrDamaged, path)
	}
	// bbolt comes first, for its lock, but reads no more than the meta pages.
	db, err := openBolt(path, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkPages(file, info.Size()); err != nil {
		return err
	}
	return view(db, func(tx *bolt.Tx) error {
		var first error
		for e := range tx.Check() {
			if first == nil {
				first = fmt.Errorf("%w: %w", ErrDamaged, e)
			}
		}
		if first != nil {
			return first
		}
		return checkRecords(tx)
	})
}
