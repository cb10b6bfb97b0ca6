package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// trail reads the audit lines of a file.
func trail(t *testing.T, path string) (lines []map[string]any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var one struct{ Audit map[string]any }
		if err := json.Unmarshal([]byte(line), &one); err != nil || one.Audit == nil {
			t.Fatalf("the line %q: %v", line, err)
		}
		lines = append(lines, one.Audit)
	}
	return lines
}

// holds looks for the first line that has all of these fields, each "field=value".
func holds(t *testing.T, lines []map[string]any, fields ...string) {
	t.Helper()
next:
	for _, line := range lines {
		for _, f := range fields {
			name, value, _ := strings.Cut(f, "=")
			if fmt.Sprint(line[name]) != value {
				continue next
			}
		}
		return
	}
	t.Errorf("no line has %q: %v", fields, lines)
}

// A whole daemon with a file of its own for the record: who is on the admin
// socket as the kernel says, logrotate's signal with a good configuration and a
// bad one, and what was done while no daemon ran.
func TestAuditFileOfADaemon(t *testing.T) {
	var file string
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		file = filepath.Join(filepath.Dir(settings["state_dir"].(string)), "audit.log")
		settings["audit"] = map[string]any{"file": file}
		settings["log"] = map[string]any{"level": "error", "format": "json"}
	})
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	uid, whom := "uid="+fmt.Sprint(os.Getuid()), []string{"--tenant", in.firm().Domain, "--extension", in.firm().Agents[0].Extension}
	notify := in.listened()
	in.pairedAgent()
	agent := "agent=" + in.firm().Agents[0].Extension + "@" + in.firm().Domain
	holds(t, trail(t, file), "event=start", "outcome=ok", "by=daemon", "version=v0-test")
	holds(t, trail(t, file), "event=invite", "by=admin-socket", uid, "who="+me.Username, "claimed="+invokingUser(), agent)
	holds(t, trail(t, file), "event=sign-in", "outcome=ok", "by=agent", "client=127.0.0.1", agent)
	holds(t, trail(t, file), "event=pair", "outcome=ok", "by=agent", agent)

	rotate := func(n int) {
		t.Helper()
		if err := os.Rename(file, fmt.Sprintf("%s.%d", file, n)); err != nil {
			t.Fatal(err)
		}
		in.hangup(notify)
	}
	in.edit(func(m map[string]any) { m["log"] = map[string]any{"level": "warn", "format": "json"} })
	rotate(1)
	holds(t, trail(t, file), "event=reload", "outcome=ok", "by=signal", "who=SIGHUP", "changed=log.level")
	in.edit(func(m map[string]any) { m["log"] = map[string]any{"level": "loud", "format": "json"} })
	rotate(2)
	holds(t, trail(t, file), "event=reload", "outcome=refused", "problems=log.level", "why=not-loaded")
	in.edit(func(m map[string]any) { m["log"] = map[string]any{"level": "error", "format": "json"} })

	in.admin(append([]string{"agents", "unpair", "--reason", "lost\nlaptop"}, whom...)...).wants(t, exitOK)
	in.admin(append([]string{"agents", "sign-out", "--reason", "lost laptop"}, whom...)...).wants(t, exitOK)
	holds(t, trail(t, file), "event=unpair", "by=admin-socket", uid, agent, "was_paired=true", "revoked=true", "reason=lost laptop")
	holds(t, trail(t, file), "event=sign-out", "by=admin-socket", uid, agent, "sessions=1", "reason=lost laptop")
	in.stopped()
	holds(t, trail(t, file), "event=stop", "outcome=ok", "by=signal")

	before := len(trail(t, file))
	backup := filepath.Join(t.TempDir(), "backup")
	in.admin("backup", backup).wants(t, exitOK)
	in.admin("restore", backup, "--dry-run").wants(t, exitOK)
	in.admin("restore", backup).wants(t, exitOK)
	in.admin("keys", "rotate").wants(t, exitOK)
	if n := len(trail(t, file)); n != before {
		t.Errorf("%d lines were written while no daemon ran", n-before)
	}
	in.serve()
	lines := trail(t, file)[before:]
	holds(t, lines, "event=backup", "by=command", uid, "who="+me.Username)
	holds(t, lines, "event=key-rotation", "by=command", uid, "step=rotated")
	holds(t, lines, "event=restore", "by=command", uid, "who="+me.Username, "outcome=ok")
	restores := 0
	for _, line := range lines {
		if line["event"] == "restore" {
			restores++ // a dry run is none
		}
		if line["by"] == "command" && line["at"] == nil {
			t.Errorf("it does not say when: %v", line)
		}
	}
	if restores != 1 {
		t.Errorf("%d restores, want 1: %v", restores, lines)
	}
	in.stopped()
	if strings.Contains(in.stderr.String(), "audit") {
		t.Errorf("the log has lines of audit, or trouble with them: %s", in.stderr)
	}
}

// A file that others may read is refused at the start, in words that say what to
// do.
func TestAuditFileThatOthersMayRead(t *testing.T) {
	var file string
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		file = filepath.Join(filepath.Dir(settings["state_dir"].(string)), "audit.log")
		settings["audit"] = map[string]any{"file": file}
	})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "serve", "--config", in.file).wants(t, exitFailed, "audit.file: "+file+" has mode 0644", "chmod 0640 "+file)
}
