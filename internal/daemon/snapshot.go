package daemon

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/smokepop/smokepop/internal/vault"
)

const (
	// carriedNow is a snapshot, for the case that a node of a cluster goes without
	// a word: one record, so that it is whole or not there.
	carriedNow = "now"
	// snapshotEvery is how often the calls under way are sealed at most.
	snapshotEvery = 20 * time.Millisecond
	snapshotTime  = 2 * time.Second
)

// snapshots seals the calls under way whenever one has moved, until ctx ends.
func (p *parts) snapshots(ctx context.Context) error {
	log := p.ground.log.With("component", "cluster")
	failing := false
	for {
		select {
		case <-p.moved:
		case <-ctx.Done():
			return nil
		}
		err := p.snapshot(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if failed := err != nil; failed != failing {
			if failing = failed; failing {
				log.Warn("the calls under way cannot be sealed for other nodes: if this one goes now, its calls pop when they are answered", "err", err)
			} else {
				log.Info("the calls under way are sealed for other nodes again")
			}
		}
		select {
		case <-time.After(snapshotEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *parts) snapshot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotTime)
	defer cancel()
	c := carried{Taken: p.ground.world.moment(), Calls: p.receiver.Snapshot()}
	var err error
	if c.Legs, err = p.flow.Snapshot(ctx); err != nil {
		return err
	}
	p.markShown(c.Legs)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := errors.Join(json.NewEncoder(w).Encode(c), w.Close()); err != nil {
		return err
	}
	if packed.Len() > vault.MaxValue {
		return errors.New("there are too many to be kept in one record")
	}
	return p.store.Put(ctx, p.carryAt+carriedNow, packed.Bytes())
}

func readSnapshot(ctx context.Context, store carriedStore, at string) (*carried, error) {
	packed, _, err := store.Get(ctx, at+carriedNow)
	if err != nil {
		return nil, err
	}
	return unpackCarried(io.LimitReader(bytes.NewReader(packed), vault.MaxValue))
}
