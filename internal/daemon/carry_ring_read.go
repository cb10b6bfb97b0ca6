package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/pbxevents"
)

// readLeft reads what the owner of a term has left: all of it where it has handed
// over in order, else its ring.
func readLeft(ctx context.Context, store carriedStore, at, term string, paths []string) (*carried, error) {
	var ours []string
	for _, p := range paths {
		if term != "" && strings.HasPrefix(p, at+ringPrefix+term+"/") {
			ours = append(ours, p)
		}
	}
	if slices.Contains(paths, at+carriedHead) {
		switch c, of, err := readCarried(ctx, store, at); {
		case err != nil && len(ours) == 0:
			return nil, err
		case err == nil && of == term:
			return c, nil
		}
	}
	if len(ours) == 0 {
		if term == "" && slices.Contains(paths, at+carriedNow) { // of a node that is not upgraded
			return readSnapshot(ctx, store, at)
		}
		return nil, nil
	}
	return readRing(ctx, store, ours)
}

// readRing reads a ring's records. What can be read is gone on with, and the error
// tells of the rest.
func readRing(ctx context.Context, store carriedStore, paths []string) (*carried, error) {
	records := make([]*ringRecordHead, len(paths))
	problems := make([]error, len(paths))
	var readers errgroup.Group
	readers.SetLimit(ringReaders)
	for i, path := range paths {
		readers.Go(func() error {
			records[i], problems[i] = readRecord(ctx, store, path)
			return nil
		})
	}
	_ = readers.Wait()
	records = slices.DeleteFunc(records, func(r *ringRecordHead) bool { return r == nil })
	if len(records) == 0 {
		return nil, errors.Join(problems...)
	}
	slices.SortFunc(records, func(a, b *ringRecordHead) int { return cmp.Compare(a.Seq, b.Seq) })
	c := &carried{Taken: records[len(records)-1].Taken}
	newest := map[string]ringThing{}
	for _, r := range records {
		age := max(0, c.Taken.Wall.Sub(r.Taken.Wall))
		for _, t := range r.All {
			t.Age += age
			newest[t.Key] = t
		}
	}
	var pieces []pbxevents.Piece
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		switch t := newest[key]; {
		case t.Gone:
		case t.Piece != nil:
			pieces = append(pieces, t.Piece.Older(t.Age))
		case t.Leg != nil:
			t.Leg.Call.Started = t.Leg.Call.Started.Plus(t.Age)
			c.Legs = append(c.Legs, *t.Leg)
		}
	}
	c.Calls = pbxevents.Gather(pieces)
	return c, errors.Join(problems...)
}

func readRecord(ctx context.Context, store carriedStore, path string) (*ringRecordHead, error) {
	packed, _, err := store.Get(ctx, path)
	if err != nil || packed == nil { // nil: written over since the list was made
		return nil, err
	}
	r := new(ringRecordHead)
	if err := unpack(bytes.NewReader(packed), r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Form != ringForm {
		return nil, fmt.Errorf("%s: another version of smokepop wrote it, in form %d", path, r.Form)
	}
	return r, nil
}
