package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parent names the file that TestAParent prints into.
const parent = "SMOKEPOP_PROCESS_PARENT"

// TestAParent is none: it is the process that is killed below.
func TestAParent(t *testing.T) {
	log := os.Getenv(parent)
	if log == "" {
		t.Skip("for TestNoneOutlivesItsParent")
	}
	p := &Program{Name: "child", Path: "/bin/sh", Args: []string{"-c", "echo $$; exec sleep 600"}, Log: log}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	<-p.Ended()
}

// Who is killed leaves no program behind.
func TestNoneOutlivesItsParent(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAParent$")
	cmd.Env = append(os.Environ(), parent+"="+log)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	wait(t, func() bool {
		b, _ := os.ReadFile(log)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return pid != 0
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	wait(t, func() bool {
		// One that nobody waits for is dead, though its number is there still.
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(b), ") Z ")
	})
}

// How a program ends is told, with what it has printed.
func TestStop(t *testing.T) {
	p := &Program{Name: "it", Path: "/bin/sh", Log: filepath.Join(t.TempDir(), "log"), Args: []string{"-c", "trap 'echo too late; exit 4' TERM; echo ready; while :; do sleep 0.02; done"}}
	if p.PID() != 0 || p.Stop() != nil || p.Kill() != nil || p.Signal(syscall.SIGTERM) != nil {
		t.Error("what does not run cannot end")
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return strings.Contains(p.Tail(), "ready") })
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "it ended with 4:\nready\ntoo late") {
		t.Errorf("%v", err)
	}
	if p.End() != "exit status 4" {
		t.Errorf("it says it ended with %q", p.End())
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p = &Program{Name: "it", Path: "/bin/sh", Out: out, Args: []string{"-c", "echo hello; exec sleep 600"}}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { b, _ := os.ReadFile(out.Name()); return string(b) == "hello\n" })
	if err := p.Kill(); err != nil || p.End() != "signal: killed" {
		t.Errorf("it ended with %q, %v", p.End(), err)
	}
	p = &Program{Name: "it", Path: "/nowhere/it", Log: filepath.Join(t.TempDir(), "log")}
	if err := p.Start(); err == nil || p.PID() != 0 {
		t.Errorf("%v", err)
	}
}

func wait(t *testing.T, until func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !until(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within a minute")
		}
	}
}
