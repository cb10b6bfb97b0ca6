package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/smokepop/smokepop/internal/simulator"
)

// The tests of this file besiege the real binary. make test has them small;
// make hostile, which sets SMOKEPOP_HOSTILE=full, has them at their full size.
// docs/hostile.md has the figures that they log.

// force is how many attackers there are.
func force(small, full int) int {
	if os.Getenv("SMOKEPOP_HOSTILE") == "full" {
		return full
	}
	return small
}

// siege is a daemon under attack, and an agent whose calls pop all the same.
type siege struct {
	*fullDisk
	calls int
}

// besiege starts a daemon with one agent at a screen.
func besiege(t *testing.T, firm *simulator.Firm, as func(*simulator.Options), change func(map[string]any), env ...string) *siege {
	t.Helper()
	in := install(t, firm, as, func(settings map[string]any) {
		settings["log"] = map[string]any{"level": "info"}
		setTenant(settings, "smokeball", "requests_per_second", 1000)
		setTenant(settings, "smokeball", "burst", 1000)
		if change != nil {
			change(settings)
		}
	})
	in.serve(env...)
	me := firm.Agents[0]
	s := &siege{fullDisk: &fullDisk{killer: &killer{installation: in, me: me}}}
	s.v = in.join(me.Extension)
	s.v.pair(in.smokeball(), me.Email)
	s.sc = s.v.open()
	return s
}

// pop lets a known caller ring and hang up, sees both on the screen and returns
// how long the pop took from the webhook on.
func (s *siege) pop() time.Duration {
	s.t.Helper()
	s.calls++
	id := fmt.Sprint("call-under-siege-", s.calls)
	began := time.Now()
	s.ring(event{"event": "ringing", "call_id": id, "from": s.firm().Callers[0].E164(), "to": s.me.Extension})
	if pop := s.sc.next("pop"); dig(pop, "pop", "call", "id") != id {
		s.t.Fatalf("the pop is %v, want one of %s", pop, id)
	}
	took := time.Since(began)
	s.ring(event{"event": "terminated", "call_id": id})
	s.sc.next("end")
	return took
}

// pops5 is the median of five.
func (s *siege) pops5() time.Duration {
	s.t.Helper()
	var all []time.Duration
	for range 5 {
		all = append(all, s.pop())
	}
	slices.Sort(all)
	return all[2].Round(10 * time.Microsecond)
}

// memory is the daemon's resident memory in MiB, now and at its most.
func (s *siege) memory() (now, most float64) {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			now = kib / 1024
		case "VmHWM":
			most = kib / 1024
		}
	}
	return now, most
}

// leaves stops the daemon, which has to do that in order.
func (s *siege) leaves() {
	s.t.Helper()
	_ = s.sc.conn.Close()
	if code := s.end(syscall.SIGTERM); code != exitOK {
		s.t.Errorf("stopped with %d", code)
	}
}

// connect opens n connections to the agents' listener.
func (s *siege) connect(n int) []net.Conn {
	s.t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(s.world.public, "http://"), waitAtMost)
		if err != nil {
			s.t.Fatalf("connection %d: %v", i, err)
		}
		_ = c.SetDeadline(time.Now().Add(waitAtMost))
		conns[i] = c
	}
	s.t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return conns
}

// connections is the metric of the agents' listener.
func (s *siege) connections() int {
	n, _ := strconv.ParseFloat(s.metric(`smokepop_connections{listener="agents"}`), 64)
	return int(n)
}

// ended reads each connection to its end, and returns how many were told
// something before.
func (s *siege) ended(conns []net.Conn) (answered int) {
	s.t.Helper()
	for i, c := range conns {
		said, err := io.ReadAll(c)
		if err, ok := err.(net.Error); ok && err.Timeout() {
			s.t.Fatalf("connection %d stays open", i)
		}
		if len(said) > 0 {
			answered++
		}
	}
	return answered
}

