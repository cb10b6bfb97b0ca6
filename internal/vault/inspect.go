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
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: %s is empty", ErrDamaged, path)
	}
	db, err := openBolt(path, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return view(db, func(tx *bolt.Tx) error {
		if err := pagesInPlace(tx, info.Size()); err != nil {
			return err
		}
		if err := walk(tx, info.Size()); err != nil {
			return err
		}
		// Check reads on a goroutine of its own, where a fault could not be
		// caught: hence the walk over all it is going to read.
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

// pagesInPlace finds truncation, and lengths of pages that lead out of the
// file.
func pagesInPlace(tx *bolt.Tx, size int64) error {
	if tx.Size() > size {
		return fmt.Errorf("%w: the file has %d bytes of %d", ErrDamaged, size, tx.Size())
	}
	pages := int(tx.Size() / int64(tx.DB().Info().PageSize))
	for id := 0; id < pages; id++ {
		page, err := tx.Page(id)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if page == nil || page.Type == "free" {
			continue
		}
		if page.OverflowCount >= pages-id {
			return fmt.Errorf("%w: page %d leads out of the file", ErrDamaged, id)
		}
		id += page.OverflowCount // what follows is the page's own content
	}
	return nil
}

// walk touches the first and the last byte of every key and value.
func walk(tx *bolt.Tx, size int64) error {
	touched := byte(0)
	touch := func(b []byte) error {
		if int64(len(b)) > size {
			return fmt.Errorf("%w: an entry is longer than the file", ErrDamaged)
		}
		if len(b) > 0 {
			touched ^= b[0] ^ b[len(b)-1]
		}
		return nil
	}
	return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if err := touch(name); err != nil {
			return err
		}
		return b.ForEach(func(k, v []byte) error { return errors.Join(touch(k), touch(v)) })
	})
}
