package audit

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What commands leave comes back once, as it was left; a line that broke off
// costs no other.
func TestWhatWasLeftIsCollectedOnce(t *testing.T) {
	dir := t.TempDir()
	when := time.Date(2026, 11, 27, 9, 30, 0, 0, time.UTC)
	by := ByUser(ActorCommand, 0, "root")
	by.Claimed = "priya"
	left := []Entry{
		{By: by, At: when, Event: Restore{12, "5f2d", when}},
		{By: by, At: when, Event: KeyRotation{"rotated", []string{"90ab", "5f2d"}, 12}},
		{By: by, At: when, Event: Backup{12, 1}},
	}
	path := filepath.Join(dir, awayFile)
	for i, e := range left {
		if err := Leave(dir, e); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // the disk is full in the middle of a line
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(`{"at":"2026`); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := Leave(dir, Entry{Event: Stop{}}); err == nil {
		t.Error("an event of a daemon's was left")
	}
	var got []Entry
	err := Collect(dir, func(e Entry) { got = append(got, e) })
	if err == nil || strings.Count(err.Error(), "a line of") != 1 {
		t.Errorf("the error is %v, want one line that cannot be read", err)
	}
	if !reflect.DeepEqual(got, left) {
		t.Errorf("collected %+v, want %+v", got, left)
	}
	if err := Collect(dir, func(e Entry) { t.Errorf("again %+v", e) }); err != nil {
		t.Error(err)
	}
}

// A name that leads elsewhere is nobody's entry.
func TestNothingIsLeftElsewhere(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "elsewhere")
	if err := os.Symlink(target, filepath.Join(dir, awayFile)); err != nil {
		t.Fatal(err)
	}
	if err := Leave(dir, Entry{Event: Backup{}}); err == nil {
		t.Error("left by a link")
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a file was made elsewhere")
	}
}
