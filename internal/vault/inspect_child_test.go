package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	. "github.com/smokepop/smokepop/internal/vault"
)

// children are what this test binary is when it is started with one of these
// names and the path of a database.
var children = map[string]func(path string) int{
	"child": func(path string) int { return InspectMain(path, os.Stdout) },
	// What the vault would do if it trusted bbolt.
	"bare-bbolt": func(path string) int {
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
		if err != nil {
			return 0
		}
		_ = db.View(func(tx *bolt.Tx) error {
			for range tx.Check() {
			}
			return nil
		})
		fmt.Println(`{"verdict":"sound"}`)
		return 0
	},
	"killed": func(string) int {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	},
	"failing":      func(string) int { fmt.Println(`{"verdict":"sound"}`); return 3 },
	"silent":       func(string) int { return 0 },
	"nonsense":     func(string) int { fmt.Println("all is well"); return 0 },
	"wrong-word":   func(string) int { fmt.Println(`{"verdict":"splendid"}`); return 0 },
	"talkative":    func(string) int { fmt.Println(`{"verdict":"sound"}` + strings.Repeat(" ", 1<<20)); return 0 },
	"cannot":       func(string) int { fmt.Println(`{"verdict":"failed","detail":"no \u001b[31mright"}`); return 0 },
	"hanging":      func(string) int { <-time.After(time.Hour); return 0 },
	"what-it-sees": whatItSees,
}

// whatItSees tells of the environment and the open files of a child.
func whatItSees(string) int {
	env := os.Environ()
	var files []string
	for fd := range 64 {
		if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			kind, _, _ := strings.Cut(name, ":")
			files = append(files, kind)
		}
	}
	// Go's own epoll comes with the first file that can be waited for.
	files = slices.DeleteFunc(files, func(kind string) bool { return kind == "anon_inode" })
	fmt.Printf(`{"verdict":"damaged","detail":"%d variables, files %s"}`, len(env), strings.Join(files, " "))
	return 0
}

// beChild runs the child this process is meant to be, if any.
func beChild() (code int, is bool) {
	if len(os.Args) < 3 {
		return 0, false
	}
	child, is := children[os.Args[1]]
	if is {
		code = child(os.Args[2])
	}
	return code, is
}

// inChild is InspectInChild with one of the children. A program under the race
// detector waits for a second before it ends, unless its environment, which is
// empty here, says otherwise.
func inChild(name string) func(context.Context, string) error {
	return InspectInChild("/usr/bin/env", "GORACE=atexit_sleep_ms=0", os.Args[0], name)
}

func TestInspectInChild(t *testing.T) {
	dir, keys := stateDir(t), ringOf(t, newKey(t, "k1"))
	s := open(t, dir, keys)
	if err := errors.Join(s.Put(t.Context(), token, []byte("v")), s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		child string
		want  error
		says  string
	}{
		{"child", nil, ""},
		{"killed", ErrDamaged, "the check broke off: signal: killed"},
		{"failing", ErrDamaged, "the check broke off: exit status 3"},
		{"silent", ErrDamaged, "has not said what it found"},
		{"nonsense", ErrDamaged, "has not said what it found"},
		{"wrong-word", ErrDamaged, "has not said what it found"},
		{"talkative", ErrDamaged, "has not said what it found"},
		{"what-it-sees", ErrDamaged, "0 variables, files /dev/null pipe pipe"},
	} {
		t.Run(c.child, func(t *testing.T) {
			inspect := inChild(c.child)
			if c.child == "what-it-sees" {
				inspect = InspectInChild(os.Args[0], c.child)
			}
			s, err := Open(t.Context(), dir, keys, Options{Inspect: inspect})
			if !errors.Is(err, c.want) || c.want != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v", err)
			}
			if s != nil {
				if v, _, err := s.Get(t.Context(), token); string(v) != "v" || err != nil {
					t.Errorf("%q %v", v, err)
				}
				_ = s.Close()
			}
		})
	}
	for name, inspect := range map[string]func(context.Context, string) error{
		"a child that cannot look":   inChild("cannot"),
		"a child that is not there":  InspectInChild(filepath.Join(t.TempDir(), "gone"), "child"),
		"a child that cannot be run": InspectInChild(filepath.Join(dir, FileName), "child"),
	} {
		err := inspect(t.Context(), filepath.Join(dir, FileName))
		if err == nil || errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The same refusals come from a child as from a check in this process.
func TestChildTellsOneFaultFromAnother(t *testing.T) {
	dir, keys := stateDir(t), ringOf(t, newKey(t, "k1"))
	path := filepath.Join(dir, FileName)
	inspect := inChild("child")
	s := open(t, dir, keys)
	if _, err := Open(t.Context(), dir, keys, Options{Inspect: inspect}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another smokepopd has") {
		t.Errorf("a second daemon: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, ringOf(t, newKey(t, "k2")), Options{Inspect: inspect}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
	if err := inspect(t.Context(), path+".not"); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("no file: %v", err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, torn := range map[string][]byte{"empty": nil, "half": whole[:len(whole)/2]} {
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), dir, keys, Options{Inspect: inspect})
		if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "broke off") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("9")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, keys, Options{Inspect: inspect}); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("a newer schema: %v", err)
	}
}

// Half a file makes bbolt fault where nobody can catch it.
func TestChildDiesOfATornFile(t *testing.T) {
	dir, keys := stateDir(t), ringOf(t, newKey(t, "k1"))
	s := open(t, dir, keys)
	for i := range 200 {
		if err := s.Put(t.Context(), fmt.Sprintf("tokens/a/%d", i), make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Which pages are in use is up to bbolt, and behind the last page of a file
	// there is nothing to map: not every cut is one that it faults on. Where only
	// free pages are cut off nothing is wrong, and where the root is, bbolt says so.
	var torn []byte
	for pages := len(whole)>>12 - 1; pages > 20; pages -= 2 {
		cut := whole[:pages<<12]
		if err := os.WriteFile(path, cut, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), dir, keys, Options{Inspect: inChild("bare-bbolt")})
		if err == nil {
			_ = s.Close()
			continue
		}
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("bbolt alone, %d pages: %v", pages, err)
		}
		if strings.Contains(err.Error(), "the check broke off: exit status 2: ") {
			torn = cut
			break
		}
	}
	if torn == nil {
		t.Fatal("bbolt faults on no cut")
	}
	_, err = Open(t.Context(), dir, keys, Options{Inspect: inChild("child")})
	if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "broke off") {
		t.Errorf("the vault's own check: %v", err)
	}
	if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, torn) {
		t.Errorf("the file is not what it was: %v", err)
	}
}

func TestInspectEndsWithItsContext(t *testing.T) {
	dir, keys := stateDir(t), ringOf(t, newKey(t, "k1"))
	if err := open(t, dir, keys).Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, dir, keys, Options{Inspect: InspectInChild(os.Args[0], "hanging")})
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestNewStoreIsToldFromAnOldOne(t *testing.T) {
	dir, keys := stateDir(t), ringOf(t, newKey(t, "k1"))
	never := func(context.Context, string) error { return nil }
	for _, want := range []bool{true, false} {
		s, err := Open(t.Context(), dir, keys, Options{Inspect: never})
		if err != nil {
			t.Fatal(err)
		}
		if s.Created() != want {
			t.Errorf("Created() = %v", !want)
		}
		_ = s.Close()
	}
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if s := open(t, dir, keys); !s.Created() {
		t.Error("a store whose file was taken away says it is the old one")
	}
}
