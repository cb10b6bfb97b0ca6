package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A record as small as the one that is there finds room on a full disk, in the
// pages the database has already; a session does not.
func TestFullDiskIsNotHealthy(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=512k,mode=0700"); err != nil {
		t.Skipf("no small disk to fill: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := open(t, filepath.Join(disk, "state"), ringOf(t, newKey(t, "k1")))
	f, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if f.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	for i := 0; err == nil || i == 0; i++ { // the pages at hand are soon used up
		err = s.Put(context.Background(), "sessions/-/"+strconv.Itoa(i), bytes.Repeat([]byte("x"), 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Healthy(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("healthy on a full disk: %v", err)
		}
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// A process that may not make its file longer is refused, not killed: the
// runtime swallows SIGXFSZ.
func TestLimitOnTheFilesSizeIsNotHealthy(t *testing.T) {
	const itself = "SMOKEPOP_TEST_FILE_SIZE"
	if os.Getenv(itself) == "" {
		// The limit is the whole process's: a child takes it on.
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), itself+"=1")
		if out, err := child.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	tooLarge := func(err error) bool { return err != nil && strings.Contains(err.Error(), syscall.EFBIG.Error()) }
	dir := stateDir(t)
	s := open(t, dir, ringOf(t, newKey(t, "k1")))
	if err := s.Put(t.Context(), token, []byte("v")); err != nil {
		t.Fatal(err)
	}
	limit(t, 96<<10)
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = s.Put(t.Context(), "sessions/-/"+strconv.Itoa(i), bytes.Repeat([]byte("x"), 4096))
	}
	if !tooLarge(err) { // bbolt's error does not wrap the system's
		t.Fatalf("a file longer than the limit: %v", err)
	}
	for range 3 {
		if err := s.Healthy(t.Context()); !tooLarge(err) {
			t.Errorf("healthy at the limit: %v", err)
		}
		if v, _, err := s.Get(t.Context(), token); string(v) != "v" || err != nil {
			t.Errorf("reading at the limit: %q %v", v, err)
		}
	}
	limit(t, 64<<20)
	if err := s.Healthy(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := s.Put(t.Context(), token, make([]byte, 256<<10)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// limit sets how long this process's files may become.
func limit(t *testing.T, size uint64) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
}
