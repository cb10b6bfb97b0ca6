package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// AddKey puts a new random key in front of those in the key file at path and
// returns its id: from then on it is the one that seals. It does so only when
// the file holds one key; a file of several is one whose rotation has not
// ended, and comes back as it is, with an empty id.
//
// The file is replaced in one step and keeps its mode and owner. Killed at any
// point, the old file or the new one is there.
func AddKey(path string) (id string, err error) {
	err = editKeys(path, func(text []byte, ring KeyRing) ([]byte, error) {
		if len(ring.keys) > 1 {
			return nil, nil
		}
		var line []byte
		id, line = newKeyLine()
		return append(line, text...), nil
	})
	if err != nil {
		return "", fmt.Errorf("add a key to %s: %w", path, err)
	}
	return id, nil
}

// DropKeys takes the keys with the ids out of the key file at path, in the way
// of [AddKey]. The first key, which seals, is never dropped. Ids that are not
// there are passed over.
func DropKeys(path string, ids ...string) error {
	err := editKeys(path, func(text []byte, ring KeyRing) ([]byte, error) {
		if slices.Contains(ids, ring.keys[0].ID) {
			return nil, fmt.Errorf("%w: key %s seals, and has to stay", ErrInvalid, ring.keys[0].ID)
		}
		var kept []byte
		for line := range bytes.Lines(text) {
			fields := strings.Fields(string(line))
			if len(fields) == 2 && slices.Contains(ids, fields[0]) {
				continue
			}
			kept = append(kept, line...)
		}
		if len(kept) == len(text) {
			return nil, nil
		}
		return kept, nil
	})
	if err != nil {
		return fmt.Errorf("take old keys out of %s: %w", path, err)
	}
	return nil
}

// newKeyLine returns a new random key as a line of a key file.
func newKeyLine() (id string, line []byte) {
	var name [4]byte
	var secret [keySize]byte
	// Neither read ever fails: crypto/rand ends the process instead.
	_, _ = rand.Read(name[:])
	_, _ = rand.Read(secret[:])
	defer clear(secret[:])
	id = hex.EncodeToString(name[:])
	return id, fmt.Appendf(nil, "%s %s\n", id, base64.StdEncoding.EncodeToString(secret[:]))
}

// editKeys replaces the key file at path by what edit makes of it; nil leaves
// it alone. What edit returns has to be a key file again.
func editKeys(path string, edit func(text []byte, ring KeyRing) ([]byte, error)) error {
	// The file itself, not a link to it, is what is replaced.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	f, err := lockKeyFile(path)
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	ring, err := LoadKeys(path)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return err
	}
	defer clear(text)
	edited, err := edit(text, ring)
	if err != nil || edited == nil {
		return err
	}
	defer clear(edited)
	if _, err := ParseKeys(bytes.NewReader(edited)); err != nil {
		return err
	}
	if len(edited) > maxKeyFile {
		return fmt.Errorf("%w: the key file would be larger than %d bytes", ErrNoKey, maxKeyFile)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return replaceKeyFile(path, info, edited)
}

// lockKeyFile opens the key file and keeps other edits of it away until it is
// closed: of two that read the same file, the second would throw away the
// first one's key, with which something may be sealed by then.
func lockKeyFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, fmt.Errorf("%w: another command is changing the key file; try again", ErrLocked)
			}
			return nil, err
		}
		here, err := f.Stat()
		if err == nil {
			var there os.FileInfo
			if there, err = os.Lstat(path); err == nil && os.SameFile(here, there) {
				return f, nil
			}
		}
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		// It was replaced between opening and locking it.
	}
}

// replaceKeyFile puts text in the place of the key file that info is of. Its
// caller holds the lock.
func replaceKeyFile(path string, info os.FileInfo, text []byte) (err error) {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	_ = os.Remove(tmp) // of a command that was killed at this point
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("%w (a key file that systemd has copied is changed where it was copied from)", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(tmp)
		}
	}()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := f.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	_ = f.Close() // it is on the disk
	return syncDir(filepath.Dir(path))
}

// CheckKeyPlace returns ErrExposed for a key file in the state directory,
// whether it is there already or not: who copies the directory must not get the
// key with it.
func CheckKeyPlace(stateDir, path string) error {
	resolved := func(name string) (string, error) {
		if real, err := filepath.EvalSymlinks(name); err == nil {
			name = real
		} else if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
			name = filepath.Join(dir, filepath.Base(name))
		}
		return filepath.Abs(name)
	}
	dir, err := resolved(stateDir)
	if err != nil {
		return err
	}
	key, err := resolved(path)
	if err != nil {
		return err
	}
	if strings.HasPrefix(key, dir+string(filepath.Separator)) {
		return fmt.Errorf("%w: the key file %s is in the state directory; keep it elsewhere", ErrExposed, path)
	}
	return nil
}

// checkKeyPlace is CheckKeyPlace for keys that came from a file.
func checkKeyPlace(stateDir string, keys KeyRing) error {
	if keys.source == "" {
		return nil
	}
	return CheckKeyPlace(stateDir, keys.source)
}
