package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// FileName is the name of the database in the state directory.
const FileName = "smokepop.db"

// lockTimeout is how long Open waits for another process to let go.
const lockTimeout = time.Second

// Options of a store. The zero Options are fine.
type Options struct {
	// Metrics takes smokepop_vault_write_seconds; nil for none.
	Metrics prometheus.Registerer
	// Inspect looks through an existing database before it is opened, without
	// changing it, and refuses it with the errors of Open; see
	// [InspectInChild]. Without it the check runs in this process, which a torn
	// file can end.
	Inspect func(ctx context.Context, path string) error
}

// Open opens the store in dir. Before anything is written the file is looked
// through and the keys are tried; when Open refuses, the file is byte for byte
// what it was. Where there is no file at all Open makes a new store: a first
// start and a file that somebody has taken away, as ErrDamaged advises, cannot
// be told apart; Created tells. A file of schema 1 is brought to the present schema. The errors are
// ErrNoKey, ErrWrongKey, ErrDamaged, ErrLocked, ErrNewerSchema, ErrExposed and
// those of the file system.
func Open(ctx context.Context, dir string, keys KeyRing, opts Options) (*Store, error) {
	fail := func(err error) (*Store, error) {
		if errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: put a backup back with `smokepopd restore`, or move %s away to start anew; every agent then pairs again", err, FileName)
		}
		return nil, fmt.Errorf("open store in %s: %w", dir, err)
	}
	if len(keys.keys) == 0 {
		return fail(ErrNoKey)
	}
	if err := prepareDir(dir); err != nil {
		return fail(err)
	}
	if err := checkKeyPlace(dir, keys); err != nil {
		return fail(err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	look := opts.Inspect
	if look == nil {
		look = func(_ context.Context, path string) error { return inspect(path) }
	}
	path := filepath.Join(dir, FileName)
	_, err := os.Lstat(path)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		err = create(dir, path)
	}
	if err != nil {
		return fail(err)
	}
	if err := checkFile(path); err != nil {
		return fail(err)
	}
	if err := look(ctx, path); err != nil {
		return fail(err)
	}
	db, err := openBolt(path, &bolt.Options{})
	if err != nil {
		return fail(err)
	}
	if err := upgrade(db, keys); err != nil {
		return fail(errors.Join(err, db.Close()))
	}
	s, err := New(ctx, newBoltBackend(db), keys, opts)
	if err != nil {
		return fail(err)
	}
	s.created = created
	return s, nil
}

// openBolt opens the file for reading and writing, or only for reading, and
// turns what bbolt does on locked and torn files into our errors.
func openBolt(path string, o *bolt.Options) (db *bolt.DB, err error) {
	o.Timeout = lockTimeout
	o.FreelistType = bolt.FreelistMapType
	o.NoFreelistSync = false // rebuilding the free list would have to trust every page
	var file *os.File
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		// The file is there by now. Without O_CREATE nothing is made in its
		// place should it go away, and a link put there is not followed.
		f, err := os.OpenFile(name, flag&^os.O_CREATE|syscall.O_NOFOLLOW, mode)
		file = f
		return f, err
	}
	defer func() {
		if err != nil && file != nil {
			_ = file.Close() // after a panic bbolt still holds the lock
		}
	}()
	defer guard(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db, err = bolt.Open(path, 0o600, o)
	var errno syscall.Errno
	switch {
	case err == nil:
		// A restore may have put another file there while this one was waited
		// for: what is written to it would be lost.
		if there, e := os.Lstat(path); e != nil || !sameFile(there, file) {
			return nil, errors.Join(fmt.Errorf("%w: %s was replaced while it was opened; start again", ErrLocked, path), db.Close())
		}
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: another smokepopd has %s open; stop it first", ErrLocked, path)
	case errors.As(err, &errno): // the system's refusal, not the file's content
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
}

func sameFile(there fs.FileInfo, open *os.File) bool {
	here, err := open.Stat()
	return err == nil && os.SameFile(here, there)
}

// prepareDir makes dir, or refuses one that others can get into.
func prepareDir(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
		info, err = os.Lstat(dir)
	}
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%w: the state directory is a symbolic link; name the directory itself", ErrExposed)
	case !info.IsDir():
		return fmt.Errorf("%w: the state directory is no directory", ErrExposed)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: its mode is %#o: run `chmod 0700 %s`", ErrExposed, info.Mode().Perm(), dir)
	}
	return checkOwner(info, dir)
}

// checkFile refuses a database that is not the owner's own regular file.
func checkFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a regular file", ErrExposed, path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: the mode of %s is %#o: run `chmod 0600 %s`", ErrExposed, path, info.Mode().Perm(), path)
	}
	return checkOwner(info, path)
}

func checkOwner(info fs.FileInfo, path string) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to user %d and smokepopd runs as user %d", ErrExposed, path, stat.Uid, os.Geteuid())
	}
	return nil
}

// newPrefix begins the names of databases in the making.
const newPrefix = ".new-"

// create makes a whole new database under another name and puts it in place
// in one step. So a daemon killed on its first start leaves nothing half made,
// and an empty or torn file at path is always damage.
func create(dir, path string) (err error) {
	left, _ := filepath.Glob(filepath.Join(dir, newPrefix+"*")) // the pattern is well-formed
	for _, name := range left {
		_ = os.Remove(name) // of a daemon that was killed at this point
	}
	f, err := os.CreateTemp(dir, newPrefix+"*")
	if err != nil {
		return err
	}
	tmp := f.Name()
	defer func() { _ = os.Remove(tmp) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := openBolt(tmp, &bolt.Options{})
	if err != nil {
		return err
	}
	err = db.Update(initialise)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	// Link does not replace: if another process was quicker, its file stays.
	if err := os.Link(tmp, path); err != nil {
		if _, e := os.Lstat(path); e != nil {
			return err
		}
	}
	return syncDir(dir)
}
