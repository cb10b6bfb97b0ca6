package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// An agent opens 200 tabs: 64 get in, the others are told that there are too
// many and when to come again, and what pops does so in all that are open.
func TestHostileTabs(t *testing.T) {
	t.Parallel()
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	before, _ := s.memory()
	var in []*screen
	refused := 0
	for range 199 {
		conn, res, err := s.v.dial("smokepop.v1")
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			sc := &screen{t: t, conn: conn}
			sc.hello = sc.read()
			sc.seq = sc.hello["seq"].(float64)
			in = append(in, sc)
			continue
		}
		if refused++; res == nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
			t.Fatalf("one too many: %v, %v", res, err)
		}
	}
	if len(in) != 63 || refused != 136 {
		t.Errorf("%d let in and %d refused, want 63 and 136", len(in), refused)
	}
	took := s.pop()
	for _, sc := range in {
		sc.next("pop")
		sc.next("end")
	}
	now, _ := s.memory()
	t.Logf("200 tabs: %d open, %d told 429 with Retry-After; %.1f MiB before, %.1f under it; a pop takes %v", len(in)+1, refused, before, now, took)
	for _, sc := range in { // who closes tabs may open others
		_ = sc.conn.Close()
	}
	s.await(func() bool { return s.metric("smokepop_screens") == "1" })
	_ = s.v.open().conn.Close()
	s.leaves()
}

// Sockets that are never read, 50 to an agent, while those agents' phones ring:
// they are given up at a bounded size, and the agent beside them, who has such
// sockets too, gets every pop.
func TestHostileSocketsThatNeverRead(t *testing.T) {
	t.Parallel()
	agents, calls := force(1, 20), force(60, 400)
	firm := largeFirm(20)
	s := besiege(t, firm, unlimited, func(settings map[string]any) { setTenant(settings, "lookup", "matters", false) })
	s.smokeball().PutContacts(simulator.Contact{ID: "5c41a9c1-0000-4000-8000-000000000009", Person: &simulator.Person{
		FirstName: "Maria", LastName: strings.Repeat("Longname", 1000), Cell: simulator.Phone{AreaCode: "401", Number: "5550164"},
	}})
	var ring []string
	for i, a := range firm.Agents[:agents] {
		ring = append(ring, a.Extension)
		v := s.v
		if i > 0 {
			v = s.join(a.Extension)
			v.pair(s.smokeball(), a.Email)
		}
		for range 50 {
			conn, _, err := v.dial("smokepop.v1")
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(1) // the kernel's least
			t.Cleanup(func() { _ = conn.Close() })
		}
	}
	before, _ := s.memory()
	var slowest time.Duration
	for i := range calls {
		id := fmt.Sprint("unread-", i)
		began := time.Now()
		s.ring(event{"event": "ringing", "call_id": id, "from": "+14015550164", "extension": strings.Join(ring, ","), "to": "600"})
		if pop := s.sc.next("pop"); dig(pop, "pop", "call", "id") != id {
			t.Fatalf("the pop is %.200v", pop)
		}
		slowest = max(slowest, time.Since(began))
		s.ring(event{"event": "terminated", "call_id": id})
		s.sc.next("end")
	}
	now, most := s.memory()
	t.Logf("%d sockets that never read, %d calls: the slowest pop of the one that reads took %v; closed as too slow %s; %.1f MiB before, %.1f after, %.1f at most",
		50*agents, calls, slowest.Round(100*time.Microsecond), s.metric(`smokepop_screens_closed_total{reason="too-slow"}`), before, now, most)
	if bound := before + 48 + float64(50*agents)/8; most > bound {
		t.Errorf("%.1f MiB at most, want %.1f", most, bound)
	}
	if force(0, 1) == 1 { // a minute and more
		s.outlives(50 * agents)
	}
	s.leaves()
}

// outlives waits, with a call now and then, until the sockets that answer no
// ping have been closed.
func (s *siege) outlives(sockets int) {
	s.t.Helper()
	began := time.Now()
	for s.metric("smokepop_screens") != "1" {
		if time.Since(began) > 90*time.Second {
			s.t.Fatalf("%s screens are open after %v", s.metric("smokepop_screens"), time.Since(began))
		}
		s.pop()
		<-time.After(100 * time.Millisecond)
	}
	s.t.Logf("%d sockets were closed within %v: %s as silent, %s as too slow", sockets, time.Since(began).Round(time.Second),
		s.metric(`smokepop_screens_closed_total{reason="silent"}`), s.metric(`smokepop_screens_closed_total{reason="too-slow"}`))
}
