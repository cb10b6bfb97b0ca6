package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/simulator"
)

// SIGTERM with 500 screens open and refreshes under way: every screen is told to
// come back, the process ends within the unit's stop time, and each refresh that
// Smokeball has answered is on the disk: the refresh token before it is spent.
func TestStopWithFiveHundredScreensAndRefreshesUnderWay(t *testing.T) {
	const agents, each, refreshing = 50, 10, 20
	hold := gate{make(chan struct{})}
	in := install(t, largeFirm(agents), func(o *simulator.Options) {
		unlimited(o)
		o.Sleep = hold.sleep
	}, func(settings map[string]any) {
		settings["log"] = map[string]any{"level": "warn", "format": "text"}
		setTenant(settings, "smokeball", "requests_per_second", 1000)
		setTenant(settings, "smokeball", "burst", 1000)
		setTenant(settings, "lookup", "timeout", "30s")
		setTenant(settings, "lookup", "matters", false)
		setTenant(settings, "lookup", "share", "agent") // each with a token of their own
	})
	in.serve()
	admin := newAdminClient(in.socket)
	defer admin.http.CloseIdleConnections()
	var visitors []*visitor
	for _, a := range in.firm().Agents {
		url, err := in.world.invite(t.Context(), admin, in.firm().Domain, a.Extension)
		if err != nil {
			t.Fatal(err)
		}
		v := signIn(t, url)
		v.pair(in.smokeball(), a.Email)
		visitors = append(visitors, v)
	}
	var read sync.WaitGroup
	codes := make(chan int, agents*each)
	for _, v := range visitors {
		for range each {
			sc := v.open()
			_ = sc.conn.SetReadDeadline(time.Time{})
			read.Go(func() {
				for {
					if _, _, err := sc.conn.ReadMessage(); err != nil {
						var c *websocket.CloseError
						if errors.As(err, &c) {
							codes <- c.Code
						} else {
							codes <- 0
						}
						return
					}
				}
			})
		}
	}

	in.smokeball().Forget()
	in.smokeball().Inject(simulator.Fault{Endpoint: simulator.TokenEndpoint, Times: refreshing, Latency: time.Second})
	in.smokeball().ExpireAccess("")
	for _, a := range in.firm().Agents[:refreshing] {
		in.ring(event{"event": "ringing", "call_id": "c" + a.Extension, "from": in.firm().Callers[0].E164(), "to": a.Extension})
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	defer cancel()
	if err := in.smokeball().Await(ctx, simulator.TokenEndpoint, refreshing); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := in.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	close(hold.open) // Smokeball answers now
	_ = in.cmd.Wait()
	took := time.Since(began)
	if code := in.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, in.stderr)
	}
	if limit := unitStopTime(t); took >= limit {
		t.Errorf("it took %v; the unit gives it %v", took, limit)
	}
	read.Wait()
	close(codes)
	count := map[int]int{}
	for c := range codes {
		count[c]++
	}
	if count[4000] != agents*each {
		t.Errorf("the screens were closed with %v, want 4000 for each of %d", count, agents*each)
	}

	in.serve()
	revoked := in.smokeball().RevokedCount()
	in.smokeball().Forget()
	in.smokeball().ExpireAccess("") // so that the refresh token on the disk is needed
	for i, a := range in.firm().Agents[:refreshing] {
		// Another caller: whoever rang before the stop may be known from the calls
		// that were carried over.
		in.ring(event{"event": "ringing", "call_id": "d" + a.Extension, "from": in.firm().Callers[1].E164(), "to": a.Extension})
		sc := visitors[i].open()
		if state := dig(sc.hello, "pairing", "state"); state != "paired" {
			t.Errorf("extension %s is %v", a.Extension, state)
		}
		for seen := map[any]bool{}; !seen["d"+a.Extension]; {
			for _, p := range append(popsOf(sc.hello["pops"]), sc.hello["pop"]) {
				if len(names(p)) > 0 {
					seen[dig(p, "call", "id")] = true
				}
			}
			if !seen["d"+a.Extension] {
				sc.hello = sc.read()
			}
		}
		_ = sc.conn.Close()
	}
	if n := in.smokeball().Count(simulator.TokenEndpoint); n < refreshing {
		t.Errorf("%d refreshes only: the refresh tokens on the disk were not tried", n)
	}
	if n := in.smokeball().RevokedCount(); n != revoked {
		t.Errorf("%d authorisations were revoked", n-revoked)
	}
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
	t.Logf("%d screens and %d refreshes: the stop took %v", agents*each, refreshing, took.Round(time.Millisecond))
}

func popsOf(list any) []any {
	pops, _ := list.([]any)
	return pops
}

// unitStopTime is how long systemd waits before it kills.
func unitStopTime(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile("../../deploy/systemd/smokepop.service")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)s$`).FindSubmatch(b)
	if m == nil {
		t.Fatal("the unit has no TimeoutStopSec in seconds")
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}