// dribble writes a byte a second to each connection, until all are closed.
func dribble(conns []net.Conn, what string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for i := 0; ; i++ {
			for _, c := range conns {
				_, _ = c.Write([]byte{what[i%len(what)]})
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// outlasts holds conns open, sees to it that pops arrive meanwhile and that
// memory is bounded, and waits until the daemon has closed them all.
func (s *siege) outlasts(conns []net.Conn, perConnection float64, before float64, calm time.Duration) {
	s.t.Helper()
	s.await(func() bool { return s.connections() > len(conns)/2 }) // loopback is let in beyond a quarter
	under := s.pops5()
	now, _ := s.memory()
	s.t.Logf("%d connections, %d let in: %.1f MiB before, %.1f MiB under it (%.1f KiB each); a pop takes %v, %v before",
		len(conns), s.connections(), before, now, (now-before)*1024/float64(len(conns)), under, calm)
	if bound := before + 24 + perConnection*float64(len(conns))/1024; now > bound {
		s.t.Errorf("%.1f MiB, want at most %.1f", now, bound)
	}
	began := time.Now()
	told := s.ended(conns)
	s.t.Logf("all closed %v later, %d of them with an answer", time.Since(began).Round(100*time.Millisecond), told)
	s.await(func() bool { return s.connections() < 16 })
	s.t.Logf("a pop takes %v afterwards", s.pops5())
}

func TestHostileConnectionsWithoutAHandshake(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	calm := s.pops5()
	before, _ := s.memory()
	s.outlasts(s.connect(force(500, 10_000)), 24, before, calm)
	s.leaves()
}

func TestHostileSlowHeaders(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	calm := s.pops5()
	before, _ := s.memory()
	conns := s.connect(force(200, 1000))
	for _, c := range conns {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+strings.TrimPrefix(s.world.public, "http://")+"\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
	}
	stop := dribble(conns, "x")
	s.outlasts(conns, 32, before, calm)
	stop()
	s.leaves()
}

// One byte a second, of webhooks whose credentials are good.
func TestHostileSlowBodies(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	calm := s.pops5()
	before, _ := s.memory()
	conns := s.connect(force(200, 1000))
	for _, c := range conns {
		if _, err := c.Write(s.rawEvent(`{"event":`, 60_000)); err != nil {
			t.Fatal(err)
		}
	}
	stop := dribble(conns, " ")
	s.outlasts(conns, 64, before, calm)
	stop()
	s.leaves()
}

// rawEvent is a webhook as bytes, with a body that may be longer than said.
func (s *siege) rawEvent(body string, length int) []byte {
	credentials, _ := http.NewRequest(http.MethodPost, "/", nil)
	credentials.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	return fmt.Appendf(nil, "POST /hooks/vodia/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
		s.firm().Domain, strings.TrimPrefix(s.world.public, "http://"), credentials.Header.Get("Authorization"), length, body)
}

// answers counts what webhooks were answered, by status.
type answers struct {
	mu       sync.Mutex
	by       map[int]int
	unasked  int // 503 without Retry-After
	accepted []time.Duration
}

// p99 is of those that were accepted.
func (a *answers) p99() time.Duration {
	if len(a.accepted) == 0 {
		return 0
	}
	slices.Sort(a.accepted)
	return a.accepted[len(a.accepted)*99/100].Round(10 * time.Microsecond)
}

// flood sends n events, as fast as it goes, over so many connections.
func (s *siege) flood(conns, n int, body func(i int) string) *answers {
	s.t.Helper()
	got := &answers{by: map[int]int{}}
	var next atomic.Int64
	var senders sync.WaitGroup
	for _, c := range s.connect(conns) {
		senders.Go(func() {
			_ = c.SetDeadline(time.Now().Add(100 * time.Second))
			r := bufio.NewReader(c)
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				b := body(i)
				began := time.Now()
				if _, err := c.Write(s.rawEvent(b, len(b))); err != nil {
					s.t.Errorf("event %d: %v", i, err)
					return
				}
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					s.t.Errorf("event %d: %v", i, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				took := time.Since(began)
				got.mu.Lock()
				got.by[res.StatusCode]++
				if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
					got.unasked++
				}
				if res.StatusCode == http.StatusAccepted {
					got.accepted = append(got.accepted, took)
				}
				got.mu.Unlock()
			}
		})
	}
	senders.Wait()
	return got
}

// Ten times the events that the flow has room for (8,192), while Smokeball hangs.
// With the budget of requests there is by default, look-ups that it has no room
// for come to nothing at once; with one far larger they wait for Smokeball, the
// flow fills, and events beyond its room are told to come again. Memory is
// bounded, and as soon as the flood is over calls pop.
func TestHostileFlood(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, timeout string
		perSecond     any
		most          float64 // MiB
	}{
		{"5 requests a second", "3s", nil, 160},
		{"1,000 requests a second", "10s", 1000, 512},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.perSecond != nil && force(0, 1) == 0 {
				t.Skip("with make hostile: it holds thousands of connections")
			}
			firm := largeFirm(2)
			s := besiege(t, firm, unlimited, func(settings map[string]any) {
				setTenant(settings, "lookup", "timeout", c.timeout)
				setTenant(settings, "smokeball", "requests_per_second", c.perSecond)
				setTenant(settings, "smokeball", "burst", c.perSecond)
				if c.perSecond == nil {
					for _, key := range []string{"requests_per_second", "burst"} {
						delete(settings["tenants"].([]map[string]any)[0]["smokeball"].(map[string]any), key)
					}
				}
			}, "GOMEMLIMIT=256MiB")
			s.withstands(firm.Agents[1], c.most)
			s.leaves()
		})
	}
}

