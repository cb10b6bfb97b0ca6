package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
)

func TestTeardownRunsLastFirstAndAllOfIt(t *testing.T) {
	td := teardown{log: slog.New(slog.DiscardHandler)}
	var order []string
	broken := errors.New("broken")
	for _, name := range []string{"store", "hub", "events"} {
		td.add(name, func(context.Context) error {
			order = append(order, name)
			if name == "hub" {
				return broken
			}
			return nil
		})
	}
	if err := td.run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error %v, want the hub's", err)
	}
	if want := []string{"events", "hub", "store"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	if err := td.run(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("a second run did something: %v, %q", err, order)
	}
}
