package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// A canary is a record with a known text, one for each key that anything in the
// store may be sealed with. It is a sealed blob with its plain checksum behind
// it: one that is whole and does not open is the fault of the key, one that is
// not whole is damage.
const (
	canaryText   = "smokepop"
	canaryPrefix = reservedPrefix + "-/canary/"
)

func canaryPath(id string) string { return canaryPrefix + id }

// sealCanary returns the canary of the ring's first key.
func sealCanary(keys KeyRing, revision uint64) ([]byte, error) {
	blob, err := keys.seal(canaryPath(keys.keys[0].ID), revision, []byte(canaryText))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(blob)
	return append(blob, sum[:]...), nil
}

// openCanary tells whether the ring has the key of the canary of key id, whose
// blob and checksum these are.
func openCanary(keys KeyRing, id string, blob, sum []byte) error {
	if whole := sha256.Sum256(blob); !bytes.Equal(whole[:], sum) {
		return fmt.Errorf("%w: the canary record is not what was written", ErrDamaged)
	}
	text, _, err := keys.open(canaryPath(id), blob)
	switch {
	case errors.Is(err, errAuth):
		return fmt.Errorf("%w: key %s in the key file is another key of that name", ErrWrongKey, id)
	case errors.Is(err, ErrWrongKey):
		return fmt.Errorf("%w: key %s is missing from the key file", ErrWrongKey, id)
	case err == nil && string(text) != canaryText:
		return fmt.Errorf("%w: the canary record says something else", ErrDamaged)
	}
	return err
}

// tryKeys tells whether the ring has the key of every canary, before anything
// is written. A sealing key that is new to the store gets a canary, so that the
// store never opens without it again.
func (s *Store) tryKeys(ctx context.Context, ring KeyRing) error {
	paths, err := s.backend.List(ctx, canaryPrefix)
	if err != nil {
		return err
	}
	announced := false
	for _, path := range paths {
		canary, _, err := s.backend.Get(ctx, path)
		if err != nil {
			return err
		}
		if len(canary) < sha256.Size {
			return fmt.Errorf("%w: the canary record is cut short", ErrDamaged)
		}
		id, end := strings.TrimPrefix(path, canaryPrefix), len(canary)-sha256.Size
		if err := openCanary(ring, id, canary[:end], canary[end:]); err != nil {
			return err
		}
		announced = announced || id == ring.keys[0].ID
	}
	if announced {
		return nil
	}
	if len(paths) == 0 {
		all, err := s.backend.List(ctx, "")
		if err != nil {
			return err
		}
		if len(all) > 0 {
			// Another node may have made the store between the two looks: its canary
			// was there before anything else.
			if paths, err = s.backend.List(ctx, canaryPrefix); err != nil {
				return err
			}
			if len(paths) > 0 {
				return s.tryKeys(ctx, ring)
			}
			return fmt.Errorf("%w: the canary record is missing", ErrDamaged)
		}
	}
	return s.announce(ctx, ring)
}

// announce writes the canary of the ring's first key.
func (s *Store) announce(ctx context.Context, ring KeyRing) error {
	_, err := s.backend.CompareAndSet(ctx, canaryPath(ring.keys[0].ID), AnyRevision, func(next uint64) ([]byte, error) {
		return sealCanary(ring, next)
	})
	return err
}
