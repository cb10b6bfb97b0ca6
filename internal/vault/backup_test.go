package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func backedUp(t testing.TB, s *Store) []byte {
	t.Helper()
	b, err := s.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := b.Write(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func restored(t testing.TB, dir string, file []byte, opts RestoreOptions) Restored {
	t.Helper()
	opts.Now = noon
	done, err := Restore(t.Context(), dir, bytes.NewReader(file), opts)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestBackupAndRestore(t *testing.T) {
	dir, ring := storeWith(t, somePaths...)
	s := openStore(t, dir, ring)
	file := backedUp(t, s)
	for _, p := range append(somePaths, "tokens") {
		if bytes.Contains(file, []byte(p)) {
			t.Errorf("%s stands in the file in clear", p)
		}
	}
	_, at, _ := s.Get(t.Context(), "tokens/b/1")
	if err := s.Put(t.Context(), "tokens/c/1", []byte("later")); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), dir, bytes.NewReader(file), RestoreOptions{Keys: ring}); !errors.Is(err, ErrLocked) {
		t.Fatalf("under a running daemon: %v", err)
	}
	_ = s.Close()

	done := restored(t, dir, file, RestoreOptions{Keys: ring})
	if done.Records != len(somePaths) || done.KeyID != "a-key" || filepath.Base(done.Kept) != "smokepop.db.before-restore-20261124T120000Z" || time.Since(done.Created) > time.Minute {
		t.Errorf("%+v", done)
	}
	s = openStore(t, dir, ring)
	holds(t, s, somePaths...)
	if _, rev, _ := s.Get(t.Context(), "tokens/b/1"); rev <= at {
		t.Errorf("a revision came back: %d after %d", rev, at)
	}
	_ = s.Close()
	if info, err := os.Stat(done.Kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database that was replaced: %v %v", info, err)
	}
	if err := os.Rename(done.Kept, filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	if v, _, err := openStore(t, dir, ring).Get(t.Context(), "tokens/c/1"); string(v) != "later" || err != nil {
		t.Errorf("in it is %q: %v", v, err)
	}
}

func TestRestoreWhereThereIsNone(t *testing.T) {
	from, ring := storeWith(t, somePaths...)
	file := backedUp(t, openStore(t, from, ring))
	dir := filepath.Join(t.TempDir(), "state")
	if done := restored(t, dir, file, RestoreOptions{Keys: ring}); done.Kept != "" {
		t.Errorf("%+v", done)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	holds(t, openStore(t, dir, ring), somePaths...)
}

// A database that does not open any more is what a backup is for.
func TestRestoreOverADamagedDatabase(t *testing.T) {
	dir, ring := storeWith(t, somePaths...)
	s := openStore(t, dir, ring)
	file := backedUp(t, s)
	_ = s.Close()
	for _, torn := range [][]byte{nil, bytes.Repeat([]byte{0xff}, 9000)} {
		if err := os.WriteFile(filepath.Join(dir, FileName), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		done := restored(t, dir, file, RestoreOptions{Keys: ring})
		if kept, err := os.ReadFile(done.Kept); err != nil || !bytes.Equal(kept, torn) {
			t.Errorf("the damaged one was not kept: %v", err)
		}
		s := openStore(t, dir, ring)
		holds(t, s, somePaths...)
		_ = s.Close()
	}
}

// After a rotation a backup needs the key of its time, and the restored store
// does not.
func TestRestoreSealsWithTodaysKey(t *testing.T) {
	dir, old := storeWith(t, somePaths...)
	s := openStore(t, dir, old)
	file := backedUp(t, s)
	_ = s.Close()
	now := testRing(t, "b-key")
	dir = filepath.Join(t.TempDir(), "state")
	if _, err := Restore(t.Context(), dir, bytes.NewReader(file), RestoreOptions{Keys: now}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("without the old key: %v", err)
	}
	restored(t, dir, file, RestoreOptions{Keys: now, BackupKeys: old})
	holds(t, openStore(t, dir, now), somePaths...)
}

// Whatever is wrong with the backup, nothing in the state directory changes.
func TestRestoreRefusesBeforeItReplaces(t *testing.T) {
	dir, ring := storeWith(t, somePaths...)
	s := openStore(t, dir, ring)
	good := backedUp(t, s)
	_ = s.Close()
	path := filepath.Join(dir, FileName)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(name string, file []byte, dry bool) {
		t.Helper()
		_, err := Restore(t.Context(), dir, bytes.NewReader(file), RestoreOptions{Keys: ring, Now: noon, DryRun: dry})
		if !refused(err) {
			t.Errorf("%s: %v", name, err)
		}
		entries, _ := os.ReadDir(dir)
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) || len(entries) != 1 {
			t.Errorf("%s: the directory was changed: %v %v", name, entries, err)
		}
	}
	for n := 0; n < len(good); n += 1 + n/7 {
		try(fmt.Sprintf("cut to %d", n), good[:n], n%2 == 0)
		flipped := bytes.Clone(good)
		flipped[n] ^= 1 << (n % 8)
		try(fmt.Sprintf("byte %d flipped", n), flipped, n%2 == 1)
	}
	for name, content := range map[string]string{
		"no head":                "",
		"a record too few":       `{"schema":1,"records":1}`,
		"a record too many":      `{"schema":1,"records":0}{"path":"tokens/a/1","blob":"AA=="}`,
		"a record that is none":  `{"schema":1,"records":1}{"path":"tokens/a/1","blob":"AA=="}`,
		"a record of the vault":  `{"schema":1,"records":1}{"path":"vault/-/canary/a-key","blob":"AA=="}`,
		"content of a newer one": `{"schema":2,"records":0}`,
		"something else":         `[1,2]`,
	} {
		try(name, sealedStream(t, ring, []byte(content), 1), false)
	}
}

func TestDryRunTouchesNothing(t *testing.T) {
	dir, ring := storeWith(t, somePaths...)
	s := openStore(t, dir, ring) // may be in use
	file := backedUp(t, s)
	before := fingerprint(t, dir)
	if done := restored(t, dir, file, RestoreOptions{Keys: ring, DryRun: true}); done.Records != 4 || done.Kept != "" {
		t.Errorf("%+v", done)
	}
	if after := fingerprint(t, dir); after != before {
		t.Errorf("%s\nnow\n%s", before, after)
	}
}

func TestBackupLeavesOutWhatNoKeyOpens(t *testing.T) {
	dir, ring := storeWith(t, somePaths...)
	s := openStore(t, dir, ring)
	if _, err := s.backend.CompareAndSet(t.Context(), "tokens/a/1", AnyRevision, func(next uint64) ([]byte, error) {
		return ring.seal("tokens/a/elsewhere", next, []byte("v"))
	}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Backup(t.Context())
	if err != nil || !slices.Equal(b.LeftOut, []string{"tokens/a/1"}) || b.Records() != 3 {
		t.Fatalf("%+v %v", b, err)
	}
	dir = filepath.Join(t.TempDir(), "state")
	restored(t, dir, backedUp(t, s), RestoreOptions{Keys: ring})
	holds(t, openStore(t, dir, ring), "sessions/-/x", "tokens/a/2", "tokens/b/1")
}

// A backup is one moment: of two records that are written one after the other,
// it never has the second without the first. Who writes it slowly holds up
// nobody.
func TestBackupUnderLoad(t *testing.T) {
	dir, ring := storeWith(t)
	s := openStore(t, dir, ring)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; !stop.Load(); n++ {
			v := []byte(strings.Repeat("x", n))
			if err := errors.Join(s.Put(t.Context(), "tokens/a/first", v), s.Put(t.Context(), "tokens/b/second", v)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 40 {
		b, err := s.Backup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		written := make(chan error, 1)
		go func() { err := b.Write(w); _ = w.CloseWithError(err); written <- err }()
		// Nobody reads yet, and the store grows all the same.
		if err := s.Put(t.Context(), "tokens/c/big", make([]byte, 256<<10)); err != nil {
			t.Fatal(err)
		}
		var first, second int
		_, err = readBackup(r, ring, func(backupHead) error { return nil }, func(path string, v []byte) error {
			switch path {
			case "tokens/a/first":
				first = len(v)
			case "tokens/b/second":
				second = len(v)
			}
			return nil
		})
		if err := errors.Join(err, <-written); err != nil || second > first || first > second+1 {
			t.Fatalf("the second is at %d, the first at %d: %v", second, first, err)
		}
	}
	stop.Store(true)
	wg.Wait()
}
