package vault

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPath = 512
	// MaxValue is the size of the largest value the store takes.
	MaxValue = 1 << 20
	// reservedPrefix begins the paths of the vault's own records.
	reservedPrefix = "vault/"
)

// checkPath refuses what is not "kind/tenant/id...": at least three parts,
// none of them empty, and the kind not the vault's own.
func checkPath(path string) error {
	switch {
	case len(path) > maxPath:
		return fmt.Errorf("%w: the record's path is longer than %d bytes", ErrInvalid, maxPath)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl):
		return fmt.Errorf("%w: record path %q", ErrInvalid, path)
	case strings.Count(path, "/") < 2, strings.HasPrefix(path, "/"), strings.HasSuffix(path, "/"), strings.Contains(path, "//"):
		return fmt.Errorf("%w: record path %q is not kind/tenant/id", ErrInvalid, path)
	case reserved(path):
		return fmt.Errorf("%w: record path %q is the vault's own", ErrInvalid, path)
	}
	return nil
}
