package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
