package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// teardown is what has to be undone, in the reverse of the order it was done.
// A step is registered the moment the thing it undoes exists.
type teardown struct {
	steps []teardownStep
	log   *slog.Logger
}

type teardownStep struct {
	name string
	stop func(context.Context) error
}

func (t *teardown) add(name string, stop func(context.Context) error) {
	t.steps = append(t.steps, teardownStep{name, stop})
}

// run undoes everything, last first, each step once, and joins the errors. A
// step that fails does not keep the others from running.
func (t *teardown) run(ctx context.Context) error {
	var errs []error
	for i := len(t.steps) - 1; i >= 0; i-- {
		s := t.steps[i]
		began := time.Now()
		if err := s.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
		t.log.Debug("stopped", "what", s.name, "took", time.Since(began))
	}
	t.steps = nil
	return errors.Join(errs...)
}
