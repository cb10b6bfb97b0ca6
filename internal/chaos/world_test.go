package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/natsproc"
	"github.com/smokepop/smokepop/internal/process"
	"github.com/smokepop/smokepop/internal/simulator"
)

// patience is how long anything may take before the run gives up. It says
// whether something comes, and never how fast.
const patience = 2 * time.Minute

var nodeNames = []string{"a", "b", "c"}

// size is how large a run is.
type size struct {
	agents, tenants, events int // events: webhooks a second
	lasts                   time.Duration
	accessLife              time.Duration
}

// world is everything there is: three nodes, three NATS servers, a Smokeball,
// agents at their pages.
type world struct {
	t       *testing.T
	size    size
	dir     string
	public  string
	began   time.Time
	h       *History
	agents  []Agent
	callers int

	crm     *crm
	nodes   []*node
	servers []*natsServer
	pages   []*page
	pageOf  map[Agent]*page
	roster  jetstream.KeyValue
	direct  *nats.Conn
}

// node is a smokepopd.
type node struct {
	*program
	name                 string
	address, ops, socket string
	wires                []*wire // to the NATS servers
	admin                *http.Client
}

// natsServer is a NATS server.
type natsServer struct {
	*program
	address string
	wires   []*wire // from the nodes, and from and to other servers
}

func (w *world) since() time.Duration { return time.Since(w.began) }

func (w *world) tenant(i int) string { return fmt.Sprintf("t%03d.chaos.example", i) }

// tenantOf is the one tenant that a caller calls.
func (w *world) tenantOf(caller int) string { return w.tenant(caller % w.size.tenants) }

const callersEach = 60

func newWorld(t *testing.T, s size) *world {
	t.Helper()
	w := &world{t: t, size: s, dir: t.TempDir(), public: "http://127.0.0.1:9", began: time.Now(), h: &History{}, pageOf: map[Agent]*page{}, callers: callersEach * s.tenants}
	if kept := os.Getenv("SMOKEPOP_CHAOS_DIR"); kept != "" {
		w.dir = kept
		if err := os.MkdirAll(w.dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i := range s.agents {
		w.agents = append(w.agents, Agent{w.tenant(i % s.tenants), strconv.Itoa(1001 + i/s.tenants)})
	}
	for _, v := range os.Environ() { // they are not smokepop's
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "SMOKEPOP_CHAOS_") {
			w.must(os.Unsetenv(name))
		}
	}
	w.crm = newCRM(t, w, w.public+"/pair/callback", s.accessLife)
	w.startNATS(build(t, w.dir, "nats-server", "github.com/nats-io/nats-server/v2"))
	w.startNodes(build(t, w.dir, "smokepopd", "github.com/smokepop/smokepop/cmd/smokepopd"))
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// startNATS starts three servers. Each hears of the others and of the nodes by
// wires alone: the addresses that servers tell each other lead nowhere.
func (w *world) startNATS(path string) {
	wires := map[string][]*wire{} // by the address they lead to, and by server
	conf := func(p natsproc.Place) string {
		var routes []string
		for _, r := range p.Routes {
			if to := strings.TrimPrefix(r, "nats://"); to != p.Cluster {
				wire := w.lay(to)
				wires[to], wires[p.Cluster] = append(wires[to], wire), append(wires[p.Cluster], wire)
				routes = append(routes, strconv.Quote("nats://"+wire.address()))
			}
		}
		return fmt.Sprintf(`server_name: %s
listen: %q
http: %q
ping_interval: "2s"
ping_max: 2
write_deadline: "3s"
jetstream { store_dir: %q, max_memory_store: 64MB, max_file_store: 2GB }
cluster { name: chaos, listen: %q, advertise: "127.0.0.1:1", no_advertise: true, ping_interval: "2s", routes: [ %s ] }
`, p.Name, p.Client, p.Monitor, p.Store, p.Cluster, strings.Join(routes, ", "))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all, err := natsproc.Start(ctx, natsproc.Config{Program: path, Dir: w.dir, Servers: 3, Conf: conf})
	w.must(err)
	w.t.Cleanup(func() { _ = all.Kill() })
	for _, s := range all.Servers {
		server := &natsServer{address: s.Client, wires: wires[s.Cluster]}
		server.program = &program{Program: &s.Program, ready: server.answers}
		w.servers = append(w.servers, server)
	}
	w.direct, err = nats.Connect(strings.Join(all.URLs(), ","), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond), nats.PingInterval(2*time.Second))
	w.must(err)
	w.t.Cleanup(w.direct.Close)
}

func (w *world) lay(to string) *wire {
	wire, err := lay(to)
	w.must(err)
	w.t.Cleanup(wire.close)
	return wire
}

// answers tells whether the server takes clients.
func (s *natsServer) answers() bool {
	c, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 4)
	_, err = io.ReadFull(c, b)
	return err == nil && string(b) == "INFO"
}

func (w *world) startNodes(path string) {
	key := filepath.Join(w.dir, "smokepop.key")
	if out, err := exec.Command(path, "keys", "generate", "--out", key).CombinedOutput(); err != nil {
		w.t.Fatalf("keys generate: %v: %s", err, out)
	}
	client := simulator.DefaultClient()
	for name, secret := range map[string]string{"client-secret": client.Secret, "api-key": client.APIKey, "webhook-password": hookPassword} {
		w.must(os.WriteFile(filepath.Join(w.dir, name), []byte(secret), 0o600))
	}
	for i, name := range nodeNames {
		n := &node{address: address(w.t), ops: address(w.t), socket: filepath.Join(w.dir, name+".sock")}
		n.admin = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", n.socket)
		}}}
		var urls []string
		for _, s := range w.servers {
			wire := w.lay(s.address)
			n.wires, s.wires = append(n.wires, wire), append(s.wires, wire)
			urls = append(urls, "nats://"+wire.address())
		}
		file := filepath.Join(w.dir, name+".yaml")
		doc, err := yaml.Marshal(w.settings(n, name, key, urls, w.crm.doors[i]))
		w.must(err)
		w.must(os.WriteFile(file, doc, 0o600))
		n.name = name
		n.program = &program{ready: n.isReady, Program: &process.Program{Name: "node " + name, Path: path, Log: filepath.Join(w.dir, name+".log"), Args: []string{"serve", "--config", file}}}
		w.nodes = append(w.nodes, n)
	}
	for _, n := range w.nodes {
		w.t.Cleanup(func() { _ = n.Kill() })
		w.must(n.start())
	}
	js, err := jetstream.New(w.direct)
	w.must(err)
	w.until("the members' bucket", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		w.roster, err = js.KeyValue(ctx, "smokepop-members")
		return err == nil
	})
}

