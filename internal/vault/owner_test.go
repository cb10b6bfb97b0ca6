package vault

import (
	"os"
	"path/filepath"
	"testing"
)

// What another user owns, that user changes at will, whatever its mode is.
func TestAnothersFileIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give a file away")
	}
	const nobody = 65534
	for name, of := range map[string]func(dir string) string{
		"directory": func(dir string) string { return dir },
		"database":  func(dir string) string { return filepath.Join(dir, FileName) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, ring := storeWith(t, somePaths...)
			if err := os.Chown(of(dir), nobody, -1); err != nil {
				t.Fatal(err)
			}
			expectRefusal(t, dir, ring, ErrExposed)
			if err := os.Chown(of(dir), 0, -1); err != nil {
				t.Fatal(err)
			}
			holds(t, openStore(t, dir, ring), somePaths...)
		})
	}
}
