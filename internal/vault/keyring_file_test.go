package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	. "github.com/smokepop/smokepop/internal/vault"
)

// keyFile makes a key file and returns its path and its key's id.
func keyFile(t testing.TB) (path, id string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "smokepop.key")
	if err := GenerateKey(path); err != nil {
		t.Fatal(err)
	}
	return path, idsIn(t, path)[0]
}

func idsIn(t testing.TB, path string) []string {
	t.Helper()
	ring, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	return ring.IDs()
}

func TestKeysAreAddedAndDropped(t *testing.T) {
	path, old := keyFile(t)
	added, err := AddKey(path)
	if err != nil || added == "" || added == old {
		t.Fatalf("added %q: %v", added, err)
	}
	if got := idsIn(t, path); !slices.Equal(got, []string{added, old}) {
		t.Fatalf("the file holds %q", got)
	}
	if again, err := AddKey(path); again != "" || err != nil || len(idsIn(t, path)) != 2 {
		t.Errorf("a rotation under way is begun anew: %q %v", again, err)
	}
	if err := DropKeys(path, added); !errors.Is(err, ErrInvalid) {
		t.Errorf("the sealing key is dropped: %v", err)
	}
	for range 2 {
		if err := DropKeys(path, old, "not-there"); err != nil {
			t.Fatal(err)
		}
	}
	if got := idsIn(t, path); !slices.Equal(got, []string{added}) {
		t.Errorf("the file holds %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestKeyFileKeepsModeCommentsAndLink(t *testing.T) {
	path, old := keyFile(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, 0o640), os.WriteFile(path, append([]byte("# kept in the safe\n\n"), bytes.TrimSpace(text)...), 0), os.Chmod(path, 0o440)); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link.key")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(link); err != nil {
		t.Fatal(err)
	}
	if err := DropKeys(link, old); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o440 {
		t.Errorf("%v %v", info, err)
	}
	if s := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 && (s.Uid != 12 || s.Gid != 34) {
		t.Errorf("the owner is %d:%d now", s.Uid, s.Gid)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is one no more: %v %v", info, err)
	}
	if after, err := os.ReadFile(path); err != nil || !strings.Contains(string(after), "# kept in the safe\n") {
		t.Errorf("the comment is gone: %v", err)
	}
}

func TestKeyFileThatCannotBeChanged(t *testing.T) {
	path, _ := keyFile(t)
	if err := os.Chmod(path, 0o404); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(path); !errors.Is(err, ErrExposed) {
		t.Errorf("a file that others may read: %v", err)
	}
	if _, err := AddKey(path + ".not"); !errors.Is(err, ErrNoKey) {
		t.Errorf("no file: %v", err)
	}
	if err := DropKeys(path + ".not"); !errors.Is(err, ErrNoKey) {
		t.Errorf("no file: %v", err)
	}
}

// A command killed in the middle has left its half behind.
func TestKeyFileHalfWrittenBefore(t *testing.T) {
	path, _ := keyFile(t)
	half := filepath.Join(filepath.Dir(path), ".smokepop.key.new")
	if err := os.WriteFile(half, []byte("a1b2c3d4 AAA"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(path); err != nil || len(idsIn(t, path)) != 2 {
		t.Fatal(err)
	}
	if _, err := os.Lstat(half); err == nil {
		t.Error("it is still there")
	}
}

// However many begin at once, one key is added, and it stays.
func TestOneOfManyAddsAKey(t *testing.T) {
	path, _ := keyFile(t)
	const many = 16
	added := make([]string, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			var err error
			if added[i], err = AddKey(path); err != nil && !errors.Is(err, ErrLocked) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	added = slices.DeleteFunc(added, func(id string) bool { return id == "" })
	if ids := idsIn(t, path); len(added) != 1 || len(ids) != 2 || ids[0] != added[0] {
		t.Errorf("%q were added, the file holds %q", added, ids)
	}
}
