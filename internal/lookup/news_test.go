package lookup_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// news keeps what it is told, and takes its time when hold is set.
type news struct {
	told []string
	hold chan struct{}
}

func (n *news) Answering(tenant screenpop.Tenant, ok bool) {
	if n.hold != nil {
		<-n.hold
	}
	n.told = append(n.told, fmt.Sprint(tenant, " ", ok))
}

// listening runs the house's Finder, and ends it with the test.
func (h *house) listening() (stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.finder.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	}
}

func TestWhetherSmokeballAnswersIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{}
		h := build(t, setup{news: n})
		defer h.listening()()
		h.wants(stranger, screenpop.ErrNoMatch)
		undo := h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 500})
		for range 12 {
			h.wants(maria, screenpop.ErrUnavailable)
		}
		synctest.Wait()
		if want := []string{"firm.example false"}; !slices.Equal(n.told, want) {
			t.Errorf("told %q, want %q", n.told, want)
		}
		pass(5 * time.Second)
		h.wants(maria, screenpop.ErrUnavailable) // the probe
		undo()
		pass(10 * time.Second)
		h.wants(maria, nil)
		h.wants(maria, nil)
		synctest.Wait()
		if want := []string{"firm.example false", "firm.example true"}; !slices.Equal(n.told, want) {
			t.Errorf("told %q, want %q", n.told, want)
		}
	})
}

// Whoever is slow to hear the news holds up no look-up, and hears how things
// are by then.
func TestSlowListenersHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{hold: make(chan struct{})}
		h := build(t, setup{news: n})
		stop := h.listening()
		undo := h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 500})
		for range 7 {
			h.wants(maria, screenpop.ErrUnavailable)
		}
		undo()
		pass(5 * time.Second)
		h.wants(maria, nil)
		close(n.hold)
		synctest.Wait()
		if want := []string{"firm.example false", "firm.example true"}; !slices.Equal(n.told, want) {
			t.Errorf("told %q, want %q", n.told, want)
		}
		stop()
	})
}

func TestRunWithoutListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.listening()()
	})
}
