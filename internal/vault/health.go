package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"
)

// probeEvery keeps whoever asks for the health often from wearing out the
// disk: within this time of a write that worked, that write is the answer.
const probeEvery = 5 * time.Second

// health remembers how the last write went.
type health struct {
	mu      sync.Mutex
	good    time.Time     // when a write last worked
	probing chan struct{} // closed at the end of the probe under way; nil when there is none
	result  error         // of the last probe
}

// wrote notes the outcome of a write. What the caller got wrong says nothing
// about the disk.
func (h *health) wrote(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		h.good = time.Now()
	case errors.Is(err, ErrConflict), errors.Is(err, ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	default:
		h.good = time.Time{}
	}
}

// wait returns when no probe is under way.
func (h *health) wait() {
	h.mu.Lock()
	probing := h.probing
	h.mu.Unlock()
	if probing != nil {
		<-probing
	}
}

// Healthy tells whether the store can be written: it writes a record of 64 KiB,
// unless a write has worked within the last five seconds. A full disk, a quota
// and a limit on the size of files all show. Callers share one probe. When ctx ends first (a disk that hangs), so does Healthy,
// with ctx's error; the probe goes on, and Close waits for it.
func (s *Store) Healthy(ctx context.Context) error {
	probing, err := s.startProbe()
	if err != nil || probing == nil {
		return err
	}
	select {
	case <-probing:
	case <-ctx.Done():
		return fmt.Errorf("the store does not answer: %w", ctx.Err())
	}
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if s.health.result != nil {
		return fmt.Errorf("the store cannot be written: %w", s.health.result)
	}
	return nil
}

// startProbe returns what to wait for; nil when a write has worked just now.
func (s *Store) startProbe() (<-chan struct{}, error) {
	s.mu.RLock() // Close waits for the probes of those who came before it
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.good) < probeEvery {
		return nil, nil
	}
	if h.probing == nil {
		h.probing = make(chan struct{})
		go s.probe(h.probing)
	}
	return h.probing, nil
}

// The probe's record is larger than any that the daemon writes. A small one
// would prove nothing: on a full disk it goes where the one before it was.
const (
	probePath = reservedPrefix + "-/probe"
	probeSize = 64 << 10
)

func (s *Store) probe(done chan struct{}) {
	defer close(done)
	_, err := s.put(context.Background(), probePath, make([]byte, probeSize), AnyRevision)
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	s.health.result, s.health.probing = err, nil
}

// Answers tells whether the store can be read: it reads the canary of the first
// key from the database and opens it. Unlike Healthy it writes nothing, and a
// full disk is no fault to it. It returns when the disk has answered.
func (s *Store) Answers(ctx context.Context) error {
	return s.reading(func() error {
		ring := s.ring()
		id := ring.keys[0].ID
		canary, _, err := s.backend.Get(ctx, canaryPath(id))
		switch {
		case err != nil:
			return err
		case len(canary) < sha256.Size:
			return fmt.Errorf("%w: the canary record is cut short", ErrDamaged)
		}
		end := len(canary) - sha256.Size
		return openCanary(ring, id, canary[:end], canary[end:])
	})
}
