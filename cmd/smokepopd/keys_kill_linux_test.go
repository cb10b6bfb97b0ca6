package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/vault"
)

// changing are the system calls that change something on a disk.
var changing = []string{
	"write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate", "renameat", "renameat2", "linkat", "unlinkat", "fchmod", "fchmodat", "fchown",
}

// killedAtEveryWrite runs smokepopd args again and again, each time from the
// same state, and kills it (-9) as it begins its first, second, third... change
// of the disk, until it comes to its end unharmed. After each kill it looks at
// what is left. It returns how often it has killed.
func (in *installation) killedAtEveryWrite(args []string, look func(kill string)) (kills int) {
	in.t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		in.t.Skip("needs strace")
	}
	aside := filepath.Join(in.t.TempDir(), "aside")
	for _, name := range []string{"etc", "state"} {
		if err := os.CopyFS(filepath.Join(aside, name), os.DirFS(filepath.Join(in.dir, name))); err != nil {
			in.t.Fatal(err)
		}
	}
	for _, call := range changing {
		for n := 1; ; n++ {
			in.putBack(aside)
			run := smokepopd(in.t, args...)
			// strace counts the calls of each thread by itself: on one
			// processor the work mostly stays on one.
			run.Env = append(os.Environ(), "GOMAXPROCS=1")
			inject := fmt.Sprintf("inject=?%s:signal=KILL:when=%d", call, n)
			run.Args = append([]string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=?" + call, "-e", inject, run.Path}, run.Args[1:]...)
			run.Path = strace
			var said bytes.Buffer
			run.Stdout, run.Stderr = &said, &said
			err := run.Run()
			if err == nil {
				break
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() == exitUsage {
				in.t.Fatalf("%v: %s", err, &said)
			}
			kills++
			look(fmt.Sprintf("%s %d", call, n))
		}
	}
	return kills
}

// putBack puts what lies aside in the place of the installation's files.
func (in *installation) putBack(aside string) {
	in.t.Helper()
	for _, name := range []string{"etc", "state"} {
		to := filepath.Join(in.dir, name)
		err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(filepath.Join(aside, name))), os.Chmod(to, 0o700))
		entries, e := os.ReadDir(to)
		err = errors.Join(err, e)
		for _, entry := range entries {
			err = errors.Join(err, os.Chmod(filepath.Join(to, entry.Name()), 0o600))
		}
		if err != nil {
			in.t.Fatal(err)
		}
	}
}

// contents reads every record of the stopped store with the key file.
func (in *installation) contents() map[string]string {
	in.t.Helper()
	keys, err := vault.LoadKeys(in.keyFile())
	if err != nil {
		in.t.Fatal(err)
	}
	s, err := vault.Open(in.t.Context(), in.stateDir(), keys, vault.Options{})
	if err != nil {
		in.t.Fatal(err)
	}
	defer s.Close()
	paths, err := s.List(in.t.Context(), "")
	if err != nil {
		in.t.Fatal(err)
	}
	all := map[string]string{}
	for _, p := range paths {
		v, _, err := s.Get(in.t.Context(), p)
		if err != nil {
			in.t.Errorf("%s: %v", p, err)
		}
		all[p] = string(v)
	}
	return all
}

func same(a, b map[string]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// Killed at any of its writes, to the key file or the database, a rotation
// leaves a store that opens with the key file as it is, with every record, and
// is taken up by running it again.
func TestRotateKilledAtEveryWrite(t *testing.T) {
	t.Parallel() // it waits more than it works
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	in.pairedAgent()
	in.stopped()
	before, old := in.contents(), in.keyIDs()[0]
	if len(before) < 2 {
		t.Fatalf("only %d records", len(before))
	}
	phases := map[int]int{}
	kills := in.killedAtEveryWrite([]string{"keys", "rotate", "--config", in.file}, func(kill string) {
		phases[len(in.keyIDs())]++
		if after := in.contents(); !same(after, before) {
			t.Errorf("%s: the store holds other records", kill)
		}
		if len(in.keyIDs()) == 1 && in.keyIDs()[0] != old {
			return // it was done but for saying so
		}
		in.admin("keys", "rotate").wants(t, exitOK)
		if ids := in.keyIDs(); len(ids) != 1 || ids[0] == old || !same(in.contents(), before) {
			t.Errorf("%s: run again, the file holds %v, before it %s", kill, ids, old)
		}
	})
	t.Logf("%d kills; by the keys in the file: %v", kills, phases)
	if phases[1] == 0 || phases[2] == 0 {
		t.Error("not all phases were met")
	}
}

// Killed at any of its writes, a restore leaves the old database or the new
// one, whole.
func TestRestoreKilledAtEveryWrite(t *testing.T) {
	t.Parallel() // it waits more than it works
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	v := in.pairedAgent()
	file := filepath.Join(t.TempDir(), "backup")
	in.admin("backup", file).wants(t, exitOK)
	if res, body := v.request("DELETE", "/api/pair", ""); res.StatusCode != 200 {
		t.Fatalf("unpair: %s", body)
	}
	in.stopped()
	old := in.contents()
	was := map[bool]int{}
	kills := in.killedAtEveryWrite([]string{"restore", file, "--config", in.file}, func(kill string) {
		after := in.contents()
		was[same(after, old)]++
		if !same(after, old) && len(after) != len(old)+1 {
			t.Errorf("%s: neither the old database nor the new one: %v", kill, len(after))
		}
	})
	t.Logf("%d kills; old kept: %v", kills, was)
	if was[true] == 0 || len(in.contents()) != len(old)+1 {
		t.Error("the method sees nothing")
	}
}
