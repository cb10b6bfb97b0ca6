package natsproc

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/smokepop/smokepop/internal/process"
)

func start(t *testing.T, n int) *Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("builds nats-server and runs it")
	}
	program := filepath.Join(t.TempDir(), "nats-server")
	if err := process.Build(program, "github.com/nats-io/nats-server/v2"); err != nil {
		t.Fatal(err)
	}
	c, err := Start(soon(t), Config{Program: program, Dir: t.TempDir(), Servers: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What three servers have acknowledged is there after each of them was killed or
// stopped in turn, and while one is away it is read and written.
func TestThreeServersKeepWhatOneLoses(t *testing.T) {
	c := start(t, 3)
	nc, err := nats.Connect(strings.Join(c.URLs(), ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.CreateKeyValue(soon(t), jetstream.KeyValueConfig{Bucket: "kept", Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	put := func(value string) {
		t.Helper()
		for ctx := soon(t); ; {
			once, cancel := context.WithTimeout(ctx, time.Second)
			_, err := kv.PutString(once, "k", value)
			cancel()
			if err == nil {
				return
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
	}
	for i, s := range c.Servers {
		pid := s.PID()
		end := s.Program.Kill
		if i == 1 {
			end = s.Program.Stop
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		<-s.Ended()
		if s.PID() != 0 {
			t.Errorf("%s runs still, as %d", s.Place.Name, s.PID())
		}
		if err := c.Ready(soon(t)); err != nil {
			t.Fatal(err)
		}
		put(s.Place.Name)
		if err := s.Program.Start(); err != nil {
			t.Fatal(err)
		}
		if s.Program.Start() == nil {
			t.Error("a server runs twice")
		}
		if err := c.Ready(soon(t)); err != nil {
			t.Fatal(err)
		}
		if s.PID() == pid {
			t.Error("it is the old process")
		}
	}
	if e, err := kv.Get(soon(t), "k"); err != nil || string(e.Value()) != "n3" {
		t.Errorf("%v, %v", e, err)
	}
	// Two of three gone: there is no leader, and it is said so.
	for _, s := range c.Servers[:2] {
		if err := s.Program.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	for client := newClient(); c.missing(ctx, client, c.Servers[2:]) == nil; {
		time.Sleep(askEvery)
	}
	cancel()
	if err := c.Ready(ctx); err == nil || !strings.Contains(err.Error(), "JetStream is not ready") {
		t.Errorf("%v", err)
	}
}

// A server that ends at its start says why.
func TestAServerThatDoesNotStart(t *testing.T) {
	program := filepath.Join(t.TempDir(), "nats-server")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho the disk is full\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(soon(t), Config{Program: program, Dir: t.TempDir(), Servers: 1})
	if err == nil || !strings.Contains(err.Error(), "nats-server n1 has ended:\nthe disk is full") {
		t.Errorf("%v", err)
	}
}
