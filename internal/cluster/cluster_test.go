package cluster

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// owners notes who owns each part, and complains when two do.
type owners struct {
	t  testing.TB
	mu sync.Mutex
	of map[int]string
	// cut are nodes that cannot know that they have lost what they have.
	cut map[string]bool
}

// node is a member with what it was told.
type node struct {
	*Cluster
	all    *owners
	name   string
	stop   context.CancelFunc // hands over
	leave  context.CancelFunc
	handed chan struct{}
	done   chan struct{}
	refuse func(part int) error
	most   int // parts that it was handing over at a time; under all.mu
}

func (n *node) Take(_ context.Context, part int) error {
	if n.refuse != nil {
		if err := n.refuse(part); err != nil {
			return err
		}
	}
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	if who := n.all.of[part]; who != "" && !n.all.cut[who] {
		n.all.t.Errorf("part %d is taken by %s while %s has it", part, n.name, who)
	}
	n.all.of[part] = n.name
	return nil
}

func (n *node) Release(_ context.Context, part int) {
	n.mu.Lock()
	now := len(n.busy)
	n.mu.Unlock()
	n.all.mu.Lock()
	n.most = max(n.most, now)
	n.all.mu.Unlock()
	n.gone(part)
}

func (n *node) Lost(part int) { n.gone(part) }

func (n *node) gone(part int) {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	if n.all.of[part] == n.name {
		delete(n.all.of, part)
	}
}

func (o *owners) count() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := map[string]int{}
	for _, who := range o.of {
		n[who]++
	}
	return n
}

// all tells whether every part is owned, by these nodes and each by some.
func (o *owners) all(nodes ...string) bool {
	n := o.count()
	sum := 0
	for _, name := range nodes {
		if n[name] == 0 {
			return false
		}
		sum += n[name]
	}
	return sum == Partitions && len(n) == len(nodes)
}

// quick hands over as fast as it can.
var quick = Pace{time.Nanosecond, time.Nanosecond}

func (o *owners) start(url, name string, options ...nats.Option) *node {
	return o.startAt(quick, url, name, options...)
}

func (o *owners) startAt(pace Pace, url, name string, options ...nats.Option) *node {
	o.t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}, options...)...)
	if err != nil {
		o.t.Fatal(err)
	}
	n := &node{all: o, name: name, done: make(chan struct{})}
	n.Cluster, err = Join(o.t.Context(), Config{
		Conn: nc, Name: "t", Node: name, Secrets: [][]byte{secret(1)}, Parts: n,
		Wanted: func(int) bool { return true }, Log: slog.New(slog.DiscardHandler), Pace: pace,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	over, leave := context.WithCancel(context.Background())
	n.stop, n.leave, n.handed = stop, leave, make(chan struct{})
	go func() {
		defer close(n.done)
		defer nc.Close()
		if err := n.Run(ctx, over, 5*time.Second, func() { close(n.handed) }); err != nil && !nc.IsClosed() {
			o.t.Errorf("%s: %v", name, err)
		}
	}()
	o.t.Cleanup(n.leaves)
	return n
}

// leaves stops a node in order.
func (n *node) leaves() {
	n.stop()
	n.leave()
	<-n.done
}

// dies cuts a node off for ever; what it has it does not let go of.
func (n *node) dies() {
	n.all.mu.Lock()
	n.all.cut[n.name] = true
	n.all.mu.Unlock()
	n.cfg.Conn.Close()
}

// far is a member that only watches.
func (o *owners) far(url string) *Cluster {
	o.t.Helper()
	c, err := Join(o.t.Context(), Config{Conn: connect(o.t, url), Name: "t", Node: "far", Secrets: [][]byte{secret(1)}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

func (n *node) has(part int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held[part]
}

func newOwners(t testing.TB) *owners {
	return &owners{t: t, of: map[int]string{}, cut: map[string]bool{}}
}

func TestPartsHaveOneOwner(t *testing.T) {
	url := startNATS(t)
	o := newOwners(t)
	a := o.start(url, "a")
	until(t, func() bool { return o.all("a") })
	b := o.start(url, "b")
	until(t, func() bool { return o.all("a", "b") })
	c := o.start(url, "c")
	until(t, func() bool { return o.all("a", "b", "c") })
	for _, n := range []*node{a, b, c} {
		until(t, func() bool { return len(n.Members()) == 3 && n.Settled() })
	}
	for name, n := range o.count() {
		if n < Partitions/8 {
			t.Errorf("%s has %d parts of %d", name, n, Partitions)
		}
	}

	// Everybody knows who owns what, and reaches it.
	serve := func(n *node) {
		l, err := n.Listen("name")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, n.name)
				_ = conn.Close()
			}
		}()
	}
	serve(b)
	serve(c)
	for part := range Partitions {
		id, local, err := a.Owner(t.Context(), part)
		if err != nil || local != (o.owner(part) == "a") {
			t.Fatalf("part %d: %v, %v", part, local, err)
		}
		if local {
			continue
		}
		conn, err := a.Dial(t.Context(), id, "name")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); string(got) != o.owner(part) || err != nil {
			t.Errorf("part %d: reached %q, %v; it is of %s", part, got, err, o.owner(part))
		}
		_ = conn.Close()
	}

	b.leaves()
	if !o.all("a", "c") {
		until(t, func() bool { return o.all("a", "c") })
	}
	c.dies()
	until(t, func() bool { return o.all("a") })
	if a.Owns(0) != true || !a.Connected() {
		t.Error("who is left does not own what it has")
	}
}

