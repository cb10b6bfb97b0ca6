package vault

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func TestEveryFlippedBitIsRefused(t *testing.T) {
	r := testRing(t, "a-key", "b-key")
	good := sealed(t, r, "a refresh token")
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if v, _, err := r.open(blobPath, b); !refused(err) || v != nil {
			t.Errorf("bit %d: %q %v", i, v, err)
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	r := testRing(t, "a-key")
	good := sealed(t, r, "a refresh token")
	for n := range len(good) {
		for name, b := range map[string][]byte{"front": good[n+1:], "end": good[:n]} {
			if v, _, err := r.open(blobPath, b); !errors.Is(err, ErrDamaged) || v != nil {
				t.Errorf("%d bytes cut to at the %s: %q %v", n, name, v, err)
			}
		}
	}
	if _, _, err := r.open(blobPath, append(bytes.Clone(good), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestBlobOfAnotherRecordIsRefused(t *testing.T) {
	r := testRing(t, "a-key")
	good := sealed(t, r, "a refresh token")
	for _, path := range []string{"", "tokens/firm.example/102", "tokens/other.example/101", "sessions/firm.example/101", blobPath + "/", blobPath[1:]} {
		if _, _, err := r.open(path, good); !errors.Is(err, ErrDamaged) {
			t.Errorf("opens at %q: %v", path, err)
		}
	}
}

// Whoever can write to the database cannot make a record say that it is
// another.
func TestHeaderOfAnotherBlobIsRefused(t *testing.T) {
	r := testRing(t, "a-key", "b-key")
	good := sealed(t, r, "a refresh token")
	later, err := r.seal(blobPath, 43, []byte("a later refresh token"))
	if err != nil {
		t.Fatal(err)
	}
	body := fixedHeader + len("a-key")
	for name, b := range map[string][]byte{
		"another revision":              append(bytes.Clone(later[:body]), good[body:]...),
		"the other key of the ring":     bytes.Replace(good, []byte("a-key"), []byte("b-key"), 1),
		"a key with an empty id":        append(append(bytes.Clone(good[:fixedHeader-1]), 0), good[body:]...),
		"another format":                bytes.Replace(good, []byte("SPV\x01"), []byte("SPV\x02"), 1),
		"format 0":                      bytes.Replace(good, []byte("SPV\x01"), []byte("SPV\x00"), 1),
		"schema 0":                      bytes.Replace(good, []byte("SPV\x01\x00\x01"), []byte("SPV\x01\x00\x00"), 1),
		"a newer schema":                bytes.Replace(good, []byte("SPV\x01\x00\x01"), []byte("SPV\x01\x00\x02"), 1),
		"another nonce":                 append(append(bytes.Clone(good[:body]), later[body:body+12]...), good[body+12:]...),
		"another tag":                   append(bytes.Clone(good[:len(good)-16]), later[len(later)-16:]...),
		"nothing":                       nil,
		"the header alone":              good[:body],
		"the header and half a nonce":   good[:body+6],
		"the header, a nonce and a tag": append(bytes.Clone(good[:body+12]), good[len(good)-16:]...),
		"two blobs":                     append(bytes.Clone(good), later...),
	} {
		if bytes.Equal(b, good) {
			t.Errorf("%s: the blob has not been changed", name)
		}
		if v, _, err := r.open(blobPath, b); !errors.Is(err, ErrDamaged) || v != nil {
			t.Errorf("%s: %q %v", name, v, err)
		}
	}
}

func TestBlobOfAnotherKeyIsRefused(t *testing.T) {
	b := sealed(t, testRing(t, "a-key"), "v")
	if _, _, err := testRing(t, "b-key").open(blobPath, b); !errors.Is(err, ErrWrongKey) {
		t.Errorf("key not in the ring: %v", err)
	}
	other, _ := NewKey("a-key", bytes.Repeat([]byte{'z'}, keySize))
	ring, _ := NewKeyRing(other)
	if _, _, err := ring.open(blobPath, b); !errors.Is(err, ErrDamaged) {
		t.Errorf("another key of the same id: %v", err)
	}
}

func TestBlobOfANewerSchemaIsRefused(t *testing.T) {
	r := testRing(t, "a-key")
	header := []byte("SPV\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x05a-key")
	b := r.keys[0].aead.Seal(bytes.Clone(header), nil, []byte("v"), additionalData(header, blobPath))
	if _, _, err := r.open(blobPath, b); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("%v", err)
	}
}

// A record moved to another path in the file itself is found when it is read.
func TestRecordMovedInTheFileIsRefused(t *testing.T) {
	dir, ring := storeWith(t, "tokens/a/1", "tokens/a/2")
	edit(t, dir, func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketRecords)
		return b.Put([]byte("tokens/a/2"), bytes.Clone(b.Get([]byte("tokens/a/1"))))
	})
	s, err := Open(t.Context(), dir, ring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Get(t.Context(), "tokens/a/2"); !errors.Is(err, ErrDamaged) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.CompareAndSet(t.Context(), "tokens/a/2", []byte("v"), 1); !errors.Is(err, ErrDamaged) {
		t.Errorf("compare: %v", err)
	}
	if v, _, err := s.Get(t.Context(), "tokens/a/1"); string(v) != "tokens/a/1" || err != nil {
		t.Errorf("its neighbour: %q %v", v, err)
	}
	if existed, err := s.Delete(t.Context(), "tokens/a/2", 0); !existed || err != nil {
		t.Errorf("delete it: %v %v", existed, err)
	}
}

// storeWith makes a closed store with the paths as values of themselves.
func storeWith(t *testing.T, paths ...string) (dir string, ring KeyRing) {
	t.Helper()
	dir, ring = filepath.Join(t.TempDir(), "state"), testRing(t, "a-key")
	s, err := Open(t.Context(), dir, ring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if err := s.Put(t.Context(), p, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, ring
}

// edit changes the closed store behind the vault's back, as somebody would who
// knows of its inventory.
func edit(t *testing.T, dir string, fn func(*bolt.Tx) error) {
	t.Helper()
	damage(t, dir, func(tx *bolt.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		i, err := takeInventory(tx)
		if meta := tx.Bucket(bucketMeta); err == nil && meta != nil {
			err = meta.Put(keyInventory, i.bytes())
		}
		return err
	})
}

// damage changes the closed store and leaves its inventory alone.
func damage(t *testing.T, dir string, fn func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, FileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// expectRefusal opens the store and wants the error, and the whole directory
// as it was.
func expectRefusal(t *testing.T, dir string, ring KeyRing, want error) {
	t.Helper()
	before := fingerprint(t, dir)
	s, err := Open(t.Context(), dir, ring, Options{})
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if after := fingerprint(t, dir); after != before {
		t.Errorf("the refusal has changed the directory:\n%s\nnow\n%s", before, after)
	}
}

func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s %v", path, info.Mode())
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %v %x", info.ModTime(), sha256.Sum256(b))
		}
		out.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWrongKeyLeavesTheFileAlone(t *testing.T) {
	dir, _ := storeWith(t, "tokens/a/1")
	expectRefusal(t, dir, testRing(t, "b-key"), ErrWrongKey)
	other, _ := NewKey("a-key", bytes.Repeat([]byte{'z'}, keySize))
	ring, _ := NewKeyRing(other)
	expectRefusal(t, dir, ring, ErrWrongKey)
}

func TestMissingKeyLeavesTheFileAlone(t *testing.T) {
	dir, _ := storeWith(t, "tokens/a/1")
	expectRefusal(t, dir, KeyRing{}, ErrNoKey)
}

func TestMissingKeyMakesNoStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := Open(t.Context(), dir, KeyRing{}, Options{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestDamagedCanaryIsNotCalledAWrongKey(t *testing.T) {
	dir, ring := storeWith(t, "tokens/a/1")
	edit(t, dir, func(tx *bolt.Tx) error {
		b, path := tx.Bucket(bucketRecords), []byte(canaryPath("a-key"))
		v := bytes.Clone(b.Get(path))
		v[len(v)-1-sha256.Size] ^= 1
		return b.Put(path, v)
	})
	expectRefusal(t, dir, ring, ErrDamaged)
}

func TestMissingCanaryIsDamage(t *testing.T) {
	dir, ring := storeWith(t, "tokens/a/1")
	edit(t, dir, func(tx *bolt.Tx) error { return tx.Bucket(bucketRecords).Delete([]byte(canaryPath("a-key"))) })
	expectRefusal(t, dir, ring, ErrDamaged)
}

func TestNewerSchemaLeavesTheFileAlone(t *testing.T) {
	dir, ring := storeWith(t, "tokens/a/1")
	edit(t, dir, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(fileSchema+1)))
	})
	expectRefusal(t, dir, ring, ErrNewerSchema)
}

func TestForeignBoltFileIsRefused(t *testing.T) {
	dir, ring := storeWith(t)
	edit(t, dir, func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketMeta) })
	expectRefusal(t, dir, ring, ErrDamaged)
}

func TestEmptyFileIsRefused(t *testing.T) {
	dir, ring := storeWith(t)
	if err := os.Truncate(filepath.Join(dir, FileName), 0); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, dir, ring, ErrDamaged)
}

