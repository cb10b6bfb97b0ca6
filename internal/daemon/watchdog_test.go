package daemon

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vault"
)

// stuck is a Screens that hangs when a call has ended until it is let go.
type stuck struct {
	screenpop.Screens
	reached, free chan struct{}
}

func (s stuck) Past(screenpop.AgentID, screenpop.EndedPop) {
	s.reached <- struct{}{}
	<-s.free
}

// nobody is a Finder that finds nobody.
type nobody struct{}

func (nobody) Find(context.Context, screenpop.AgentID, screenpop.Call) (screenpop.Match, error) {
	return screenpop.Match{}, screenpop.ErrNoMatch
}

// keptFarAway is a store on servers that do not answer.
type keptFarAway struct{}

func (keptFarAway) Answers(context.Context) error { return vault.ErrAway }

// As systemd sees it: it is fed while the flow and the store answer, not while
// a worker is stuck, and again when it goes on; and not when the store is gone.
func TestWatchdogGoesHungryWithTheFlowAndTheStore(t *testing.T) {
	dir := t.TempDir()
	if err := vault.GenerateKey(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	keys, err := vault.LoadKeys(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := vault.Open(t.Context(), filepath.Join(dir, "state"), keys, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	screens := stuck{reached: make(chan struct{}), free: make(chan struct{})}
	flow := screenpop.NewFlow(screenpop.FlowConfig{Finder: nobody{}, Screens: screens, Settings: func(screenpop.AgentID) screenpop.PopSettings {
		return screenpop.PopSettings{On: screenpop.Ringing, Inbound: true}
	}})
	socket, err := new(net.ListenConfig).ListenPacket(t.Context(), "unixgram", filepath.Join(dir, "notify"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))
	t.Setenv("WATCHDOG_USEC", "30000")
	w := newWatchdog(&parts{flow: flow, store: store}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- flow.Run(ctx) }()
	go func() { ended <- w.Run(ctx) }()
	defer func() { cancel(); <-ended; <-ended }()

	// fed tells whether it is fed within d.
	fed := func(d time.Duration) bool {
		_ = socket.SetReadDeadline(time.Now().Add(d))
		b := make([]byte, 64)
		n, _, err := socket.ReadFrom(b)
		if err == nil && string(b[:n]) != "WATCHDOG=1" {
			t.Errorf("systemd hears %q", b[:n])
		}
		return err == nil
	}
	// hungry waits until it is not fed for ten times its interval.
	hungry := func() bool {
		for began := time.Now(); time.Since(began) < 30*time.Second; {
			if !fed(10 * w.every) {
				return true
			}
		}
		return false
	}
	for range 3 {
		if !fed(30 * time.Second) {
			t.Fatal("it is not fed")
		}
	}
	call := screenpop.Call{ID: "c", Direction: screenpop.Inbound, State: screenpop.Ringing, Number: screenpop.Number{Canonical: "+16173998147"}}
	flow.Offer([]screenpop.Event{{Call: call}})
	call.State = screenpop.Terminated
	flow.Offer([]screenpop.Event{{Call: call, End: screenpop.EndTerminated}})
	<-screens.reached
	if !hungry() {
		t.Error("it is fed while a worker is stuck")
	}
	close(screens.free)
	if !fed(30 * time.Second) {
		t.Error("it is not fed again")
	}
	if err := (&watchdog{every: time.Second, flow: flow, store: keptFarAway{}}).examine(ctx); err != nil {
		t.Errorf("it goes hungry for servers that a new start does not bring back: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if !hungry() {
		t.Error("it is fed without a store")
	}
}

func TestNoWatchdogWhereNobodyWatches(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "")
	if w := newWatchdog(&parts{}, slog.New(slog.DiscardHandler)); w != nil {
		t.Error("somebody does")
	}
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", "1") // another process
	if w := newWatchdog(&parts{}, slog.New(slog.DiscardHandler)); w != nil {
		t.Error("the other process's")
	}
}