func (o *owners) owner(part int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[part]
}

// A node that is cut off stops owning before others begin to, keeps serving
// what it has, and learns that it has lost it when it is back.
func TestAMemberThatIsCutOff(t *testing.T) {
	url := startNATS(t)
	o := newOwners(t)
	a := o.start(url, "a")
	way := &cable{}
	b := o.start(url, "b", nats.SetCustomDialer(way), nats.ReconnectWait(20*time.Millisecond))
	until(t, func() bool { return o.all("a", "b") })
	part := -1
	for p := range Partitions {
		if o.owner(p) == "b" {
			part = p
		}
	}
	if !b.Owns(part) {
		t.Fatal("it does not own what it has")
	}
	o.mu.Lock()
	o.cut["b"] = true
	o.mu.Unlock()
	way.cut(true)
	until(t, func() bool {
		a := o.owner(part) == "a"
		if a && b.Owns(part) {
			t.Error("two own a part")
		}
		return a
	})
	if _, local, err := b.Owner(t.Context(), part); !local || err != nil {
		t.Errorf("it does not go on with what it has: %v, %v", local, err)
	}
	if b.Connected() {
		t.Error("it believes that others see it")
	}
	until(t, b.CutOff)
	until(t, func() bool { return !a.CutOff() }) // who goes on
	// And says at once what it cannot know: who asks can go elsewhere.
	other := 0
	for o.owner(other) != "a" || b.has(other) {
		other++
	}
	until(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, _, err := b.Owner(ctx, other)
		return errors.Is(err, ErrNoOwner) && ctx.Err() == nil
	})
	o.mu.Lock()
	delete(o.cut, "b")
	o.mu.Unlock()
	way.cut(false)
	until(t, func() bool { return b.Connected() && !b.CutOff() && o.all("a", "b") })
}

// Without a leader in JetStream nobody has a lease, and nobody is cut off: no page
// does better elsewhere. A member that is silent besides may be one that goes on.
func TestNobodyIsCutOffWithoutALeader(t *testing.T) {
	server := serveNATS(t)
	o := newOwners(t)
	a, b := o.start(server.ClientURL(), "a"), o.start(server.ClientURL(), "b")
	until(t, func() bool { return o.all("a", "b") })
	if err := server.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{a, b} {
		until(t, func() bool { // for longer than it takes to believe the contrary
			n.mu.Lock()
			defer n.mu.Unlock()
			s := n.standing
			return !s.cutOff && !s.since.IsZero() && time.Since(s.since) >= 3*standingWait
		})
		if n.Connected() {
			t.Errorf("%s has a lease", n.name)
		}
		until(t, n.NobodyLeads)
	}
	a.dies()
	until(t, b.CutOff)
	if b.NobodyLeads() {
		t.Error("who is silent is taken not to lead")
	}
}