func TestTruncatedFileIsRefused(t *testing.T) {
	dir, ring := storeWith(t, "tokens/a/1", "tokens/a/2")
	path := filepath.Join(dir, FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := highWater(t, path)
	for _, n := range []int{1, 100, 1024, 4095, 4096, 8192, 12288, used / 2, used - 4096, used - 1} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(strconv.Itoa(n), func(t *testing.T) { expectRefusal(t, dir, ring, ErrDamaged) })
	}
}

func highWater(t *testing.T, path string) (size int) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_ = db.View(func(tx *bolt.Tx) error { size = int(tx.Size()); return nil })
	return size
}

// A file with one bit turned may open or not, but nothing panics and nothing
// that was never written is handed out.
func TestFlippedFileGivesNothingFalse(t *testing.T) {
	var paths []string
	for i := range 60 {
		paths = append(paths, fmt.Sprintf("tokens/firm.example/%d", i))
	}
	dir, ring := storeWith(t, paths...)
	path := filepath.Join(dir, FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := highWater(t, path)
	rng := rand.New(rand.NewPCG(1, 2))
	opened := 0
	for range 150 {
		bit := rng.IntN(used * 8)
		torn := bytes.Clone(whole)
		torn[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), dir, ring, Options{})
		if err != nil {
			if !refused(err) {
				t.Errorf("bit %d: %v", bit, err)
			}
			continue
		}
		opened++
		for _, p := range paths {
			v, _, err := s.Get(t.Context(), p)
			if err != nil && !refused(err) || v != nil && string(v) != p {
				t.Errorf("bit %d: %s: %q %v", bit, p, v, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("bit %d: close: %v", bit, err)
		}
	}
	t.Logf("%d of 150 files opened", opened)
}

func TestSecondOpenerIsTurnedAway(t *testing.T) {
	dir, ring := storeWith(t)
	s, err := Open(t.Context(), dir, ring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = Open(t.Context(), dir, ring, Options{})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another smokepopd has") {
		t.Errorf("%v", err)
	}
	if err := s.Put(t.Context(), "tokens/a/1", nil); err != nil {
		t.Errorf("the first afterwards: %v", err)
	}
}

func TestPrivateModes(t *testing.T) {
	dir, _ := storeWith(t)
	for path, want := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, filepath.Join(dir, FileName): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestOpenDirectoryIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o701, 0o710, 0o755, 0o777} {
		dir, ring := storeWith(t)
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, dir, ring, ErrExposed)
	}
}

func TestOpenFileModeIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o604, 0o640, 0o666} {
		dir, ring := storeWith(t)
		if err := os.Chmod(filepath.Join(dir, FileName), mode); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, dir, ring, ErrExposed)
	}
}

func TestLinkedDirectoryIsRefused(t *testing.T) {
	dir, ring := storeWith(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, link, ring, ErrExposed)
}

func TestLinkedFileIsRefused(t *testing.T) {
	dir, ring := storeWith(t)
	path := filepath.Join(dir, FileName)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.db")
	if err := errors.Join(os.Rename(path, elsewhere), os.Symlink(elsewhere, path)); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, dir, ring, ErrExposed)
	// A link put there after the check is not followed either.
	if _, err := openBolt(path, &bolt.Options{}); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("bbolt opens the link: %v", err)
	}
}

func TestDanglingLinkIsNotWrittenThrough(t *testing.T) {
	dir, ring := storeWith(t)
	path := filepath.Join(dir, FileName)
	target := filepath.Join(t.TempDir(), "target")
	if err := errors.Join(os.Remove(path), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, dir, ring, ErrExposed)
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the target was made: %v", err)
	}
}

func TestKeyInTheStateDirectoryIsRefused(t *testing.T) {
	dir, _ := storeWith(t)
	key := filepath.Join(dir, "smokepop.key")
	if err := GenerateKey(key); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.key")
	if err := os.Symlink(key, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{key, link} {
		ring, err := LoadKeys(path)
		if err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, dir, ring, ErrExposed)
	}
}

func TestHalfMadeStoreOfAKilledDaemonIsForgotten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, newPrefix+"123"), []byte("torn"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, testRing(t, "a-key"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 || names[0].Name() != FileName {
		t.Errorf("%v %v", names, err)
	}
}

func TestPanicInATransactionStaysInside(t *testing.T) {
	dir, ring := storeWith(t)
	s, err := Open(t.Context(), dir, ring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := s.backend.(*boltBackend)
	for _, run := range []func(func(*bolt.Tx) error) error{
		func(fn func(*bolt.Tx) error) error { return b.view(t.Context(), fn) },
		func(fn func(*bolt.Tx) error) error { return b.update(t.Context(), fn, func() {}) },
	} {
		if err := run(func(*bolt.Tx) error { panic("page 7: invalid type") }); !errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
	}
	if err := s.Put(t.Context(), "tokens/a/1", nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestKeysDoNotShowWherePrinted(t *testing.T) {
	secret := "hush-hush-hush-hush-hush-hush-hu"
	k, err := NewKey("a-key", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	ring, _ := NewKeyRing(k)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("keys", "key", k, "ring", ring)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, format+" "+format, k, ring)
	}
	for _, form := range []string{secret, fmt.Sprintf("%x", secret), "104 117 115 104"} {
		if strings.Contains(log.String(), form) {
			t.Errorf("the key shows: %s", log.String())
		}
	}
}
