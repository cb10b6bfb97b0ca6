package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// Root looks after the store of the daemon's user: what root's commands make or
// change there stays that user's, and the daemon goes on.
func TestRootLooksAfterTheStoreOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const user = 65534
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	in.pairedAgent()
	in.stopped()
	before := in.contents()
	backup := filepath.Join(t.TempDir(), "backup")

	// The user has to reach the database, and the program, which checks it.
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(in.dir, "smokepopd")
	if err := errors.Join(os.WriteFile(path, program, 0o755), os.Chmod(filepath.Dir(in.dir), 0o755), os.Chmod(in.dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(in.stateDir(), func(name string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(name, user, user))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"keys", "rotate"}, {"backup", backup}, {"restore", backup}, {"keys", "rotate"}} {
		cmd := exec.CommandContext(t.Context(), path, append(args, "--config", in.file)...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, &said)
		}
		entries, err := os.ReadDir(in.stateDir())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			if owner := info.Sys().(*syscall.Stat_t).Uid; owner != user || info.Mode().Perm() != 0o600 {
				t.Errorf("%v: %s belongs to %d, mode %v", args, e.Name(), owner, info.Mode())
			}
		}
	}
	for _, private := range []string{in.keyFile(), backup} {
		if info, err := os.Stat(private); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s is not root's any more: %v", private, err)
		}
	}
	if err := errors.Join(os.Chown(in.stateDir(), 0, 0), os.Chown(filepath.Join(in.stateDir(), "smokepop.db"), 0, 0)); err != nil {
		t.Fatal(err)
	}
	if !same(in.contents(), before) {
		t.Error("the store holds other records")
	}
}