// withstands floods an agent with calls of strangers while Smokeball hangs.
func (s *siege) withstands(victim simulator.Agent, bound float64) {
	t := s.t
	t.Helper()
	s.join(victim.Extension).pair(s.smokeball(), victim.Email)
	ringing := func(prefix string) func(int) string {
		return func(i int) string {
			return fmt.Sprintf(`{"event":"ringing","call_id":"%s-%d","from":"+1781%07d","to":"%s"}`, prefix, i, 2000000+i, victim.Extension)
		}
	}
	before := s.pops5()
	calm := s.flood(16, 500, ringing("calm"))
	undo := s.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Stall: true})
	n := force(10_000, 82_000)
	began := time.Now()
	got := s.flood(16, n, ringing("flood"))
	rate := float64(n) / time.Since(began).Seconds()
	now, most := s.memory()
	t.Logf("%d events at %.0f/s while Smokeball hangs: %v; p99 of the accepted %v, %v in a calm of as many senders; %.1f MiB, at most %.1f",
		n, rate, got.by, got.p99(), calm.p99(), now, most)
	if got.unasked > 0 {
		t.Errorf("%d of 503 without Retry-After", got.unasked)
	}
	if got.by[http.StatusAccepted]+got.by[http.StatusServiceUnavailable] != n || got.by[http.StatusAccepted] == 0 {
		t.Errorf("answered %v", got.by)
	}
	if most > bound {
		t.Errorf("%.1f MiB at most, want %.1f", most, bound)
	}
	began = time.Now()
	s.await(func() bool {
		again := s.flood(1, 1, func(int) string {
			return fmt.Sprintf(`{"event":"ringing","call_id":"after the flood","from":%q,"to":%q}`, s.firm().Callers[0].E164(), s.me.Extension)
		})
		return again.by[http.StatusAccepted] == 1
	})
	s.frame("pop") // beside it the screen may be told that Smokeball does not answer
	t.Logf("a pop arrives %v after the flood, while Smokeball still hangs", time.Since(began).Round(time.Millisecond))
	undo()
	began = time.Now()
	s.await(func() bool { return s.metric("smokepop_events_pending") == "0" })
	t.Logf("no look-up waits %v after Smokeball answers", time.Since(began).Round(time.Millisecond))
	s.ring(event{"event": "terminated", "call_id": "after the flood"})
	s.frame("end")
	_ = s.sc.conn.Close()
	s.sc = s.v.open()
	t.Logf("a pop takes %v, %v before", s.pops5(), before)
}

