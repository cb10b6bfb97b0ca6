package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxKeyFile is far more than any ring needs and keeps a wrong path (a device,
// a log) from being read whole.
const maxKeyFile = 64 << 10

// LoadKeys reads the key file at path; see [ParseKeys] for its form. A file
// that others may read is refused with ErrExposed; the group may read it, as
// in a systemd credential of mode 0440. A missing file is ErrNoKey and
// fs.ErrNotExist.
func LoadKeys(path string) (KeyRing, error) {
	fail := func(err error) (KeyRing, error) {
		return KeyRing{}, fmt.Errorf("read keys %s: %w", path, err)
	}
	// O_NONBLOCK: opening a named pipe would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(fmt.Errorf("%w: there is no such file (`smokepopd keys generate --out %s` makes one): %w", ErrNoKey, path, fs.ErrNotExist))
	}
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrNoKey, err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrNoKey, err))
	}
	if !info.Mode().IsRegular() {
		return fail(fmt.Errorf("%w: it is not a regular file", ErrNoKey))
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 || mode&0o020 != 0 {
		return fail(fmt.Errorf("%w: its mode is %#o: run `chmod 0400 %s`, and make a new key if others may have read this one", ErrExposed, mode, path))
	}
	ring, err := ParseKeys(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return fail(err)
	}
	ring.source = path
	return ring, nil
}

// GenerateKey writes a file with one new random key, mode 0400. It returns an
// fs.ErrExist when there is a file at path already, and leaves that as it is:
// whoever overwrites a key loses all that was sealed with it.
func GenerateKey(path string) error {
	fail := func(err error) error { return fmt.Errorf("generate key %s: %w", path, err) }
	_, line := newKeyLine()
	defer clear(line)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if errors.Is(err, fs.ErrExist) {
		return fail(fmt.Errorf("%w: name another file. Whoever overwrites a key loses all that was sealed with it", err))
	}
	if err != nil {
		return fail(err)
	}
	_, err = f.Write(line)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		// Half a key file would only be in the way of the next attempt.
		return fail(errors.Join(err, os.Remove(path)))
	}
	return nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
