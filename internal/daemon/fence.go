package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/tokens"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// fenced is the store for a part of the cluster: nothing is written for a part
// that is not owned for sure, and of agents' settings and sessions only what those
// of the part have is there: each record that is read is a round trip.
type fenced struct {
	learning
	owned    func() bool
	standing func() (cutOff bool, changed <-chan struct{})
	doubts   func() bool // the node may be cut off, and not know it yet
	part     int
	hearing  func() context.Context // ends when NATS falls silent
	recall   *recall                // of who is signed in
}

// List implements [storage]. Of sessions those are listed too of which it is not
// known whose they are.
func (f fenced) List(ctx context.Context, prefix string) ([]string, error) {
	paths, err := f.Store.List(ctx, prefix)
	switch prefix {
	case web.SettingsPrefix:
		paths = slices.DeleteFunc(paths, func(path string) bool {
			tenant, _, _ := strings.Cut(strings.TrimPrefix(path, prefix), "/")
			return cluster.PartOf(tenant) != f.part
		})
	case web.SessionsPrefix:
		paths = f.sessions.of(paths, f.part)
	}
	return paths, err
}

// Get implements [storage]. Who is signed in is known also while the store is away.
func (f fenced) Get(ctx context.Context, path string) (value []byte, revision uint64, err error) {
	if !ofSignedIn(path) {
		return f.learning.Get(ctx, path)
	}
	// Where this node is cut off, or NATS falls silent, a page does better elsewhere.
	asked, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := f.hearing()
	defer context.AfterFunc(silent, cancel)()
	if silent.Err() != nil {
		cancel()
	}
	if cutOff, _ := f.standing(); cutOff {
		defer time.AfterFunc(deafTime, cancel).Stop()
	}
	value, revision, err = f.recall.get(asked, path, f.learning.Get, func() bool {
		part, known := f.sessions.part(path)
		return !known || part == f.part
	})
	if errors.Is(err, context.Canceled) && ctx.Err() == nil { // by us
		err = fmt.Errorf("%w: NATS does not answer this node", vault.ErrAway)
	}
	return value, revision, err
}

func (f fenced) allowed() error {
	if f.owned() {
		return nil
	}
	return fmt.Errorf("%w: NATS does not answer this node, or another node has taken over", vault.ErrAway)
}

func (f fenced) CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error) {
	// Who has written last into an agent's authorisation may write again: a token
	// that comes when the part has changed hands is saved, or the next owner has
	// written already.
	known := revision != 0 && strings.HasPrefix(path, tokens.Records)
	if err := f.allowed(); err != nil && !known {
		return 0, err
	}
	return f.Store.CompareAndSet(ctx, path, value, revision)
}

func (f fenced) Put(ctx context.Context, path string, value []byte) error {
	if err := f.allowed(); err != nil {
		return err
	}
	return f.Store.Put(ctx, path, value)
}

func (f fenced) Delete(ctx context.Context, path string, revision uint64) (bool, error) {
	if ofSignedIn(path) {
		f.recall.forget(path) // whatever comes of it: somebody wants it gone
	}
	if err := f.allowed(); err != nil {
		return false, err
	}
	return f.Store.Delete(ctx, path, revision)
}
