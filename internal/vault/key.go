package vault

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// keySize is the size of an AES-256 key.
const keySize = 32

var keyID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Key is one encryption key. Only its ID can be seen: the secret itself is
// inside the cipher as soon as it has been read.
type Key struct {
	ID   string
	aead cipher.AEAD
	// backup makes the cipher of one backup file from its salt.
	backup func(salt []byte) (cipher.AEAD, error)
	// derive makes a secret for a purpose.
	derive func(purpose string) ([]byte, error)
}

// NewKey returns the key of 32 secret bytes. The id is 1 to 32 lower-case
// letters, digits and dashes and stands in clear in everything the key seals.
func NewKey(id string, secret []byte) (Key, error) {
	if !keyID.MatchString(id) {
		return Key{}, fmt.Errorf("%w: a key's id is 1 to 32 lower-case letters, digits and dashes", ErrNoKey)
	}
	if len(secret) != keySize {
		return Key{}, fmt.Errorf("%w: key %s has %d bytes, not %d", ErrNoKey, id, len(secret), keySize)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return Key{}, fmt.Errorf("%w: key %s: %w", ErrNoKey, id, err)
	}
	// The nonce is 96 random bits for each write, kept in front of the
	// ciphertext: good for 2^32 writes under one key (SP 800-38D, 8.3).
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, fmt.Errorf("%w: key %s: %w", ErrNoKey, id, err)
	}
	backup, err := backupCipher(secret)
	if err != nil {
		return Key{}, fmt.Errorf("%w: key %s: %w", ErrNoKey, id, err)
	}
	derive, err := derivation(secret)
	if err != nil {
		return Key{}, fmt.Errorf("%w: key %s: %w", ErrNoKey, id, err)
	}
	return Key{ID: id, aead: aead, backup: backup, derive: derive}, nil
}

// String names the key.
func (k Key) String() string { return "key " + k.ID }

// GoString names the key for %#v.
func (k Key) GoString() string { return k.String() }

// LogValue names the key in logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.ID) }

// KeyRing holds the keys of a store. The first seals, all of them open. It is
// immutable; the zero KeyRing has no key and opens no store.
type KeyRing struct {
	keys   []Key
	source string // path of the key file; empty when the keys came otherwise
}

// NewKeyRing returns a ring of keys, the first of which seals.
func NewKeyRing(keys ...Key) (KeyRing, error) {
	if len(keys) == 0 {
		return KeyRing{}, fmt.Errorf("%w: the key ring is empty", ErrNoKey)
	}
	seen := map[string]bool{}
	for _, k := range keys {
		if k.aead == nil {
			return KeyRing{}, fmt.Errorf("%w: the key ring holds an empty key", ErrNoKey)
		}
		if seen[k.ID] {
			return KeyRing{}, fmt.Errorf("%w: key %s is there twice", ErrNoKey, k.ID)
		}
		seen[k.ID] = true
	}
	return KeyRing{keys: append([]Key(nil), keys...)}, nil
}

// IDs returns the keys' ids, the sealing one first.
func (r KeyRing) IDs() []string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.ID
	}
	return ids
}

// Derive returns a secret of 32 bytes for each key, in their order, that is of
// use for one purpose alone: it tells nothing of the key, nor of the secret for
// another purpose.
func (r KeyRing) Derive(purpose string) (secrets [][]byte, err error) {
	for _, k := range r.keys {
		secret, err := k.derive(purpose)
		if err != nil {
			return nil, fmt.Errorf("derive a secret from key %s: %w", k.ID, err)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// derivation returns what makes secrets of a key's (RFC 5869).
func derivation(secret []byte) (func(purpose string) ([]byte, error), error) {
	parent, err := hkdf.Extract(sha256.New, secret, nil)
	if err != nil {
		return nil, err
	}
	return func(purpose string) ([]byte, error) {
		return hkdf.Expand(sha256.New, parent, "smokepop purpose "+purpose, keySize)
	}, nil
}

// String names the keys.
func (r KeyRing) String() string { return "keys " + strings.Join(r.IDs(), " ") }

// GoString names the keys for %#v.
func (r KeyRing) GoString() string { return r.String() }

// LogValue names the keys in logs.
func (r KeyRing) LogValue() slog.Value { return slog.AnyValue(r.IDs()) }

func (r KeyRing) find(id string) (Key, bool) {
	for _, k := range r.keys {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}

// ParseKeys reads a key ring: on each line a key's id, blanks, and its 32 bytes
// in standard base64. Empty lines and lines that begin with # are skipped. The
// error names the line and never shows what stands there.
func ParseKeys(r io.Reader) (KeyRing, error) {
	var keys []Key
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return KeyRing{}, fmt.Errorf("%w: line %d is not a key's id and its base64 text", ErrNoKey, n)
		}
		secret, err := base64.StdEncoding.Strict().DecodeString(fields[1])
		if err != nil {
			return KeyRing{}, fmt.Errorf("%w: line %d: the key is not base64", ErrNoKey, n)
		}
		key, err := NewKey(fields[0], secret)
		clear(secret)
		if err != nil {
			return KeyRing{}, fmt.Errorf("line %d: %w", n, err)
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = errors.New("a line is far too long: it is not a key file")
		}
		return KeyRing{}, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	return NewKeyRing(keys...)
}