const (
	hookUser     = "vodia"
	hookPassword = "chaos-webhook-password"
)

func (w *world) settings(n *node, name, key string, urls []string, door string) map[string]any {
	tenants := make([]map[string]any, w.size.tenants)
	for i := range tenants {
		var agents []map[string]any
		for _, a := range w.agents {
			if a.Tenant == w.tenant(i) {
				agents = append(agents, map[string]any{"extension": a.Extension, "name": "Agent " + a.Extension, "email": emailOf(a)})
			}
		}
		tenants[i] = map[string]any{
			"domain": w.tenant(i), "region": "us", "agents": agents,
			"smokeball": map[string]any{
				"client_id": simulator.DefaultClient().ID, "client_secret_file": "client-secret", "api_key_file": "api-key",
				"endpoints":           map[string]any{"auth": door, "api": w.crm.doors[0], "app": w.crm.doors[0]},
				"requests_per_second": 10_000, "burst": 10_000,
			},
			"pbx": map[string]any{
				"webhook": map[string]any{"username": hookUser, "password_file": "webhook-password"},
				"country": "US", "internal": map[string]any{"extensions": "^[1-9][0-9]{3}$"},
			},
			// What is looked for is what is lost, and not what a busy machine is late with.
			"lookup": map[string]any{"cache": "1s", "matters": false, "timeout": "15s"},
		}
	}
	return map[string]any{
		"public_url": w.public, "state_dir": filepath.Join(w.dir, name+"-state"), "admin_socket": n.socket, "encryption_key_file": key,
		"listen":  map[string]any{"agents": n.address, "pbx": n.address, "ops": n.ops},
		"cluster": map[string]any{"nats": map[string]any{"urls": urls}, "node": name, "replicas": 3},
		"log":     map[string]any{"level": "info", "format": "text"},
		"tenants": tenants,
	}
}

var quick = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// isReady tells whether the node is a whole member.
func (n *node) isReady() bool {
	res, err := quick.Get("http://" + n.ops + "/readyz")
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// settled tells whether all nodes know each other and all parts are where they
// have to be.
func (w *world) settled() bool {
	for _, n := range w.nodes {
		var out struct {
			Members []any
			Settled bool
		}
		if n.ask(http.MethodGet, "/v1/members", nil, &out) != nil || len(out.Members) != len(w.nodes) || !out.Settled {
			return false
		}
	}
	return true
}

// ask asks the node's admin socket.
func (n *node) ask(method, path string, body, answer any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(method, "http://smokepopd"+path, &sent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := n.admin.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s at %s: %s %s", method, path, n.name, res.Status, b)
	}
	if err == nil {
		err = json.Unmarshal(b, answer)
	}
	return err
}

func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("after %v this is still not so: %s", patience, what)
		}
	}
}

// watchOwners notes who owns which tenant, until ctx ends.
func (w *world) watchOwners(ctx context.Context) {
	last := map[string]string{}
	for ctx.Err() == nil {
		for tenant, node := range w.owners(ctx) {
			if last[tenant] != node {
				last[tenant] = node
				w.h.Record(Owner{Tenant: tenant, Node: node, From: w.since()})
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// owners reads who owns each tenant; nothing where NATS does not answer.
func (w *world) owners(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	e, err := w.roster.Get(ctx, "roster")
	if err != nil {
		return nil
	}
	var roster struct {
		Members map[string]struct{ Node string }
		Parts   map[int]string
	}
	if json.Unmarshal(e.Value(), &roster) != nil {
		return nil
	}
	owners := map[string]string{}
	for i := range w.size.tenants {
		if id := roster.Parts[cluster.PartOf(w.tenant(i))]; id != "" {
			owners[w.tenant(i)] = roster.Members[id].Node
		}
	}
	return owners
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
