package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// awayFile holds, in the state directory, what commands have done to the store
// while no daemon ran. The next daemon takes it into the record.
const awayFile = "audit-waiting.jsonl"

// maxAway bounds what is read of it.
const maxAway = 1 << 20

// away is an entry that waits: of the events that need no daemon.
type away struct {
	At       time.Time    `json:"at"`
	UID      uint32       `json:"uid"`
	User     string       `json:"user,omitempty"`
	Claimed  string       `json:"claimed,omitempty"`
	Restore  *Restore     `json:"restore,omitempty"`
	Rotation *KeyRotation `json:"key_rotation,omitempty"`
	Backup   *Backup      `json:"backup,omitempty"`
}

// Leave leaves an entry in the state directory dir for the next daemon, on the
// disk when it returns. It is for a Restore, a KeyRotation or a Backup by a user
// of this machine; of the entry nothing else is kept than who, what and when.
func Leave(dir string, e Entry) (err error) {
	a := away{At: e.At, UID: e.By.UID, User: e.By.Name, Claimed: e.By.Claimed}
	switch event := e.Event.(type) {
	case Restore:
		a.Restore = &event
	case KeyRotation:
		a.Rotation = &event
	case Backup:
		a.Backup = &event
	default:
		return fmt.Errorf("%T needs a daemon", event)
	}
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, awayFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// A line that broke off is alone, and the one after it is whole.
	if _, err := f.Write(append(append([]byte{'\n'}, line...), '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// Collect hands over what commands have left in the state directory dir, and
// takes it away. A daemon that ends in between hands it over once more at its next
// start. The error tells what could not be read; the rest has been handed over.
func Collect(dir string, take func(Entry)) error {
	path := filepath.Join(dir, awayFile)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var unread error
	lines := bufio.NewScanner(io.LimitReader(f, maxAway))
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		e, err := parseAway(lines.Bytes())
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("a line of %s: %w", path, err))
			continue
		}
		take(e)
	}
	return errors.Join(unread, lines.Err(), os.Remove(path))
}

func parseAway(line []byte) (Entry, error) {
	var a away
	if err := json.Unmarshal(line, &a); err != nil {
		return Entry{}, err
	}
	e := Entry{By: ByUser(ActorCommand, a.UID, a.User), At: a.At}
	e.By.Claimed = a.Claimed
	switch {
	case a.Restore != nil:
		e.Event = *a.Restore
	case a.Rotation != nil:
		e.Event = *a.Rotation
	case a.Backup != nil:
		e.Event = *a.Backup
	default:
		return Entry{}, errors.New("it names no event")
	}
	return e, nil
}