// The ids of calls that never end: the table has its bound, and who is in it
// last still pops.
func TestHostileCallsThatNeverEnd(t *testing.T) {
	t.Parallel()
	firm := largeFirm(100)
	s := besiege(t, firm, unlimited, nil, "GOMEMLIMIT=128MiB")
	calm := s.pops5()
	before, _ := s.memory()
	n := force(3000, 100_000)
	began := time.Now()
	got := s.flood(16, n, func(i int) string {
		return fmt.Sprintf(`{"event":"ringing","call_id":"never-%d","from":"+1781%07d","to":"%s"}`, i, 2000000+i%1000, firm.Agents[1+i%99].Extension)
	})
	rate := float64(n) / time.Since(began).Seconds()
	now, most := s.memory()
	t.Logf("%d calls that never end at %.0f/s: %v; %.1f MiB before, %.1f after, %.1f at most; tracked %s; a pop takes %v, %v before",
		n, rate, got.by, before, now, most, s.metric(`smokepop_tracked_calls{state="live"}`), s.pops5(), calm)
	if got.unasked > 0 || got.by[http.StatusAccepted]+got.by[http.StatusServiceUnavailable]+got.by[http.StatusOK] != n {
		t.Errorf("answered %v, %d of 503 without Retry-After", got.by, got.unasked)
	}
	if most > 200 {
		t.Errorf("%.1f MiB at most", most)
	}
	s.leaves()
}

// Bodies made to cost more than their bytes: keys that fall into one bucket of
// a weak hash, as many as fit, the deepest nesting, numbers of 10,000 digits.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	good := `"event":"ringing","call_id":"c","from":"6175550000","to":"` + s.me.Extension + `"`
	var keys, colliding strings.Builder
	for i := 0; keys.Len() < 60_000; i++ {
		fmt.Fprintf(&keys, `"k%d":1,`, i)
	}
	// "Aa" and "BB" have the same sum in hashes that multiply by 31.
	for i := 0; colliding.Len() < 60_000; i++ {
		key := make([]string, 12)
		for b := range key {
			key[b] = []string{"Aa", "BB"}[i>>b&1]
		}
		fmt.Fprintf(&colliding, `"%s":1,`, strings.Join(key, ""))
	}
	digits := strings.Repeat("6173998147", 1000)
	took := map[string]time.Duration{}
	for _, c := range []struct {
		name, body string
		want       []int
	}{
		{"a plain event", "{" + good + "}", []int{200, 202}},
		{"60 KB of keys", "{" + keys.String() + good + "}", []int{200, 202, 400}},
		{"60 KB of keys of one hash", "{" + colliding.String() + good + "}", []int{200, 202, 400}},
		{"60 KB of brackets", "{" + good + `,"x":` + strings.Repeat("[", 60_000), []int{400}},
		{"a caller of 10,000 digits", strings.Replace("{"+good+"}", "6175550000", digits, 1), []int{400}},
		{"a call id that is a number of 10,000 digits", strings.Replace("{"+good+"}", `"c"`, digits, 1), []int{400}},
	} {
		began := time.Now()
		got := s.flood(1, 20, func(int) string { return c.body })
		took[c.name] = time.Since(began) / 20
		n := 0
		for _, status := range c.want {
			n += got.by[status]
		}
		if n != 20 {
			t.Errorf("%s: answered %v", c.name, got.by)
		}
		t.Logf("%-45s %v a request: %v", c.name, took[c.name].Round(time.Microsecond), got.by)
	}
	_, most := s.memory()
	t.Logf("%.1f MiB at most", most)
	s.leaves()
}

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

