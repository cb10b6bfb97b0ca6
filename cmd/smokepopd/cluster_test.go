package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/simulator"
)

// balancer is what stands before several nodes: it takes each connection to one
// of them, the one that the test has chosen.
type balancer struct {
	l  net.Listener
	wg sync.WaitGroup

	mu   sync.Mutex
	to   string
	open map[net.Conn]bool
}

func newBalancer(t testing.TB) *balancer {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{l: l, open: map[net.Conn]bool{}}
	b.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.wg.Go(func() { b.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		b.wg.Wait()
	})
	return b
}

func (b *balancer) choose(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = address
}

// cut breaks all connections off, and lets no other begin before the next choice.
func (b *balancer) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = ""
	for c := range b.open {
		_ = c.Close()
	}
}

func (b *balancer) carry(c net.Conn) {
	defer c.Close()
	b.mu.Lock()
	to := b.to
	b.open[c] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.open, c)
	}()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	var one sync.WaitGroup
	end := func() { _, _ = c.Close(), out.Close() }
	one.Go(func() { defer end(); _, _ = io.Copy(out, c) })
	one.Go(func() { defer end(); _, _ = io.Copy(c, out) })
	one.Wait()
}

// clusterNode is one of several smokepopd that work as one.
type clusterNode struct {
	name, address, socket, ops string
	file                       string // its configuration
	stop                       func()
	kill                       func() // of a process: without a word
}

// clusterOf is a system of several nodes behind a balancer, with a NATS server
// of its own, or over others.
type clusterOf struct {
	*system
	urls     []string
	nats     *server.Server
	natsOpts *server.Options
	front    *balancer
	nodes    []*clusterNode
}

func startCluster(t *testing.T, n int, o systemOptions) *clusterOf {
	t.Helper()
	return startClusterAs(t, n, o, false)
}

