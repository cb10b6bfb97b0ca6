package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/vault"
)

const (
	// recallAfter is how long the store may take to say whether what was there before
	// is there still, recallMost how long it is asked where that is not known for sure.
	recallAfter = 500 * time.Millisecond
	recallMost  = 5 * time.Second
)

// recall is what a part's owner has read, and goes by while the store does not answer,
// as in the seconds in which JetStream has no leader: what the store said last holds
// for as long as nobody but this owner can have changed it.
type recall struct {
	// sure: nobody else can have, whether the store answers or not. Vain: somebody may
	// have, and whoever asks does better at another node than to wait.
	sure, vain func() bool

	mu      sync.Mutex
	forgets uint64 // how often anything was forgotten
	records map[string]recalled
}

type recalled struct {
	value    []byte
	revision uint64
}

func newRecall(sure, vain func() bool) *recall {
	return &recall{sure: sure, vain: vain, records: map[string]recalled{}}
}

// get reads a record, or recalls it. What ours does not hold for is not kept.
func (rc *recall) get(ctx context.Context, path string, read func(context.Context, string) ([]byte, uint64, error), ours func() bool) ([]byte, uint64, error) {
	for end := time.Now().Add(recallMost); ; {
		forgets, _, known := rc.last(path)
		if !known {
			value, revision, err := read(ctx, path)
			if err == nil && value != nil && ours() {
				rc.keep(path, recalled{value, revision}, forgets)
			}
			return value, revision, err
		}
		asked, cancel := context.WithTimeout(ctx, recallAfter)
		value, revision, err := read(asked, path)
		late := asked.Err() != nil
		cancel()
		switch {
		case err == nil && value == nil:
			rc.forget(path)
			return nil, 0, nil
		case err == nil:
			rc.keep(path, recalled{value, revision}, forgets)
			return value, revision, nil
		case ctx.Err() != nil || !late && !errors.Is(err, vault.ErrAway):
			return nil, 0, err
		}
		if _, last, still := rc.last(path); still && rc.sure() {
			return last.value, last.revision, nil
		}
		if !late || rc.vain() || !time.Now().Before(end) {
			return nil, 0, err
		}
	}
}

func (rc *recall) last(path string) (forgets uint64, last recalled, known bool) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	last, known = rc.records[path]
	return rc.forgets, last, known
}

// keep notes what was read, unless anything was forgotten since.
func (rc *recall) keep(path string, r recalled, forgets uint64) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if rc.forgets == forgets {
		rc.records[path] = r
	}
}

// forget is for what has gone, or may have: it is recalled no more.
func (rc *recall) forget(path string) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.forgets++
	delete(rc.records, path)
}