// Guesses of invites from one address: ten, and then one in six seconds.
func TestHostileGuesses(t *testing.T) {
	t.Parallel()
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	got := map[int]int{}
	began := time.Now()
	stranger := &visitor{t: t, public: s.world.public}
	for i := range force(200, 2000) {
		res, _ := stranger.request(http.MethodPost, "/api/session", fmt.Sprintf(`{"invite":"made-up-%d"}`, i))
		if got[res.StatusCode]++; res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") == "" {
			t.Fatal("no Retry-After")
		}
	}
	took := time.Since(began)
	if let := 10 + int(took/(6*time.Second)) + 1; got[http.StatusForbidden] > let || got[http.StatusForbidden]+got[http.StatusTooManyRequests] != force(200, 2000) {
		t.Errorf("answered %v in %v, at most %d may be looked at", got, took, let)
	}
	t.Logf("guesses of an invite in %v: %d looked at, %d told 429 with Retry-After; a pop takes %v", took.Round(time.Millisecond), got[http.StatusForbidden], got[http.StatusTooManyRequests], s.pops5())
	s.leaves()
}

// Names of a mebibyte, and answers beyond what is read, from Smokeball.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	for i, size := range []int{1 << 20, 3 << 20} {
		s.smokeball().PutContacts(simulator.Contact{ID: fmt.Sprintf("5c41a9c1-0000-4000-8000-00000000001%d", i), Person: &simulator.Person{
			FirstName: "Big", LastName: strings.Repeat("x", size), Cell: simulator.Phone{AreaCode: "401", Number: fmt.Sprintf("555016%d", i)},
		}})
		id := fmt.Sprint("big-", i)
		began := time.Now()
		s.ring(event{"event": "ringing", "call_id": id, "from": fmt.Sprintf("+1401555016%d", i), "to": s.me.Extension})
		verdict := s.lookedUp(id)
		took := time.Since(began)
		s.ring(event{"event": "terminated", "call_id": id})
		largest := 0
		for {
			raw := s.sc.raw()
			largest = max(largest, len(raw))
			var f frame
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			s.sc.seq = f["seq"].(float64)
			if f["type"] == "end" || f["type"] == "past" {
				break
			}
		}
		_, most := s.memory()
		t.Logf("a name of %d MiB: the look-up says %v after %v, the largest frame has %d bytes; %.1f MiB at most", size>>20, verdict, took.Round(time.Millisecond), largest, most)
		if largest > 64<<10 {
			t.Errorf("a frame of %d bytes", largest)
		}
	}
	t.Logf("a pop takes %v", s.pops5())
	s.leaves()
}

// No file is left: nothing ends, and when there are files again everything goes
// on by itself.
func TestHostileNoFilesLeft(t *testing.T) {
	t.Parallel()
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	calm := s.pops5()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	highest := 0
	for _, f := range open {
		n, _ := strconv.Atoi(f.Name())
		highest = max(highest, n)
	}
	var was syscall.Rlimit
	limitFiles(t, s.cmd.Process.Pid, &syscall.Rlimit{Cur: uint64(highest + 4), Max: 0}, &was)
	conns := s.connect(40) // the kernel takes them in, the daemon has no file for most
	began := time.Now()
	s.ended(conns)
	limitFiles(t, s.cmd.Process.Pid, &was, nil)
	t.Logf("40 connections and files for 4: all were closed after %v", time.Since(began).Round(100*time.Millisecond))
	t.Logf("a pop takes %v, %v before", s.pops5(), calm)
	s.leaves()
}

// limitFiles sets the limit of open files of a running process; Max 0 leaves
// the hard limit.
func limitFiles(t testing.TB, pid int, to, was *syscall.Rlimit) {
	t.Helper()
	var old syscall.Rlimit
	call := func(to, old *syscall.Rlimit) {
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_NOFILE, uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(old)), 0, 0); errno != 0 {
			t.Fatalf("prlimit: %v", errno)
		}
	}
	call(nil, &old)
	if was != nil {
		*was = old
	}
	set := *to
	if set.Max == 0 {
		set.Max = old.Max
	}
	call(&set, nil)
}
