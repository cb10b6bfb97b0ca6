package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/smokepop/smokepop/internal/simulator"
)

// The tests of this file and of hostile_*_linux_test.go besiege the real binary. make test has them small;
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
	return besiegeIn(t, "", firm, as, change, env...)
}

// besiegeIn is besiege with the daemon in a control group.
func besiegeIn(t *testing.T, cgroup string, firm *simulator.Firm, as func(*simulator.Options), change func(map[string]any), env ...string) *siege {
	t.Helper()
	in := install(t, firm, as, func(settings map[string]any) {
		settings["log"] = map[string]any{"level": "info"}
		setTenant(settings, "smokeball", "requests_per_second", 1000)
		setTenant(settings, "smokeball", "burst", 1000)
		if change != nil {
			change(settings)
		}
	})
	in.cgroup = cgroup
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
	// The kernel takes them in, and the daemon has files for four at a time or a
	// few more (below the highest there are gaps): each time it takes as long as
	// a browser is given for the head of its request.
	conns := s.connect(12)
	began := time.Now()
	s.ended(conns)
	limitFiles(t, s.cmd.Process.Pid, &was, nil)
	t.Logf("12 connections and files for 4: all were closed after %v", time.Since(began).Round(100*time.Millisecond))
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
