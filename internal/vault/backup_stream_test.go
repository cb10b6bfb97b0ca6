package vault

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
)

func sealedStream(t testing.TB, keys KeyRing, plain []byte, pieces int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := newBackupWriter(&out, keys)
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(plain, len(plain)/pieces+1) {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openedStream(keys KeyRing, file []byte) ([]byte, error) {
	r, err := newBackupReader(bytes.NewReader(file), keys)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestBackupStreamGivesBackWhatWentIn(t *testing.T) {
	old, now := testRing(t, "a-key"), testRing(t, "b-key", "a-key")
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 5*chunkSize + 7} {
		plain := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		for _, pieces := range []int{1, 3, 1000} {
			file := sealedStream(t, old, plain, pieces)
			if got, err := openedStream(now, file); !bytes.Equal(got, plain) || err != nil {
				t.Errorf("%d bytes in %d pieces: %d came back: %v", size, pieces, len(got), err)
			}
			if size > 20 && bytes.Contains(file, []byte("0123456789")) {
				t.Errorf("%d bytes stand in the file in clear", size)
			}
		}
	}
}

func TestBackupStreamOfAnotherKey(t *testing.T) {
	file := sealedStream(t, testRing(t, "a-key"), []byte("v"), 1)
	if _, err := openedStream(testRing(t, "b-key"), file); !errors.Is(err, ErrWrongKey) {
		t.Errorf("key not in the ring: %v", err)
	}
	other, _ := NewKey("a-key", bytes.Repeat([]byte{'z'}, keySize))
	ring, _ := NewKeyRing(other)
	if _, err := openedStream(ring, file); !errors.Is(err, ErrDamaged) {
		t.Errorf("another key of the same id: %v", err)
	}
}

func TestBackupStreamFlippedAndCut(t *testing.T) {
	keys := testRing(t, "a-key")
	good := sealedStream(t, keys, []byte("two or three words"), 1)
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if v, err := openedStream(keys, b); !refused(err) {
			t.Errorf("bit %d: %q %v", i, v, err)
		}
	}
	for n := range len(good) {
		if v, err := openedStream(keys, good[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %q %v", n, v, err)
		}
	}
	if v, err := openedStream(keys, append(bytes.Clone(good), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte too many: %q %v", v, err)
	}
}

func TestBackupStreamOfMovedChunks(t *testing.T) {
	keys := testRing(t, "a-key")
	plain := bytes.Repeat([]byte{7}, 4*chunkSize)
	good, other := sealedStream(t, keys, plain, 1), sealedStream(t, keys, plain, 1)
	const header, chunk = len(backupMagic) + 2 + len("a-key") + backupSalt, 4 + chunkSize + 16
	if len(good) != header+4*chunk {
		t.Fatalf("%d bytes", len(good))
	}
	part := func(file []byte, i int) []byte { return file[header+i*chunk:][:chunk] }
	if bytes.Equal(part(good, 0)[4:][:chunkSize], part(other, 0)[4:][:chunkSize]) {
		t.Error("two files are sealed with one key and the same nonces")
	}
	for name, chunks := range map[string][][]byte{
		"none":                   {},
		"last missing":           {part(good, 0), part(good, 1), part(good, 2)},
		"one missing":            {part(good, 0), part(good, 2), part(good, 3)},
		"two swapped":            {part(good, 0), part(good, 2), part(good, 1), part(good, 3)},
		"one twice":              {part(good, 0), part(good, 1), part(good, 1), part(good, 2), part(good, 3)},
		"one of another file":    {part(good, 0), part(other, 1), part(good, 2), part(good, 3)},
		"the last one too early": {part(good, 0), part(good, 3)},
		"the last one twice":     {part(good, 0), part(good, 1), part(good, 2), part(good, 3), part(good, 3)},
	} {
		file := slices.Concat(append([][]byte{good[:header]}, chunks...)...)
		if v, err := openedStream(keys, file); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %d bytes, %v", name, len(v), err)
		}
	}
}

// What was written by an earlier smokepopd opens.
func TestBackupStreamOpensGolden(t *testing.T) {
	v, err := openedStream(testRing(t, "b-key", "a-key"), goldenBackup(t))
	if string(v) != "two or three words" || err != nil {
		t.Errorf("%q %v", v, err)
	}
}

func goldenBackup(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/backup.golden")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzBackupStream(f *testing.F) {
	keys := testRing(f, "a-key", "b-key")
	good := goldenBackup(f) // the same in every process that fuzzes
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, file []byte) {
		v, err := openedStream(keys, file)
		if err == nil && !bytes.Equal(file, good) {
			t.Fatalf("a file nobody sealed opens: %q", v)
		}
		if err != nil && !refused(err) {
			t.Fatal(err)
		}
	})
}
