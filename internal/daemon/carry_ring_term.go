package daemon

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/vault"
)

// claim says that this ring counts, and takes away what others have left.
func (r *ring) claim(ctx context.Context) error {
	if r.before != r.term && (r.foreign || len(r.slots) > 0) {
		_, err := r.store.CompareAndSet(ctx, r.at+ringTerm, []byte(r.term), r.version)
		if errors.Is(err, vault.ErrConflict) {
			err = r.look(ctx, err)
		}
		if err != nil {
			return err
		}
		r.before = r.term
	}
	late := !r.late.IsZero() && time.Since(r.late) > ringLate
	if !r.foreign && !late {
		return nil
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	if r.foreign = false; late {
		r.late = time.Time{}
	}
	return nil
}

// look looks at a term that was changed: by ourselves, when nobody told us so, or by
// somebody who has sealed the record with another key; then it is tried again. Else
// another owner has come.
func (r *ring) look(ctx context.Context, conflict error) error {
	term, version, err := r.store.Get(ctx, r.at+ringTerm)
	switch {
	case err != nil:
		return err
	case string(term) == r.term:
		return nil
	case string(term) != r.before:
		return conflict
	}
	r.version = version
	_, err = r.store.CompareAndSet(ctx, r.at+ringTerm, []byte(r.term), version)
	return err
}

// sweep deletes the records of the part that are not this ring's.
func (r *ring) sweep(ctx context.Context) error {
	paths, err := r.store.List(ctx, r.at)
	if err != nil {
		return err
	}
	var deleters errgroup.Group
	deleters.SetLimit(ringReaders)
	for _, path := range paths {
		if path == r.at+ringTerm || strings.HasPrefix(path, r.at+ringPrefix+r.term+"/") {
			continue
		}
		deleters.Go(func() error {
			_, err := r.store.Delete(ctx, path, 0)
			return err
		})
	}
	return deleters.Wait()
}
