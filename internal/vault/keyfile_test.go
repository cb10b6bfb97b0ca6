package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestGenerateAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smokepop.key")
	if err := GenerateKey(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o400 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	before, _ := os.ReadFile(path)
	if err := GenerateKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a key: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the key was overwritten")
	}
	ring, err := LoadKeys(path)
	if err != nil || len(ring.IDs()) != 1 {
		t.Fatalf("%v %v", ring, err)
	}
	second := filepath.Join(t.TempDir(), "second.key")
	if err := GenerateKey(second); err != nil {
		t.Fatal(err)
	}
	other, err := LoadKeys(second)
	if err != nil || other.IDs()[0] == ring.IDs()[0] {
		t.Errorf("two keys of one id: %v %v %v", ring, other, err)
	}
	b, err := ring.seal(blobPath, 1, []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	if v, _, err := ring.open(blobPath, b); string(v) != "v" || err != nil {
		t.Errorf("%q %v", v, err)
	}
}

const key32 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestParseKeys(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ids        []string // nil: refused
	}{
		{"one line", "k1 " + key32 + "\n", []string{"k1"}},
		{"no newline at the end", "k1 " + key32, []string{"k1"}},
		{"DOS line", "k1\t" + key32 + "\r\n", []string{"k1"}},
		{"ring with notes", "# of 2026\n\nk2 " + key32 + "\nk1 " + key32 + "\n", []string{"k2", "k1"}},
		{"empty", "", nil},
		{"only notes", "# nothing\n", nil},
		{"no id", key32 + "\n", nil},
		{"three words", "k1 " + key32 + " x\n", nil},
		{"short key", "k1 AAEC\n", nil},
		{"long key", "k1 " + strings.Repeat("A", 44) + "\n", nil},
		{"not base64", "k1 " + strings.Repeat("!", 44) + "\n", nil},
		{"same id twice", "k1 " + key32 + "\nk1 " + key32 + "\n", nil},
		{"upper-case id", "K1 " + key32 + "\n", nil},
		{"id too long", strings.Repeat("k", 33) + " " + key32 + "\n", nil},
		{"endless line", strings.Repeat("k", 1<<17), nil},
	} {
		ring, err := ParseKeys(strings.NewReader(c.text))
		if c.ids != nil {
			if err != nil || !slices.Equal(ring.IDs(), c.ids) {
				t.Errorf("%s: %v %v", c.name, ring, err)
			}
			continue
		}
		if !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: %v %v", c.name, ring, err)
		} else if strings.Contains(err.Error(), key32) {
			t.Errorf("%s: the error shows the key: %v", c.name, err)
		}
	}
}

func TestKeyFileModes(t *testing.T) {
	for mode, want := range map[fs.FileMode]error{
		0o400: nil, 0o600: nil, 0o440: nil,
		0o404: ErrExposed, 0o444: ErrExposed, 0o460: ErrExposed, 0o402: ErrExposed,
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := errors.Join(os.WriteFile(path, []byte("k1 "+key32+"\n"), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKeys(path); !errors.Is(err, want) {
			t.Errorf("%#o: %v", mode, err)
		} else if want != nil && !strings.Contains(err.Error(), "chmod 0400 "+path) {
			t.Errorf("%#o: the error does not say what to do: %v", mode, err)
		}
	}
}

func TestKeyFileThatIsNone(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	if _, err := LoadKeys(missing); !errors.Is(err, ErrNoKey) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "keys generate --out "+missing) {
		t.Errorf("missing: %v", err)
	}
	if _, err := LoadKeys(dir); !errors.Is(err, ErrNoKey) {
		t.Errorf("directory: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(pipe); !errors.Is(err, ErrNoKey) {
		t.Errorf("pipe: %v", err)
	}
}
