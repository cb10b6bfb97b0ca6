package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// migratePath holds, in the store that is moved to, that a move is under way.
const migratePath = "migration/-/state"

// ErrNotEmpty: the store that is moved to holds records of its own.
var ErrNotEmpty = errors.New("there are records already")

// Migrated tells what a move has done.
type Migrated struct {
	Records int  // that the other store has now
	Copied  int  // of them by this run; the others had been before
	Resumed bool // an earlier run had begun
}

type migration struct {
	From string `json:"from"`
}

// Migrate copies every record of a store into another and compares them all.
// What is copied from is not changed. from says in a word where that is: a move
// that was broken off goes on when it is called again with the same word; any
// other store that holds records is ErrNotEmpty, and untouched. Calls that are
// carried over a restart stay behind. Neither store may be in use by anybody
// else.
func Migrate(ctx context.Context, source, target *Store, from string) (m Migrated, err error) {
	if m.Resumed, err = beginMove(ctx, target, from); err != nil {
		return m, err
	}
	paths, err := movable(ctx, source)
	if err != nil {
		return m, err
	}
	for _, path := range paths {
		copied, err := move(ctx, source, target, path)
		if err != nil {
			return m, fmt.Errorf("copy record %s: %w", path, err)
		}
		if m.Records++; copied {
			m.Copied++
		}
	}
	if err := compare(ctx, source, target, paths); err != nil {
		return m, err
	}
	_, err = target.Delete(ctx, migratePath, 0)
	return m, err
}

// beginMove notes that a move is under way, unless it is already.
func beginMove(ctx context.Context, target *Store, from string) (resumed bool, err error) {
	value, _, err := target.Get(ctx, migratePath)
	if err != nil {
		return false, err
	}
	if value != nil {
		var under migration
		if err := json.Unmarshal(value, &under); err != nil || under.From != from {
			return false, fmt.Errorf("%w, of a move from somewhere else", ErrNotEmpty)
		}
		return true, nil
	}
	there, err := target.List(ctx, "")
	if err != nil {
		return false, err
	}
	if len(there) > 0 {
		return false, fmt.Errorf("%w: %d", ErrNotEmpty, len(there))
	}
	b, err := json.Marshal(migration{from})
	if err != nil {
		return false, err
	}
	_, err = target.CompareAndSet(ctx, migratePath, b, 0)
	return false, err
}

// movable are the paths of what is moved, as of one moment and no earlier than the
// call: a list of a bucket may come from a server that is behind.
func movable(ctx context.Context, s *Store) (paths []string, err error) {
	snapshotter, ok := s.backend.(Snapshotter)
	if !ok {
		return nil, ErrNoSnapshot
	}
	err = s.reading(func() error {
		_, err := snapshotter.Snapshot(ctx, func(path string, _ []byte) error {
			if !reserved(path) && !stays(path) {
				paths = append(paths, path)
			}
			return nil
		})
		return err
	})
	return paths, err
}

// stays tells of what belongs to its place and moment: calls that are carried
// over a restart, or to the next owner, are over before anybody restores them.
func stays(path string) bool { return path == migratePath || strings.HasPrefix(path, "carried/") }

func move(ctx context.Context, source, target *Store, path string) (copied bool, err error) {
	value, _, err := source.Get(ctx, path)
	if err != nil {
		return false, err
	}
	there, _, err := target.Get(ctx, path)
	if err == nil && there != nil && bytes.Equal(there, value) {
		return false, nil
	}
	return true, target.Put(ctx, path, value)
}

// compare fails where the two do not hold the same.
func compare(ctx context.Context, source, target *Store, paths []string) error {
	there, err := movable(ctx, target)
	if err != nil {
		return err
	}
	if !slices.Equal(paths, there) {
		return fmt.Errorf("after the copy there are %d records here and %d there: is somebody else using one of the stores?", len(paths), len(there))
	}
	for _, path := range paths {
		one, _, err := source.Get(ctx, path)
		if err != nil {
			return fmt.Errorf("compare record %s: %w", path, err)
		}
		other, _, err := target.Get(ctx, path)
		if err != nil {
			return fmt.Errorf("compare record %s: %w", path, err)
		}
		if !bytes.Equal(one, other) {
			return fmt.Errorf("record %s is not the same after the copy: is somebody else using one of the stores?", path)
		}
	}
	return nil
}
