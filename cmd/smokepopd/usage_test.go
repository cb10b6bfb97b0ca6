package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/daemon"
)

// lines hands on what is written to it.
type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

func TestHangupDoesNotEndTheDaemon(t *testing.T) {
	said := make(lines)
	stop := outliveHangup(daemon.NewLogger(said, 0, "text"))
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case line := <-said:
			if !strings.Contains(line, "does not reload") {
				t.Errorf("said %q", line)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was said of the signal")
		}
	}
	stop()
}

func TestGroupsOfCommandsAloneAreWrongUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"agents"}, {"agents", "remove"}, {"keys"}, {"keys", "forge"}} {
		var out, errs bytes.Buffer
		if code := run(args, nil, &out, &errs); code != exitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, exitUsage)
		}
		if len(args) < 2 && !strings.Contains(out.String(), "Available Commands:") {
			t.Errorf("%v shows no help:\n%s", args, out.String())
		}
		if len(args) == 2 && !strings.Contains(errs.String(), `unknown command "`+args[1]+`"`) {
			t.Errorf("%v does not name what it does not know: %s", args, errs.String())
		}
	}
	for _, name := range []string{"agents", "keys"} {
		var out, errs bytes.Buffer
		if code := run([]string{name, "--help"}, nil, &out, &errs); code != exitOK {
			t.Errorf("%s --help: exit code %d: %s", name, code, errs.String())
		}
	}
}

func TestProblemsAreCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "smokepop.yaml")
	var out, errs bytes.Buffer
	if code := run([]string{"check-config", "--config", file}, nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), ": 1 problem:\n") {
		t.Errorf("a missing file: %d %s", code, errs.String())
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	errs.Reset()
	if code := run([]string{"check-config", "--config", file}, nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), " problems:\n") {
		t.Errorf("an empty file: %d %s", code, errs.String())
	}
}