// A server that has fallen silent, on a connection that looks whole, is given up
// for another one within the wait, long before NATS itself would; what was under
// way over it ends.
func TestAServerThatFallsSilent(t *testing.T) {
	url := startNATS(t)
	o := newOwners(t)
	o.start(url, "a")
	way := &cable{}
	// By itself NATS would look after an hour.
	b := o.start(url, "b", nats.SetCustomDialer(way), nats.PingInterval(time.Hour), nats.ReconnectWait(20*time.Millisecond))
	until(t, func() bool { return o.all("a", "b") })
	l, err := b.streams.listen("t.m.silent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s, err := b.streams.dial(t.Context(), b.id, "t.m.silent")
	if err != nil {
		t.Fatal(err)
	}
	// So does what another member waits at the other end of, although nothing that
	// is said now comes there.
	far, err := o.far(url).streams.dial(t.Context(), b.id, "t.m.silent")
	if err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	o.cut["b"] = true
	o.mu.Unlock()
	way.mute()
	defer func() {
		_ = far.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, errLost) && !errors.Is(err, errReset) {
			t.Errorf("at the other end: %v", err)
		}
	}()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, errLost) {
		t.Errorf("what was under way ends with %v", err)
	}
	until(t, func() bool { return b.Connected() && o.all("a", "b") })
}

// A part that cannot be taken over is tried again.
func TestAPartThatCannotBeTaken(t *testing.T) {
	o := newOwners(t)
	url := startNATS(t)
	var mu sync.Mutex
	tries := 0
	nc := connect(t, url)
	n := &node{all: o, name: "a", done: make(chan struct{})}
	n.refuse = func(part int) error {
		mu.Lock()
		defer mu.Unlock()
		if part == 7 {
			if tries++; tries < 3 {
				return errors.New("not now")
			}
		}
		return nil
	}
	var err error
	n.Cluster, err = Join(t.Context(), Config{
		Conn: nc, Name: "t", Node: "a", Secrets: [][]byte{secret(1)}, Parts: n,
		Wanted: func(p int) bool { return p < 10 }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(n.done)
		_ = n.Run(ctx, ctx, time.Second, func() {})
	}()
	until(t, func() bool { return len(o.count()) == 1 && o.count()["a"] == 10 })
	stop()
	<-n.done
	if len(o.count()) != 0 {
		t.Errorf("it left with %v", o.count())
	}
}

// Nobody waits for ever for an owner.
func TestNoOwner(t *testing.T) {
	c, err := Join(t.Context(), Config{Conn: connect(t, startNATS(t)), Name: "t", Node: "a", Secrets: [][]byte{secret(1)}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Owner(ctx, 3); !errors.Is(err, ErrNoOwner) {
		t.Error(err)
	}
}

// cable is the way to NATS, which can be cut.
type cable struct {
	mu    sync.Mutex
	off   bool
	conns []net.Conn
}

func (c *cable) Dial(network, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return nil, errors.New("cut")
	}
	tcp, err := net.Dial(network, address)
	conn := net.Conn(&muted{Conn: tcp, gone: make(chan struct{})})
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cable) cut(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// mute lets nothing more pass on the connections that there are.
func (c *cable) mute() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.(*muted).silent.Store(true)
	}
}

// muted is a connection that may fall silent.
type muted struct {
	net.Conn
	silent atomic.Bool
	gone   chan struct{}
	once   sync.Once
}

func (m *muted) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.silent.Load() {
		<-m.gone
		return 0, net.ErrClosed
	}
	return n, err
}

func (m *muted) Write(p []byte) (int, error) {
	if m.silent.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

func (m *muted) Close() error {
	m.once.Do(func() { close(m.gone) })
	return m.Conn.Close()
}
