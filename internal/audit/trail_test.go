package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

type rig struct {
	trail *Trail
	path  string
	log   *bytes.Buffer
	rec   *Log
}

func newRig(t *testing.T, path string) *rig {
	t.Helper()
	r := &rig{path: path, log: &bytes.Buffer{}}
	h := slog.NewTextHandler(r.log, nil)
	trail, err := OpenTrail(TrailConfig{Path: path, Log: h, Tell: slog.New(h), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	r.trail, r.rec = trail, NewLog(trail.Handler(), nil)
	t.Cleanup(trail.Close)
	return r
}

func (r *rig) dial(t *testing.T, number string) {
	r.rec.Record(t.Context(), Entry{By: Nobody(""), Event: Dial{Number: number}})
}

// numbers are the last digits of the numbers in a file, one of each whole line;
// "!" stands for a line that is none.
func numbers(t *testing.T, path string) (all string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		t.Errorf("%s does not end with a line's end", path)
	}
	for line := range strings.Lines(string(b)) {
		var one struct{ Audit struct{ Number string } }
		if json.Unmarshal([]byte(line), &one) != nil {
			all += "!"
			continue
		}
		all += one.Audit.Number[len(one.Audit.Number)-1:]
	}
	return all
}

func TestLinesGoToTheFileAlone(t *testing.T) {
	r := newRig(t, filepath.Join(t.TempDir(), "audit.log"))
	east := time.FixedZone("east", 10*3600)
	r.rec.now = func() time.Time { return time.Date(2026, 11, 28, 2, 0, 0, 0, east) }
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { r.dial(t, "55501") })
	}
	all.Wait()
	if got := numbers(t, r.path); got != strings.Repeat("1", 50) {
		t.Errorf("the file has %q", got)
	}
	if b, err := os.ReadFile(r.path); err != nil || strings.Count(string(b), `{"time":"2026-11-27T16:00:00Z","msg":"dial",`) != 50 {
		t.Errorf("%v, and the times are not those of Greenwich: %.200s", err, b)
	}
	if r.log.Len() > 0 {
		t.Errorf("the log has %s", r.log)
	}
	info, err := os.Stat(r.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	r.trail.Close()
	r.dial(t, "55502") // somebody is late
	if got := numbers(t, r.path); len(got) != 50 || strings.Count(r.log.String(), "audit.event=dial") != 1 {
		t.Errorf("after the end: the file %q, the log %s", got, r.log)
	}
}

func TestWithoutAFileLinesAreInTheLog(t *testing.T) {
	r := newRig(t, "")
	r.dial(t, "55501")
	if n := strings.Count(r.log.String(), "msg=dial audit.event=dial"); n != 1 || strings.Contains(r.log.String(), "ERROR") {
		t.Errorf("the log has %s", r.log)
	}
}

// What logrotate does: the file is moved away, and opened again.
func TestAFileThatWasMovedIsOpenedAgain(t *testing.T) {
	r := newRig(t, filepath.Join(t.TempDir(), "audit.log"))
	r.dial(t, "55501")
	if err := os.Rename(r.path, r.path+".1"); err != nil {
		t.Fatal(err)
	}
	r.dial(t, "55502")
	put, _, err := r.trail.Prepare(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.dial(t, "55503")
	put()
	r.dial(t, "55504")
	if old, now := numbers(t, r.path+".1"), numbers(t, r.path); old != "123" || now != "4" {
		t.Errorf("the file moved away has %q, the new one %q", old, now)
	}
}

// A file that cannot be used is refused, and the one in use goes on.
func TestFilesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("open"), nil, 0o600), os.Chmod(at("open"), 0o644), os.Symlink(at("audit.log"), at("link")), os.Mkdir(at("folder"), 0o700), syscall.Mkfifo(at("pipe"), 0o600),
		os.WriteFile(at("group"), nil, 0o600), os.Chmod(at("group"), 0o660),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, at("audit.log"))
	for name, want := range map[string]string{
		"open": "chmod 0640", "group": "chmod 0640", "link": "is a symbolic link", "folder": "is a directory", "pipe": "is no file", "none/audit.log": "no such file",
	} {
		_, _, err := r.trail.Prepare(at(name))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), at(name)) {
			t.Errorf("%s: %v", name, err)
		}
		if CheckFile(at(name)) == nil {
			t.Errorf("%s: CheckFile has nothing against it", name)
		}
	}
	if err := CheckFile(r.path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(at("none")); !os.IsNotExist(err) && !strings.Contains(err.Error(), fs.ErrNotExist.Error()) {
		t.Errorf("a folder was made: %v", err)
	}
	r.dial(t, "55501")
	if got := numbers(t, r.path); got != "1" {
		t.Errorf("the file has %q", got)
	}
}

