package vault

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// Whoever waits for the old file while a restore replaces it must not write
// into what has been put aside.
func TestOpenOfAFileThatWasReplaced(t *testing.T) {
	dir, ring := storeWith(t, somePaths...)
	path := filepath.Join(dir, FileName)
	lock, err := lockStore(path)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		db, err := openBolt(path, &bolt.Options{})
		if err == nil {
			_ = db.Close()
		}
		opened <- err
	}()
	// Until it has the old file open and waits: its descriptor shows there.
	for waits := 0; waits < 2; {
		waits = 0
		fds, _ := filepath.Glob("/proc/self/fd/*")
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); to == path {
				waits++
			}
		}
	}
	other, _ := storeWith(t)
	if err := errors.Join(os.Rename(filepath.Join(other, FileName), path), lock.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
	holds(t, openStore(t, dir, ring))
}
