package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeyUse is what the keys of a store are needed for.
type KeyUse struct {
	IDs     []string       // the ring's keys, the sealing one first
	Records map[string]int // how many records each key seals
	// Unreadable are the paths of the records that no key of the ring opens.
	Unreadable []string
	// Needed are the ids of the keys besides the first without which the store
	// does not open.
	Needed []string

	own int // records of the vault itself that another key than the first seals
}

// Settled tells that the ring's first key is all that is needed: it seals every
// record that can be read, and the store opens with it alone. Unreadable
// records do not count: no key would bring them back.
func (u KeyUse) Settled() bool { return len(u.Needed) == 0 && u.sealedOtherwise() == 0 }

func (u KeyUse) sealedOtherwise() (n int) {
	n = u.own
	for i, id := range u.IDs {
		if i > 0 {
			n += u.Records[id]
		}
	}
	return n
}

// KeyUse opens every record and tells which key seals it.
func (s *Store) KeyUse(ctx context.Context) (use KeyUse, err error) {
	err = s.reading(func() error {
		use, err = s.keyUse(ctx)
		return err
	})
	if err != nil {
		return KeyUse{}, fmt.Errorf("look at what the keys are needed for: %w", err)
	}
	return use, nil
}

func (s *Store) keyUse(ctx context.Context) (KeyUse, error) {
	ring := s.ring()
	use := KeyUse{IDs: ring.IDs(), Records: map[string]int{}}
	paths, err := s.backend.List(ctx, "")
	if err != nil {
		return KeyUse{}, err
	}
	for _, path := range paths {
		if id, ok := strings.CutPrefix(path, canaryPrefix); ok {
			if id != use.IDs[0] {
				use.Needed = append(use.Needed, id)
			}
			continue
		}
		record, err := s.keyed(ctx, path)
		switch {
		case reserved(path) && unreadable(err): // nobody's loss
		case unreadable(err):
			use.Unreadable = append(use.Unreadable, path)
		case err != nil:
			return KeyUse{}, fmt.Errorf("record %s: %w", path, err)
		case reserved(path):
			if record.key != "" && record.key != use.IDs[0] {
				use.own++
			}
		case record.key != "":
			use.Records[record.key]++
		}
	}
	return use, nil
}

// opened is a record with the id of the key that seals it.
type opened struct {
	key      string
	value    []byte
	revision uint64
}

// keyed opens the record at path; the key is empty when there is none.
func (s *Store) keyed(ctx context.Context, path string) (o opened, err error) {
	blob, revision, err := s.backend.Get(ctx, path)
	if blob == nil || err != nil {
		return opened{}, err
	}
	value, err := s.unsealed(path, blob, revision)
	if err != nil {
		return opened{}, err
	}
	return opened{string(blob[fixedHeader:][:blob[fixedHeader-1]]), value, revision}, nil
}

// unreadable tells an error of a record that is lost from one that passes.
func unreadable(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, ErrWrongKey) }

// Reseal seals every record with the ring's first key and, once they all open
// with it, lets the store open without the others. It may run beside readers
// and writers, be stopped at any point and be run again: at every moment the
// store opens with the keys it opened with before. Values stay; revisions rise.
// Records that no key opens are left as they are and are in KeyUse's
// Unreadable.
func (s *Store) Reseal(ctx context.Context) (KeyUse, error) {
	fail := func(err error) (KeyUse, error) {
		return KeyUse{}, fmt.Errorf("seal everything with the first key: %w", err)
	}
	// Twice at most: whatever is written meanwhile is sealed with the first key
	// already, unless the keys are changed in the middle.
	for range 2 {
		var paths []string
		err := s.reading(func() (err error) {
			paths, err = s.backend.List(ctx, "") // the vault's own records too
			return err
		})
		if err != nil {
			return fail(err)
		}
		for _, path := range paths {
			if strings.HasPrefix(path, canaryPrefix) {
				continue
			}
			if err := s.resealOne(ctx, path); err != nil {
				return fail(fmt.Errorf("record %s: %w", path, err))
			}
		}
		use, err := s.settle(ctx)
		if err != nil {
			return fail(err)
		}
		if use.Settled() {
			return use, nil
		}
	}
	return fail(errors.New("the keys were changed meanwhile; try again"))
}

func (s *Store) resealOne(ctx context.Context, path string) error {
	return s.reading(func() error {
		record, err := s.keyed(ctx, path)
		if unreadable(err) || err == nil && (record.key == "" || record.key == s.ring().keys[0].ID) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = s.put(ctx, path, record.value, record.revision)
		if errors.Is(err, ErrConflict) {
			return nil // changed or deleted meanwhile, and not by an old key
		}
		return err
	})
}

// settle takes the canaries of keys that seal nothing any more away. Nobody
// changes the keys meanwhile.
func (s *Store) settle(ctx context.Context) (use KeyUse, err error) {
	s.rotation.Lock()
	defer s.rotation.Unlock()
	err = s.reading(func() error {
		if use, err = s.keyUse(ctx); err != nil || use.sealedOtherwise() > 0 {
			return err
		}
		for _, id := range slices.Clone(use.Needed) {
			if _, err := s.backend.Delete(ctx, canaryPath(id), AnyRevision); err != nil {
				return err
			}
			use.Needed = use.Needed[1:]
		}
		return nil
	})
	return use, err
}
