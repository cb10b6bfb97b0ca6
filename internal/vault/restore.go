package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// RestoreOptions say how a backup is put back.
type RestoreOptions struct {
	// Keys are the store's keys: the first seals everything anew, so that the
	// restored store needs no key of the backup's time.
	Keys KeyRing
	// BackupKeys, if any, open the backup besides Keys.
	BackupKeys KeyRing
	// DryRun verifies the backup and touches nothing, so the store may be in
	// use.
	DryRun bool
	// Now names the database that is replaced.
	Now time.Time
}

// Restored is what came of it.
type Restored struct {
	Created time.Time // when the backup was taken
	KeyID   string    // of the key the backup is sealed with
	Records int
	Kept    string // where the database that was replaced lies; empty when there was none
}

// restorePrefix begins the names of databases that are being restored.
const restorePrefix = ".restore-"

// Restore puts the backup that r reads in the place of the store in dir, which
// it makes when there is none. The backup is read to its end, every record
// opened, and the new database written and read back, before the old one is
// replaced in one step; the old one, damaged or not, stays beside it. Killed at
// any point, Restore leaves the one or the other.
//
// The errors are those of [Open], about the backup or about the store in place:
// ErrLocked when it is in use.
func Restore(ctx context.Context, dir string, r io.Reader, opts RestoreOptions) (done Restored, err error) {
	fail := func(err error) (Restored, error) { return Restored{}, fmt.Errorf("restore into %s: %w", dir, err) }
	if len(opts.Keys.keys) == 0 {
		return fail(ErrNoKey)
	}
	if opts.DryRun {
		err := done.read(r, opts, func(backupHead) error { return nil }, func(string, []byte) error { return nil })
		if err != nil {
			return fail(err)
		}
		return done, nil
	}
	if err := prepareDir(dir); err != nil {
		return fail(err)
	}
	if err := checkKeyPlace(dir, opts.Keys); err != nil {
		return fail(err)
	}
	path := filepath.Join(dir, FileName)
	lock, err := lockStore(path)
	if err != nil {
		return fail(err)
	}
	if lock != nil {
		defer lock.Close()
	}
	tmp, err := emptyFile(dir, restorePrefix)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := done.build(ctx, tmp, r, opts); err != nil {
		return fail(err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if lock != nil {
		done.Kept = keptName(path, opts.Now)
	}
	if err := putInPlace(tmp, path, done.Kept); err != nil {
		return fail(err)
	}
	return done, nil
}

// lockStore keeps everybody else out of the database at path until the file is
// closed; nil when there is none. It takes the lock that bbolt takes, without
// bbolt, which does not open a damaged file.
func lockStore(path string) (*os.File, error) {
	switch _, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := checkFile(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w: a smokepopd has %s open; stop it first", ErrLocked, path)
		}
		return nil, err
	}
	return f, nil
}

// emptyFile makes a file in dir and removes those that were left by others of
// its kind. The caller removes it.
func emptyFile(dir, prefix string) (string, error) {
	left, _ := filepath.Glob(filepath.Join(dir, prefix+"*")) // the pattern is well-formed
	for _, name := range left {
		_ = os.Remove(name) // of a command that was killed at this point
	}
	f, err := os.CreateTemp(dir, prefix+"*")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// read verifies the backup and hands on what is in it.
func (d *Restored) read(r io.Reader, opts RestoreOptions, begin func(backupHead) error, each func(path string, value []byte) error) (err error) {
	ring := opts.Keys
	for _, key := range opts.BackupKeys.keys {
		if _, known := ring.find(key.ID); !known {
			ring.keys = append(ring.keys[:len(ring.keys):len(ring.keys)], key)
		}
	}
	d.KeyID, err = readBackup(r, ring, func(head backupHead) error {
		d.Created, d.Records = head.Created, head.Records
		return begin(head)
	}, each)
	return err
}

// build makes a database of the backup at tmp and reads it back.
func (d *Restored) build(ctx context.Context, tmp string, r io.Reader, opts RestoreOptions) error {
	db, err := openBolt(tmp, &bolt.Options{})
	if err != nil {
		return err
	}
	err = update(db, func(tx *bolt.Tx) error {
		if err := initialise(tx); err != nil {
			return err
		}
		records := tx.Bucket(bucketRecords)
		err := d.read(r, opts, func(head backupHead) error {
			// Revisions go on from where they were: none comes back.
			return records.SetSequence(head.Last)
		}, func(path string, value []byte) error {
			revision, err := records.NextSequence()
			if err != nil {
				return err
			}
			blob, err := opts.Keys.seal(path, revision, value)
			if err != nil {
				return err
			}
			return errors.Join(records.Put([]byte(path), blob), ctx.Err())
		})
		if err != nil {
			return err
		}
		revision, err := records.NextSequence()
		if err != nil {
			return err
		}
		canary, err := sealCanary(opts.Keys, revision)
		if err != nil {
			return err
		}
		if err := records.Put([]byte(canaryPath(opts.Keys.keys[0].ID)), canary); err != nil {
			return err
		}
		return stamp(tx)
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	s, err := New(ctx, newBoltBackend(db), opts.Keys, Options{})
	if err != nil {
		return err
	}
	use, err := s.KeyUse(ctx)
	if err == nil && (use.Records[use.IDs[0]] != d.Records || len(use.Unreadable) > 0) {
		err = fmt.Errorf("%w: what was written reads back as %d records of %d", ErrDamaged, use.Records[use.IDs[0]], d.Records)
	}
	return errors.Join(err, s.Close())
}

// keptName returns a free name for the database that is replaced. Two restores
// in one second, or a clock put back, must not be in each other's way.
func keptName(path string, now time.Time) string {
	base := path + ".before-restore-" + now.UTC().Format("20060102T150405Z")
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil {
			return name // what is wrong besides, linking to it tells
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// putInPlace makes tmp the database at path. When there was one it is kept,
// under the name kept; when there was none, and one has appeared, that stays
// and it is an error.
func putInPlace(tmp, path, kept string) error {
	dir := filepath.Dir(path)
	if kept == "" {
		return errors.Join(os.Link(tmp, path), syncDir(dir))
	}
	if err := os.Link(path, kept); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(kept))
	}
	return syncDir(dir)
}
