package acme

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/certmagic"
)

// Store keeps records, sealed. The methods are those of package vault.
type Store interface {
	Get(ctx context.Context, path string) (value []byte, revision uint64, err error)
	Put(ctx context.Context, path string, value []byte) error
	Delete(ctx context.Context, path string, revision uint64) (existed bool, err error)
	List(ctx context.Context, prefix string) ([]string, error)
}

// prefix begins the paths of all records; a path has at least three parts.
const prefix = "acme/certificates/"

// storage is a Store in the words of certmagic. One daemon has the store, so
// locks are of this process.
type storage struct {
	store Store

	mu    sync.Mutex
	locks map[string]chan struct{} // closed when the lock is given up
}

var _ certmagic.Storage = (*storage)(nil)

func newStorage(s Store) *storage { return &storage{store: s, locks: map[string]chan struct{}{}} }

func (s *storage) Store(ctx context.Context, key string, value []byte) error {
	return s.store.Put(ctx, prefix+key, value)
}

func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	value, _, err := s.store.Get(ctx, prefix+key)
	if err == nil && value == nil {
		err = fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return value, err
}

// Delete also deletes what lies below key.
func (s *storage) Delete(ctx context.Context, key string) error {
	paths, err := s.below(ctx, key)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if _, err := s.store.Delete(ctx, path, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *storage) Exists(ctx context.Context, key string) bool {
	paths, err := s.below(ctx, key)
	return err == nil && len(paths) > 0
}

// List lists what lies below a key; not recursive: its children, whether or not
// they have a value.
func (s *storage) List(ctx context.Context, key string, recursive bool) ([]string, error) {
	key = strings.Trim(key, "/")
	paths, err := s.below(ctx, key)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, path := range paths {
		rest, below := strings.CutPrefix(strings.TrimPrefix(path, prefix), key+"/")
		if key == "" {
			rest, below = strings.TrimPrefix(path, prefix), true
		}
		if !below {
			continue
		}
		if !recursive {
			rest, _, _ = strings.Cut(rest, "/")
		}
		keys = append(keys, strings.TrimPrefix(key+"/"+rest, "/"))
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) == 0 {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return keys, nil
}

func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	value, err := s.Load(ctx, key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Size: int64(len(value)), IsTerminal: true}, nil
	}
	if s.Exists(ctx, key) {
		return certmagic.KeyInfo{Key: key}, nil
	}
	return certmagic.KeyInfo{}, err
}

// below lists the paths of key and of what lies below it.
func (s *storage) below(ctx context.Context, key string) ([]string, error) {
	key = strings.Trim(key, "/")
	paths, err := s.store.List(ctx, prefix+key)
	if key == "" {
		return paths, err
	}
	return slices.DeleteFunc(paths, func(p string) bool { return p != prefix+key && !strings.HasPrefix(p, prefix+key+"/") }), err
}

func (s *storage) Lock(ctx context.Context, name string) error {
	for {
		s.mu.Lock()
		held := s.locks[name]
		if held == nil {
			s.locks[name] = make(chan struct{})
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *storage) Unlock(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.locks[name]; held != nil {
		close(held)
		delete(s.locks, name)
	}
	return nil
}
