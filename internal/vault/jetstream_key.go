package vault

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// keyOf writes a path as a key of a bucket. Each part becomes a token of its
// own, so that a bucket can be looked at by kind and tenant; what keys may not
// hold stands as = and two hexadecimal digits.
func keyOf(path string) string {
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case c == '/':
			b.WriteByte('.')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}

// pathOfKey is keyOf's inverse.
func pathOfKey(key string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		switch c := key[i]; c {
		case '.':
			b.WriteByte('/')
		case '=':
			if i+2 >= len(key) {
				return "", fmt.Errorf("%w: the key %q", ErrInvalid, key)
			}
			raw, err := hex.DecodeString(key[i+1 : i+3])
			if err != nil {
				return "", fmt.Errorf("%w: the key %q", ErrInvalid, key)
			}
			b.Write(raw)
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	if path := b.String(); keyOf(path) == key {
		return path, nil
	}
	return "", fmt.Errorf("%w: the key %q", ErrInvalid, key)
}
