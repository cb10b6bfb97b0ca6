package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gorilla/websocket"
	"go.yaml.in/yaml/v3"
)

// office is an installation of smokepop as an admin makes one: a configuration
// with its secrets in files, a key, a state directory, and agents, each signed in
// and paired. Daemons are started on it one after the other.
type office struct {
	binary, dir, file string
	host, ops         string
	front             string // what browsers know it by, which is host but for a further node of a cluster
	profiles          string // where a daemon that was built with the tag profile is asked
	agents            int
	firms             int      // over how many firms those beyond the first are spread; 0: all are of the first
	single            int      // how many agents the first firm has, where there are more
	cookies           []string // each agent's, once signed in
	crm               *crm
}

// newOffice writes the configuration and the key. The simulator has to know
// where smokepop will be, so the address is chosen first.
func newOffice(binary, crmBinary, dir string, agents, contacts int) (*office, error) {
	o := &office{binary: binary, dir: dir, agents: agents, file: filepath.Join(dir, "smokepop.yaml")}
	var err error
	if o.host, err = freeAddress(); err != nil {
		return nil, err
	}
	o.front = o.host
	if o.ops, err = freeAddress(); err != nil {
		return nil, err
	}
	if o.profiles, err = freeAddress(); err != nil {
		return nil, err
	}
	if o.crm, err = startCRM(crmBinary, agents, contacts, o.public()+"/pair/callback"); err != nil {
		return nil, err
	}
	if out, err := exec.Command(o.binary, "keys", "generate", "--out", o.key()).CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("keys generate: %w: %s", err, out), o.crm.p.stop())
	}
	if err := o.configure(nil); err != nil {
		return nil, errors.Join(err, o.crm.p.stop())
	}
	return o, nil
}

func (o *office) public() string { return "http://" + o.front }

func (o *office) key() string { return filepath.Join(o.dir, "smokepop.key") }

// configure writes the configuration; change, if there is one, has the last word.
func (o *office) configure(change func(map[string]any)) error {
	files := map[string]*bytes.Buffer{}
	var tenants []map[string]any
	for i := range o.agents {
		firm := o.firm(i)
		agents := files[firm+".csv"]
		if agents == nil {
			agents = bytes.NewBufferString("extension,name,email,groups\n")
			files[firm+".csv"] = agents
			tenants = append(tenants, o.tenant(firm))
		}
		fmt.Fprintf(agents, "%s,Agent %d,%s,\n", extension(i), i, email(i))
	}
	settings := map[string]any{
		"public_url": o.public(), "state_dir": filepath.Join(o.dir, "state"), "admin_socket": o.adminSocket(),
		"listen":              map[string]any{"agents": o.host, "pbx": o.host, "ops": o.ops},
		"encryption_key_file": o.key(),
		"tenants":             tenants,
	}
	if change != nil {
		change(settings)
	}
	doc, err := yaml.Marshal(settings)
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"smokepop.yaml": string(doc), "client-secret": o.crm.clientSecret, "api-key": o.crm.apiKey, "webhook-password": hookPassword,
	} {
		files[name] = bytes.NewBufferString(content)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(o.dir, name), content.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// firm is the domain of agent i's.
func (o *office) firm(i int) string {
	if o.firms == 0 || i < o.single {
		return domain
	}
	return fmt.Sprintf("firm%d.example", i%o.firms)
}

func (o *office) tenant(firm string) map[string]any {
	return map[string]any{
		"domain": firm, "region": "us",
		"smokeball": map[string]any{
			"client_id": o.crm.clientID, "client_secret_file": "client-secret", "api_key_file": "api-key",
			"endpoints": map[string]any{"auth": o.crm.url, "api": o.crm.url, "app": o.crm.url},
			// Beyond Smokeball's own limit: what is measured is smokepop.
			"requests_per_second": 1_000_000, "burst": 1_000_000,
		},
		"pbx": map[string]any{
			"webhook":  map[string]any{"username": hookUser, "password_file": "webhook-password"},
			"country":  "US",
			"internal": map[string]any{"extensions": "^[1-9][0-9]{4}$"},
		},
		"lookup":      map[string]any{"cache": "1h"},
		"agents_file": firm + ".csv",
	}
}

func (o *office) adminSocket() string { return filepath.Join(o.dir, "admin.sock") }

// serve starts a daemon and waits until it is ready.
func (o *office) serve(env ...string) (*smokepop, error) {
	p, err := startNotifying(o.dir, append(env, "SMOKEPOP_PPROF="+o.profiles), o.binary, "serve", "--config", o.file)
	if err != nil {
		return nil, err
	}
	return &smokepop{office: o, p: p}, nil
}

// freeAddress returns an address that nobody listens on, below the range that
// outgoing connections take their ports from.
func freeAddress() (string, error) {
	for port := 20_000 + os.Getpid()%5000; port < 32_000; port++ {
		address := "127.0.0.1:" + strconv.Itoa(port)
		if taken[port] {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			taken[port] = true
			return address, l.Close()
		}
	}
	return "", errors.New("no free port")
}

// taken are the ports that were given out: those of a daemon that is not up yet
// look free.
var taken = map[int]bool{}

// smokepop is a daemon that runs.
type smokepop struct {
	office   *office
	p        *process
	replayed atomic.Int64 // hellos that had a live pop
}

func (s *smokepop) name() string      { return "smokepop" }
func (s *smokepop) address() string   { return s.office.host }
func (s *smokepop) process() *process { return s.p }
func (s *smokepop) ends() bool        { return true }

func (s *smokepop) firm(i int) (domain, number string) {
	return s.office.firm(i), extension(i)
}
func (s *smokepop) stop() error { return s.p.stop() }

// dial opens a screen; its hello has been read.
func (s *smokepop) dial(i int) (*websocket.Conn, error) {
	conn, err := open(i, "ws://"+s.office.host+"/ws", http.Header{"Origin": {s.office.public()}, "Cookie": {s.office.cookies[i]}}, "smokepop.v1")
	if err != nil {
		return nil, err
	}
	_, hello, err := conn.ReadMessage()
	if err != nil || !bytes.HasPrefix(hello, []byte(`{"type":"hello"`)) {
		return nil, errors.Join(fmt.Errorf("no hello, but %q: %w", hello, err), conn.Close())
	}
	if bytes.Contains(hello, []byte(`"pops":[{`)) {
		s.replayed.Add(1)
	}
	return conn, nil
}

func (s *smokepop) memory() (allocations, inUse uint64, err error) {
	m, err := s.metrics()
	return uint64(m["go_memstats_mallocs_total"]), uint64(m["go_memstats_heap_inuse_bytes"] + m["go_memstats_stack_inuse_bytes"]), err
}

// metrics reads the daemon's; those with labels go by their whole line.
func (s *smokepop) metrics() (map[string]float64, error) {
	doc, err := get("http://" + s.office.ops + "/metrics")
	if err != nil {
		return nil, err
	}
	m := map[string]float64{}
	for line := range strings.Lines(doc) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), " "); found && name != "#" {
			m[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return m, nil
}
