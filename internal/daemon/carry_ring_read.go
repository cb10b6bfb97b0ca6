package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/vault"
)

const (
	// ringAhead is how many records are looked for beyond those that are known: the
	// list may lack the last ones, and of those some that were deleted.
	ringAhead = 4
	// ringFar is more records than a ring has; one that has a higher number is read
	// where it is listed, and none is looked for around it.
	ringFar = 4096
)

// readLeft reads what the owner of a term has left: all of it where it has handed
// over in order, else its ring. The list may come from a server that is behind, and a
// record never does: what may have been written last is read whether it is listed or
// not. there tells whether anything is.
func readLeft(ctx context.Context, store carriedStore, at, term string, paths []string) (c *carried, there bool, err error) {
	c, of, broken := readCarried(ctx, store, at)
	switch {
	case errors.Is(broken, vault.ErrAway):
		return nil, true, broken
	case c != nil && of == term:
		return c, true, nil
	}
	there = c != nil || broken != nil
	if term == "" { // nodes that are not upgraded have no ring
		if broken != nil {
			return nil, true, broken
		}
		c, err = readSnapshot(ctx, store, at)
		return c, there || c != nil || err != nil, err
	}
	ring, err := readRing(ctx, store, at+ringPrefix+term+"/", paths)
	if ring == nil && err == nil {
		return nil, there, broken
	}
	return ring, true, err
}

// readRing reads the records of a ring that begin with a prefix. What can be read is
// gone on with, and the error tells of the rest.
func readRing(ctx context.Context, store carriedStore, prefix string, listed []string) (*carried, error) {
	var far []int
	last := -1
	for _, path := range listed {
		name, ours := strings.CutPrefix(path, prefix)
		n, err := strconv.Atoi(name)
		switch {
		case !ours || err != nil || n < 0:
		case n < ringFar:
			last = max(last, n)
		default:
			far = append(far, n)
		}
	}
	records, problem := readRecords(ctx, store, prefix, far)
	for next := 0; ; {
		last += ringAhead
		var numbers []int
		for ; next <= last; next++ {
			numbers = append(numbers, next)
		}
		some, err := readRecords(ctx, store, prefix, numbers)
		records, problem = append(records, some...), errors.Join(problem, err)
		beyond := some[len(some)-ringAhead:]
		if !slices.ContainsFunc(beyond, func(r *ringRecordHead) bool { return r != nil }) {
			break
		}
	}
	return joinRecords(records), problem
}

// readRecords reads records by their numbers; nil: it is not there, or cannot be read.
func readRecords(ctx context.Context, store carriedStore, prefix string, numbers []int) ([]*ringRecordHead, error) {
	records := make([]*ringRecordHead, len(numbers))
	problems := make([]error, len(numbers))
	var readers errgroup.Group
	readers.SetLimit(ringReaders)
	for i, n := range numbers {
		readers.Go(func() error {
			records[i], problems[i] = readRecord(ctx, store, ringPath(prefix, n))
			return nil
		})
	}
	_ = readers.Wait()
	return records, errors.Join(problems...)
}

// joinRecords makes of a ring's records the calls under way; nil where there are none.
func joinRecords(records []*ringRecordHead) *carried {
	records = slices.DeleteFunc(records, func(r *ringRecordHead) bool { return r == nil })
	if len(records) == 0 {
		return nil
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
	return c
}

func readRecord(ctx context.Context, store carriedStore, path string) (*ringRecordHead, error) {
	packed, _, err := store.Get(ctx, path)
	if err != nil || packed == nil {
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
