package vault

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

func testRing(t testing.TB, ids ...string) KeyRing {
	t.Helper()
	var keys []Key
	for _, id := range ids {
		k, err := NewKey(id, bytes.Repeat([]byte(id)[:1], keySize))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	r, err := NewKeyRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const blobPath = "tokens/firm.example/101"

func sealed(t testing.TB, r KeyRing, value string) []byte {
	t.Helper()
	b, err := r.seal(blobPath, 42, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func refused(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrWrongKey) || errors.Is(err, ErrNewerSchema)
}

func TestSealAndOpen(t *testing.T) {
	r := testRing(t, "a-key", "b-key")
	for _, value := range []string{"", "x", "a refresh token"} {
		b := sealed(t, r, value)
		v, rev, err := r.open(blobPath, b)
		if string(v) != value || rev != 42 || err != nil {
			t.Errorf("%q: %q %d %v", value, v, rev, err)
		}
		if len(value) > 4 && bytes.Contains(b, []byte(value)) {
			t.Errorf("%q stands in the blob in clear", value)
		}
	}
	if bytes.Equal(sealed(t, r, "same"), sealed(t, r, "same")) {
		t.Error("the same value sealed twice gives the same blob: the nonce is not random")
	}
	if v, _, err := testRing(t, "b-key", "a-key").open(blobPath, sealed(t, r, "old")); string(v) != "old" || err != nil {
		t.Errorf("with the sealing key second in the ring: %q %v", v, err)
	}
}

// The header is part of what is stored for years: it must not change by
// accident.
func TestBlobHeader(t *testing.T) {
	b := sealed(t, testRing(t, "a-key"), "value")
	want := "SPV\x01" + "\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x2a" + "\x05a-key"
	if !bytes.HasPrefix(b, []byte(want)) || len(b) != len(want)+12+len("value")+16 {
		t.Errorf("%d bytes %q", len(b), b)
	}
}

// What was sealed by an earlier smokepopd opens.
func TestOpenGolden(t *testing.T) {
	v, rev, err := testRing(t, "b-key", "a-key").open(blobPath, golden(t))
	if string(v) != "a refresh token" || rev != 42 || err != nil {
		t.Errorf("%q %d %v", v, rev, err)
	}
}

func golden(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/sealed.golden")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzOpenBlob(f *testing.F) {
	r := testRing(f, "a-key", "b-key")
	good := golden(f)
	f.Add(good, blobPath)
	f.Fuzz(func(t *testing.T, blob []byte, path string) {
		v, _, err := r.open(path, blob)
		if err == nil {
			// Nobody can have found another than the one that was sealed.
			if !bytes.Equal(blob, good) || path != blobPath {
				t.Fatalf("a blob nobody sealed opens: %q", v)
			}
			return
		}
		if !refused(err) || v != nil {
			t.Fatalf("value %q, error %v", v, err)
		}
	})
}
