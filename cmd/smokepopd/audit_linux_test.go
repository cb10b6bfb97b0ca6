package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// The audit file cannot grow any more, as on a full disk of its own: agents sign
// in, admins sign them out, and the lines are in the log, counted. When there is
// room again the file has the next line.
func TestAuditFileThatTakesNothing(t *testing.T) {
	const big, limit = 64 << 20, 32 << 20 // the database stays below the limit
	var file string
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		file = filepath.Join(filepath.Dir(settings["state_dir"].(string)), "audit.log")
		settings["audit"] = map[string]any{"file": file}
	})
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("\n"), big-1); err != nil { // of holes: it takes no room
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	in.serve()
	whom := []string{"--tenant", in.firm().Domain, "--extension", in.firm().Agents[0].Extension}
	limitFileSize(t, in.cmd.Process.Pid, limit)
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	in.pairedAgent()
	in.admin(append([]string{"agents", "sign-out"}, whom...)...).wants(t, exitOK)
	if now, err := os.Stat(file); err != nil || now.Size() != before.Size() {
		t.Fatalf("the file has grown: %v, %v", now.Size(), err)
	}
	// The invite, the sign-in, the sign-out, the beginning of the pairing and its
	// end; of whose account it is Smokeball may have told meanwhile.
	if m := regexp.MustCompile(`smokepop_audit_lost_total\{at="write"\} ([0-9]+)`).FindStringSubmatch(in.scrape()); m == nil || m[1] < "5" || m[1] > "6" {
		t.Errorf("losses: %q", m)
	}
	limitFileSize(t, in.cmd.Process.Pid, anySize)
	in.admin(append([]string{"agents", "invite"}, whom...)...).wants(t, exitOK)
	if f, err = os.Open(file); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, before.Size(), 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if line := string(b); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"event":"invite"`) {
		t.Errorf("with room again the file has %q", line)
	}
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
	log := in.stderr.String()
	for _, want := range []string{`"event":"invite","outcome":"ok"`, `"event":"sign-in","outcome":"ok"`, `"event":"pair","outcome":"ok"`, `"event":"sign-out","outcome":"ok"`, "audit.file did not take a line", "file too large"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not have %s", want)
		}
	}
}
