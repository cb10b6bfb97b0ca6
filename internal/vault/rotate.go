package vault

import (
	"context"
	"fmt"
)

// UseKeys makes keys the ring of the open store: from its return on, its first
// key seals. The ring has to have every key the store needs, or UseKeys returns
// ErrWrongKey and the store stays with the ring it has. What is sealed with
// other keys stays so until [Store.Reseal].
func (s *Store) UseKeys(ctx context.Context, keys KeyRing) error {
	if len(keys.keys) == 0 {
		return fmt.Errorf("change the keys: %w", ErrNoKey)
	}
	s.rotation.Lock()
	defer s.rotation.Unlock()
	// The canary of a new sealing key is on the disk before the key seals
	// anything: the store never opens without a key it needs.
	if err := s.reading(func() error { return s.tryKeys(ctx, keys) }); err != nil {
		return fmt.Errorf("change the keys: %w", err)
	}
	// Writers hold the other side of this lock from before they take the key
	// until they have written: none of the old ring is still on its way when
	// the new one is in place, where Reseal would miss it.
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.Store(&keys)
	return nil
}
