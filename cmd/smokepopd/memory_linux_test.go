package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// What of a process shows in /proc belongs to its user, but to root where the
// process is not dumpable. Root's own always belongs to root, so the daemon
// runs as somebody else here.
func TestNobodyLooksIntoTheDaemonsMemory(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	if os.Geteuid() == 0 {
		in.asNobody()
	} else {
		in.serve()
	}
	proc := fmt.Sprintf("/proc/%d/", in.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 && !strings.Contains(string(status), fmt.Sprintf("Uid:\t%d\t", nobodysID)) {
		t.Fatalf("it runs as another user:\n%s", status)
	}
	for _, name := range []string{"environ", "mem", "maps", "auxv", "io"} {
		info, err := os.Stat(proc + name)
		if err != nil {
			t.Error(err)
		} else if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 {
			t.Errorf("other processes of its user may open %s, which belongs to user %d", name, st.Uid)
		}
	}
	// And so it is when one of them tries.
	peek := asUser(exec.CommandContext(t.Context(), "head", "-c1", proc+"environ"))
	peek.Env = []string{"LC_ALL=C"}
	if out, err := peek.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
		t.Errorf("another process of its user reads its environment: %v %s", err, out)
	}
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d: %s", code, in.stderr)
	}
}

// nobodysID is a user who owns nothing.
const nobodysID = 65534

// asUser lets a command run as the daemon's user.
func asUser(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodysID, Gid: nobodysID}}
	}
	return cmd
}

// asNobody is serve as another user, on files that are theirs.
func (in *installation) asNobody() {
	in.t.Helper()
	own := func(dir string) {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, nobodysID, nobodysID))
		})
		if err != nil {
			in.t.Fatal(err)
		}
	}
	bin := in.t.TempDir()
	path, err := binary()
	if err != nil {
		in.t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		in.t.Fatal(err)
	}
	copied := filepath.Join(bin, "smokepopd")
	if err := os.WriteFile(copied, b, 0o500); err != nil {
		in.t.Fatal(err)
	}
	socket := filepath.Join(in.dir, "notify.sock")
	notify, err := new(net.ListenConfig).ListenPacket(in.t.Context(), "unixgram", socket)
	if err != nil {
		in.t.Fatal(err)
	}
	defer notify.Close()
	own(filepath.Dir(bin)) // the test's directory, which in.dir is in too
	in.cmd = asUser(exec.CommandContext(context.WithoutCancel(in.t.Context()), copied, "serve", "--config", in.file))
	in.cmd.Env, in.cmd.Stderr = append(os.Environ(), "NOTIFY_SOCKET="+socket), in.stderr
	if err := in.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	cmd := in.cmd
	in.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	if got := receive(in.t, notify); got != "READY=1" {
		in.t.Fatalf("the daemon's first word is %q", got)
	}
}