// startClusterAs starts the nodes within the test, or each as a process.
func startClusterAs(t *testing.T, n int, o systemOptions, processes bool) *clusterOf {
	t.Helper()
	if o.firms == nil {
		o.firms = demoFirms()[:1]
	}
	c := &clusterOf{front: newBalancer(t), natsOpts: &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	}, system: &system{t: t}}
	replicas := max(1, len(o.nats))
	if c.urls = o.nats; c.urls == nil {
		c.startNATS()
		t.Cleanup(c.stopNATS)
		c.urls = []string{c.nats.ClientURL()}
	}
	world := startWorld(t, c.front.l.Addr().String(), o.firms, o.as, o.pbx...)
	c.system = &system{t: t, world: world, dir: t.TempDir(), stop: func() {}}
	var key []byte
	for i := range n {
		node := &clusterNode{name: string(rune('a' + i))}
		dir := filepath.Join(c.dir, node.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		node.address, node.ops, node.socket = freeAddress(t), freeAddress(t), filepath.Join(dir, "admin.sock")
		file, err := world.writeConfig(dir, func(settings map[string]any) {
			settings["listen"] = map[string]any{"agents": node.address, "pbx": node.address, "ops": node.ops}
			settings["cluster"] = map[string]any{"nats": map[string]any{"urls": c.urls}, "node": node.name, "replicas": replicas}
			settings["log"] = map[string]any{"level": "info"}
			if o.world != nil {
				o.world(world, settings)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "etc", "smokepop.key")
		if key == nil {
			if key, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(path); err != nil {
			t.Fatal(err)
		} else if err := os.WriteFile(path, key, 0o400); err != nil {
			t.Fatal(err)
		}
		node.file = file
		c.nodes = append(c.nodes, node)
		if processes {
			c.startProcess(node)
		} else {
			c.startNode(node)
		}
	}
	c.through(0)
	return c
}

// startNATS starts the NATS server, the second time on what the first has left.
func (c *clusterOf) startNATS() {
	c.t.Helper()
	s, err := server.NewServer(c.natsOpts)
	if err != nil {
		c.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(waitAtMost) {
		c.t.Fatal("NATS does not start")
	}
	c.natsOpts.Port = s.Addr().(*net.TCPAddr).Port
	c.nats = s
}

func (c *clusterOf) stopNATS() {
	c.nats.Shutdown()
	c.nats.WaitForShutdown()
}

// startProcess starts a node as a process.
func (c *clusterOf) startProcess(node *clusterNode) {
	c.t.Helper()
	in := &installation{t: c.t, world: c.world, dir: filepath.Dir(node.socket), file: node.file, stderr: &bytes.Buffer{}}
	in.serve()
	var once sync.Once
	end := func(sig os.Signal) func() { return func() { once.Do(func() { in.end(sig) }) } }
	node.stop, node.kill = end(syscall.SIGTERM), end(syscall.SIGKILL)
	c.t.Cleanup(func() {
		node.stop()
		if c.t.Failed() {
			c.t.Logf("node %s:\n%s", node.name, in.stderr)
		}
	})
}

func (c *clusterOf) startNode(node *clusterNode) {
	c.t.Helper()
	cfg, err := config.Load(node.file, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	d, err := daemon.New(c.t.Context(), cfg, daemon.Options{
		Log: daemon.NewLogger(logWriter{c.t}, cfg.Log.Level, "text").With("node", node.name), Version: "test",
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	node.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			c.t.Errorf("node %s: %v", node.name, err)
		}
	})
	c.t.Cleanup(node.stop)
}

// through leads what comes from now on to a node.
func (c *clusterOf) through(i int) {
	c.front.choose(c.nodes[i].address)
	c.socket, c.ops = c.nodes[i].socket, c.nodes[i].ops
}

// settled waits until so many nodes know each other and every part is where it
// has to be.
func (c *clusterOf) settled(nodes int) {
	c.t.Helper()
	c.until(func() bool {
		ready := 0
		for _, n := range c.nodes {
			var out struct {
				Members []any
				Settled bool
			}
			if newAdminClient(n.socket).call(c.t.Context(), http.MethodGet, "/v1/members", nil, nil, &out) == nil && len(out.Members) == nodes && out.Settled {
				ready++
			}
		}
		return ready == nodes
	})
}

// Any node takes a webhook, a sign-in, a pairing, a screen and a command; the
// pop is at the agent's screen, whichever node it is open at.
func TestClusterIsOne(t *testing.T) {
	c := startCluster(t, 3, systemOptions{firms: demoFirms()})
	c.settled(3)
	me := c.firm().Agents[0]
	v := c.paired(me)
	caller := c.known()[0]
	for door := range c.nodes {
		c.through(door)
		sc := v.reopen()
		for hook := range c.nodes {
			c.through(hook)
			id := fmt.Sprintf("call-%d-%d", door, hook)
			c.mustAccept(event{"event": "ringing", "call_id": id, "from": caller.E164(), "to": me.Extension})
			pop := sc.next("pop")
			if dig(pop, "pop", "call", "id") != id || len(names(pop["pop"])) != 1 {
				t.Errorf("%s: %v", id, pop)
			}
			c.mustAccept(event{"event": "terminated", "call_id": id})
			sc.next("end")
		}
		_ = sc.conn.Close()
	}
	// The commands tell of all tenants, at every node.
	agents := 0
	for _, f := range c.world.firms {
		agents += len(f.Agents)
	}
	for i := range c.nodes {
		c.through(i)
		var out struct{ Agents []any }
		if err := newAdminClient(c.socket).call(t.Context(), http.MethodGet, "/v1/agents", nil, nil, &out); err != nil || len(out.Agents) != agents {
			t.Errorf("node %s tells of %d agents, %v; there are %d", c.nodes[i].name, len(out.Agents), err, agents)
		}
		var sessions struct{ Sessions []any }
		if err := newAdminClient(c.socket).call(t.Context(), http.MethodGet, "/v1/sessions", nil, nil, &sessions); err != nil || len(sessions.Sessions) != 1 {
			t.Errorf("node %s tells of %d sessions, %v; there is one", c.nodes[i].name, len(sessions.Sessions), err)
		}
		var knock struct{ Nonce, Proof string }
		if err := newAdminClient(c.socket).call(t.Context(), http.MethodPost, "/v1/doctor/knock", nil, nil, &knock); err != nil || !strings.Contains(c.get(c.world.public+"/api/knock/"+knock.Nonce), knock.Proof) {
			t.Errorf("node %s does not hear its own knock: %v", c.nodes[i].name, err)
		}
		if !strings.Contains(c.get("http://"+c.ops+"/readyz"), `"ready"`) {
			t.Errorf("node %s is not ready: %s", c.nodes[i].name, c.get("http://"+c.ops+"/readyz"))
		}
	}
}

// A call that rings while its tenant changes hands is one pop: it is back under
// its id at the next owner, moves and ends there.
func TestClusterHandsACallOver(t *testing.T) {
	c := startCluster(t, 2, systemOptions{})
	c.settled(2)
	me := c.firm().Agents[0]
	v := c.paired(me)
	caller := c.known()[0]
	owner := c.owner()
	stays := 1 - owner
	c.through(stays)
	sc := v.reopen()
	c.mustAccept(event{"event": "ringing", "call_id": "c", "from": caller.E164(), "to": me.Extension})
	pop := sc.next("pop")
	follower := newAdminClient(c.socket)
	followed, err := follower.open(t.Context(), http.MethodGet, "/v1/trace", url.Values{"tenant": {c.domain()}, "follow": {"1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer follower.http.CloseIdleConnections()
	defer followed.Close()
	c.nodes[owner].stop() // and an answer without an end does not hold it up
	if lines, err := io.ReadAll(followed); err != nil || !bytes.Contains(lines, []byte(`"c"`)) {
		t.Errorf("the followed trace ends with %v after %d bytes", err, len(lines))
	}
	sc.gone()
	sc = v.reopen()
	pops, _ := sc.hello["pops"].([]any)
	if len(pops) != 1 || dig(pops[0], "id") != dig(pop, "pop", "id") {
		t.Fatalf("after the handing over there is %v, before there was %v", pops, dig(pop, "pop", "id"))
	}
	c.mustAccept(event{"event": "connected", "call_id": "c", "from": caller.E164(), "to": me.Extension})
	for f := sc.await("update"); dig(f, "pop", "call", "state") != "connected"; f = sc.await("update") {
	}
	c.mustAccept(event{"event": "terminated", "call_id": "c"})
	if f := sc.await("end"); f["id"] != dig(pop, "pop", "id") {
		t.Errorf("%v", f)
	}
}

// mustAccept sends webhooks that have to be accepted; as a PBX's admin does who
// wants to miss nothing, it sends again what is answered with 503.
func (c *clusterOf) mustAccept(events ...event) {
	c.t.Helper()
	for _, e := range events {
		c.until(func() bool {
			status, answer := c.hook(e)
			if status != http.StatusAccepted && status != http.StatusServiceUnavailable {
				c.t.Fatalf("webhook %v: %d %v", e, status, answer)
			}
			return status == http.StatusAccepted
		})
	}
}

// owner is the node that has the one firm's part.
func (c *clusterOf) owner() int {
	c.t.Helper()
	for i, n := range c.nodes {
		var out struct {
			Members []struct {
				Parts int
				Self  bool
			}
		}
		if newAdminClient(n.socket).call(c.t.Context(), http.MethodGet, "/v1/members", nil, nil, &out) != nil {
			continue // it is gone
		}
		for _, m := range out.Members {
			if m.Self && m.Parts > 0 {
				return i
			}
		}
	}
	c.t.Fatal("nobody has the firm")
	return 0
}

// gone reads until the socket has ended, however.
func (sc *screen) gone() {
	for {
		_ = sc.conn.SetReadDeadline(time.Now().Add(waitAtMost))
		if _, _, err := sc.conn.ReadMessage(); err != nil {
			return
		}
	}
}

// The owner is killed while a call rings: another node has the firm seconds
// later, and the call goes on as the pop that it was; the agent stays paired.
func TestClusterSurvivesAKilledNode(t *testing.T) {
	c := startClusterAs(t, 3, systemOptions{}, true)
	c.settled(3)
	me := c.firm().Agents[0]
	v := c.paired(me)
	caller := c.known()[0]
	for round := range 2 {
		owner := c.owner()
		c.through((owner + 1) % 3)
		if c.nodes[(owner+1)%3].kill == nil { // it is gone already
			c.through((owner + 2) % 3)
		}
		sc := v.reopen()
		id := fmt.Sprint("call-", round)
		call := func(state string) event {
			return event{"event": state, "call_id": id, "from": caller.E164(), "to": me.Extension}
		}
		c.mustAccept(call("ringing"))
		pop := sc.await("pop")
		c.sealed()
		killed := time.Now()
		c.nodes[owner].kill()
		c.nodes[owner].kill = nil
		early, _, err := v.dial("smokepop.v1") // nobody knows yet that its owner is gone
		switch took := time.Since(killed); {
		case err == nil:
			_ = early.Close()
		case took < 3*time.Second:
			t.Errorf("a page that came at once was sent away after %v: %v", took, err)
		}
		sc.gone()
		sc = v.reopen()
		t.Logf("a page is back %v after its firm's node was killed", time.Since(killed).Round(time.Millisecond))
		if dig(sc.hello, "pairing", "state") != "paired" {
			t.Errorf("the pairing is %v", sc.hello["pairing"])
		}
		c.mustAccept(call("connected"))
		for shown := ""; shown != "connected"; {
			f := sc.read()
			if f["type"] != "pop" && f["type"] != "update" {
				continue
			}
			if dig(f, "pop", "id") != dig(pop, "pop", "id") {
				t.Fatalf("the call is another pop: %v; it was %v; hello %v", f, pop, sc.hello)
			}
			shown, _ = dig(f, "pop", "call", "state").(string)
		}
		c.mustAccept(call("terminated"))
		sc.await("end")
		_ = sc.conn.Close()
	}
}

// sealed waits until the calls under way are sealed, and nothing is left to be.
func (c *clusterOf) sealed() {
	c.t.Helper()
	nc, err := nats.Connect(strings.Join(c.urls, ","))
	if err != nil {
		c.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		c.t.Fatal(err)
	}
	last, since := uint64(0), time.Now()
	c.until(func() bool {
		s, err := js.Stream(c.t.Context(), "KV_smokepop-vault")
		if err != nil {
			c.t.Fatal(err)
		}
		if now := s.CachedInfo().State.LastSeq; now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
}

// reopen opens a screen as soon as somebody takes it.
func (v *visitor) reopen() *screen {
	v.t.Helper()
	for end := time.Now().Add(waitAtMost); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, _, err := v.dial("smokepop.v1"); err == nil {
			return v.greeted(conn)
		}
	}
	v.t.Fatal("nobody takes the page back")
	return nil
}

// NATS goes away: calls go on at the node that has them, with the tokens that
// are there, for the screens that are there; pairing says that it is not
// possible; /readyz and the metrics say why. When NATS is back nothing was lost.
func TestClusterWithoutNATS(t *testing.T) {
	c := startCluster(t, 2, systemOptions{})
	c.settled(2)
	me, other := c.firm().Agents[0], c.firm().Agents[1]
	v, w := c.paired(me), c.signIn(other.Extension)
	caller := c.known()[0]
	owner := c.owner()
	c.through(owner)
	sc, its := v.reopen(), w.reopen()
	c.stopNATS()
	c.until(func() bool { return strings.Contains(c.get("http://"+c.ops+"/readyz"), "NATS does not answer") })
	// The pages are told, and who looks for a node that is not cut off does so
	// elsewhere.
	for _, each := range []*screen{sc, its} {
		if dig(each.hello, "cluster", "state") != "whole" {
			t.Errorf("hello says of the cluster: %v", each.hello["cluster"])
		}
		if f := each.next("cluster"); dig(f, "cluster", "state") != "cut-off" {
			t.Errorf("%v", f)
		}
	}
	if res, body := v.request(http.MethodGet, "/ws?elsewhere=1", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("who looks elsewhere is answered %s %s", res.Status, body)
	}
	c.mustAccept(event{"event": "ringing", "call_id": "c", "from": caller.E164(), "to": me.Extension})
	pop := sc.next("pop")
	if len(names(pop["pop"])) != 1 {
		t.Errorf("%v", pop)
	}
	c.startNATS()
	c.until(func() bool { return strings.Contains(c.get("http://"+c.ops+"/readyz"), `"ready"`) })
	if f := sc.next("cluster"); dig(f, "cluster", "state") != "whole" {
		t.Errorf("%v", f)
	}
	c.mustAccept(event{"event": "terminated", "call_id": "c"})
	sc.await("end")
	again := v.reopen()
	if dig(again.hello, "pairing", "state") != "paired" {
		t.Errorf("after NATS was away: %v", again.hello["pairing"])
	}
	_ = again.conn.Close()

	// Calls of agents who have no page here are for another node to take in.
	_, _ = sc.conn.Close(), its.conn.Close()
	c.stopNATS()
	c.until(func() bool { return strings.Contains(c.get("http://"+c.ops+"/readyz"), "NATS does not answer") })
	tries := 0
	c.until(func() bool {
		tries++
		status, _ := c.hook(event{"event": "ringing", "call_id": fmt.Sprint("unseen-", tries), "from": caller.E164(), "to": me.Extension})
		return status == http.StatusServiceUnavailable
	})

	// A node stops in order also while there is nobody to hand anything over to.
	for _, n := range c.nodes {
		n.stop()
	}
}

func (c *clusterOf) until(holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(waitAtMost); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	c.t.Fatal("it never came")
}

// Guesses of invites count in the whole cluster, whichever nodes they come to.
func TestClusterCountsGuesses(t *testing.T) {
	c := startCluster(t, 3, systemOptions{firms: demoFirms()})
	c.settled(3)
	const looked = 10
	refused, limited := 0, 0
	for i := range 3 * looked {
		c.through(i % 3)
		v := &visitor{t: t, public: c.world.public}
		switch res, body := v.request(http.MethodPost, "/api/session", fmt.Sprintf(`{"invite":"made-up-%d"}`, i)); res.StatusCode {
		case http.StatusForbidden:
			refused++
		case http.StatusTooManyRequests:
			limited++
		default:
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
	// One more comes free every 6 s.
	if refused < looked || refused > looked+5 || limited == 0 {
		t.Errorf("%d guesses were looked at and %d told to wait; %d are allowed", refused, limited, looked)
	}
}

// Guesses of passwords count in the whole cluster too, whichever tenants' they are, and
// so do those of admins' links.
func TestClusterCountsGuessesOfPasswordsAndLinks(t *testing.T) {
	for what, guess := range map[string]func(c *clusterOf, i int) (path, body string){
		"passwords": func(c *clusterOf, i int) (string, string) {
			f := c.world.firms[i%2]
			return "/api/session", fmt.Sprintf(`{"tenant":%q,"extension":%q,"password":"wrong"}`, f.Domain, f.Agents[i/2%len(f.Agents)].Extension)
		},
		"links": func(_ *clusterOf, i int) (string, string) {
			return "/admin/api/session", fmt.Sprintf(`{"link":"made-up-%d"}`, i)
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := startCluster(t, 3, systemOptions{firms: demoFirms(), world: func(w *demoWorld, settings map[string]any) {
				w.withPBX(settings)
				settings["sign_in"] = map[string]any{"pbx_password": true}
				settings["admins"] = []map[string]any{{"email": providersAdmin}}
			}})
			c.settled(3)
			v := &visitor{t: t, public: c.world.public}
			// Right passwords cost nothing.
			for i := range 2 * 10 {
				c.through(i % 3)
				f := c.world.firms[i%2]
				body := fmt.Sprintf(`{"tenant":%q,"extension":%q,"password":%q}`, f.Domain, f.Agents[0].Extension, simulator.ExtensionPassword(f.Agents[0].Extension))
				if res, answer := v.request(http.MethodPost, "/api/session", body); res.StatusCode != http.StatusNoContent {
					t.Fatalf("the right password: %s %s", res.Status, answer)
				}
			}
			const looked = 10
			refused, limited := 0, 0
			for i := range 3 * looked {
				c.through(i % 3)
				path, body := guess(c, i)
				switch res, answer := v.request(http.MethodPost, path, body); res.StatusCode {
				case http.StatusForbidden:
					refused++
				case http.StatusTooManyRequests:
					if limited++; res.Header.Get("Retry-After") == "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
						t.Errorf("%v", res.Header)
					}
				default:
					t.Fatalf("%s %s", res.Status, answer)
				}
			}
			// One more comes free every 6 s.
			if refused < looked || refused > looked+5 || limited == 0 {
				t.Errorf("%d guesses were looked at and %d told to wait; %d are allowed", refused, limited, looked)
			}
		})
	}
}