// After a crash in the middle of a write the file ends in half a line. The next
// line begins a new one.
func TestHalfALineSpoilsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(`{"time":"2026-`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, path)
	r.dial(t, "55501")
	r.dial(t, "55502")
	if got := numbers(t, path); got != "!12" {
		t.Errorf("the file has %q", got)
	}
}

// On a full disk everything goes on: the line is in the log, and is counted.
func TestAFullDiskLosesNoLine(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("not checked: there is no /dev/full here")
	}
	r := newRig(t, filepath.Join(t.TempDir(), "audit.log"))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.trail.mu.Lock()
	whole := r.trail.file
	r.trail.file = full
	r.trail.mu.Unlock()
	r.dial(t, "55501")
	r.dial(t, "55502")
	if n := strings.Count(r.log.String(), "audit.event=dial"); n != 2 {
		t.Errorf("the log has %d of 2 lines: %s", n, r.log)
	}
	if !strings.Contains(r.log.String(), "no space left on device") {
		t.Errorf("the log does not say why: %s", r.log)
	}
	if n := testutil.ToFloat64(r.trail.losses.WithLabelValues(lostWrite)); n != 2 {
		t.Errorf("%v losses are counted", n)
	}
	r.trail.mu.Lock()
	r.trail.file = whole
	r.trail.mu.Unlock()
	r.dial(t, "55503")
	if got := numbers(t, r.path); got != "3" {
		t.Errorf("with room again the file has %q", got)
	}
	_ = full.Close()
}

// A disk that becomes full in the middle of a line leaves half of it; when there
// is room again, the next line is whole.
func TestAWriteThatBreaksOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	r := newRig(t, path)
	r.dial(t, "55501")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	little := before
	little.Cur = uint64(info.Size()) + 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &little); err != nil {
		t.Fatal(err)
	}
	r.dial(t, "55502")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	r.dial(t, "55503")
	if got := numbers(t, path); got != "1!3" || strings.Count(r.log.String(), "audit.event=dial") != 1 {
		t.Errorf("the file has %q, the log %s", got, r.log)
	}
}

// What is written is on the disk within a second, and nobody waits for it.
func TestRunSyncs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- r.trail.Run(ctx) }()
		// A closed descriptor cannot be synced, which is told: so it was tried.
		broken, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		r.dial(t, "55501")
		r.trail.mu.Lock()
		whole := r.trail.file
		r.trail.file = broken
		r.trail.mu.Unlock()
		synctest.Wait()
		if n := testutil.ToFloat64(r.trail.losses.WithLabelValues(lostSync)); n != 0 {
			t.Errorf("synced at once")
		}
		<-time.After(syncEvery)
		synctest.Wait()
		if n := testutil.ToFloat64(r.trail.losses.WithLabelValues(lostSync)); n != 1 || !strings.Contains(r.log.String(), "may not be on the disk") {
			t.Errorf("%v syncs have failed, want 1: %s", n, r.log)
		}
		r.trail.mu.Lock()
		r.trail.file = whole
		r.trail.mu.Unlock()
		_ = broken.Close()
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}
