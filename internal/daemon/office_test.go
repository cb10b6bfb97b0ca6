package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/vodia"
)

// office is a whole daemon, as New wires it from a configuration file, with a
// Smokeball and a PBX for each firm and agents at their screens: all in one
// bubble of testing/synctest, over a network of pipes, so that a day takes no
// longer than its work.
type office struct {
	t      testing.TB
	net    *wires
	client *http.Client
	firms  []*site
	desks  map[string]*desk // by domain and extension
	stop   func()

	cfg       *config.Config
	collector *http.Client
	log       *slog.Logger
	moments   func() moment // nil: as the machine has them
	halt      func()        // ends the daemon alone
	daemon    *Daemon
	next      *config.Config // what a reload reads; nil: it cannot be read
}

// site is a firm's part of the outside world.
type site struct {
	firm      *simulator.Firm
	smokeball *simulator.Smokeball
	pbx       *simulator.PBX
}

const (
	ourAddress   = "127.0.0.1:1000"
	opsAddress   = "127.0.0.1:1001"
	adminAddress = "127.0.0.1:1002"
	ourURL       = "http://" + ourAddress
)

type officeOptions struct {
	firms     []*simulator.Firm
	dir       string                     // an empty folder
	events    string                     // of every tenant; empty: webhooks, and nobody asks the PBX
	desks     func(simulator.Agent) bool // who is paired and has a screen; nil: everybody
	tenant    func(map[string]any)       // the last word about a tenant's configuration
	config    func(map[string]any)       // the last word about all of it
	pbx       func(*simulator.PBXOptions)
	crm       func(*simulator.Options)
	faults    []simulator.Fault // of every Smokeball, from the start
	collector *http.Client      // the way to the OpenTelemetry collector
	log       io.Writer         // of everything; nil: errors alone, to the test's output
}

// openOffice starts the office; stop ends it. Both are called in the bubble.
func openOffice(t testing.TB, o officeOptions) *office {
	t.Helper()
	f := &office{t: t, net: &wires{listeners: map[string]*pipeListener{}}, desks: map[string]*desk{}}
	f.client = &http.Client{
		Transport:     &http.Transport{DialContext: f.net.dial, MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	app := simulator.DefaultClient(ourURL + "/pair/callback")
	access := simulator.Access{Username: "vodia", Password: "webhook-password"}
	var servers []*http.Server
	var serving sync.WaitGroup
	serve := func(address string, h http.Handler) {
		s := &http.Server{Handler: h}
		servers = append(servers, s)
		l := f.net.listen(address)
		serving.Go(func() { _ = s.Serve(l) })
	}
	var tenants []map[string]any
	for i, firm := range o.firms {
		as := simulator.Options{Firm: firm, Clients: []simulator.Client{app}, RateLimit: simulator.RateLimit{PerSecond: -1}}
		if o.crm != nil {
			o.crm(&as)
		}
		pbx := simulator.PBXOptions{
			Firm: firm, HTTP: f.client, AdminsActForUsers: true, Tenant: simulator.SmokepopHooks(ourURL, "", simulator.JSONBody, access),
			Account: func(extension string) simulator.Hooks {
				return simulator.SmokepopHooks(ourURL, extension, simulator.JSONBody, access)
			},
		}
		if o.events == "websocket" {
			pbx.Tenant, pbx.Account = nil, nil
		}
		if o.pbx != nil {
			o.pbx(&pbx)
		}
		s := &site{firm: firm, smokeball: simulator.NewSmokeball(as), pbx: simulator.NewPBX(pbx)}
		s.smokeball.Inject(o.faults...)
		f.firms = append(f.firms, s)
		smokeball, exchange := fmt.Sprintf("127.0.0.1:2%03d", i), fmt.Sprintf("127.0.0.1:3%03d", i)
		serve(smokeball, s.smokeball)
		serve(exchange, s.pbx)
		tenants = append(tenants, tenantOf(firm, o, "http://"+smokeball, "http://"+exchange, app, access))
	}
	f.cfg, f.collector = f.configure(o, tenants), o.collector
	f.log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	if o.log != nil {
		f.log = slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	f.start()
	f.stop = func() {
		f.halt()
		for _, d := range f.desks {
			_ = d.conn.Close()
			<-d.left
		}
		for _, s := range f.firms {
			s.pbx.Close()
		}
		f.client.CloseIdleConnections()
		for _, s := range servers {
			_ = s.Close()
		}
		serving.Wait()
	}
	for _, s := range f.firms {
		for _, a := range s.firm.Agents {
			if o.desks == nil || o.desks(a) {
				f.sit(s, a)
			}
		}
	}
	return f
}

// start starts the daemon.
func (f *office) start() {
	f.t.Helper()
	d, err := New(f.t.Context(), f.cfg, Options{
		Log: f.log, Version: "test",
		Reloads: Reloads{Load: func() (*config.Config, error) {
			if f.next == nil {
				return nil, config.Problems{{Path: "tenants[0].region", Text: "unknown region"}}
			}
			return f.next, nil
		}},
		Listeners: Listeners{"agents": f.net.listen(ourAddress), "ops": f.net.listen(opsAddress), "admin": f.net.listen(adminAddress)},
		outside: outside{smokeball: f.client, collector: f.collector, moment: f.moments, pbx: func(c *vodia.Config) {
			c.HTTP, c.Rate = &http.Client{Transport: &http.Transport{DialContext: f.net.dial}}, 1000
		}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.daemon = d
	ctx, cancel := context.WithCancel(f.t.Context())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	f.halt = func() {
		cancel()
		if err := <-ran; err != nil {
			f.t.Errorf("run: %v", err)
		}
		f.client.CloseIdleConnections() // to the listeners that are gone
	}
}

// reopen opens the agents' sockets again, as pages do after a restart.
func (f *office) reopen() {
	for _, d := range f.desks {
		<-d.left
		_ = d.conn.Close()
		d.left = make(chan struct{})
		d.open(f)
	}
}

func tenantOf(firm *simulator.Firm, o officeOptions, smokeball, exchange string, app simulator.Client, access simulator.Access) map[string]any {
	var agents []map[string]any
	for _, a := range firm.Agents {
		agents = append(agents, map[string]any{"extension": a.Extension, "name": a.Name, "email": a.Email, "groups": a.Groups})
	}
	pbx := map[string]any{
		"webhook": map[string]any{"username": access.Username, "password": access.Password}, "country": firm.Country, "area_code": firm.AreaCode,
	}
	if o.events != "" {
		admin := simulator.DefaultAdmin()
		pbx["api"] = map[string]any{"url": exchange, "username": admin.User, "password": admin.Password}
		pbx["events"] = o.events
	}
	t := map[string]any{
		"domain": firm.Domain, "region": firm.Region, "agents": agents, "pbx": pbx,
		"smokeball": map[string]any{
			"client_id": app.ID, "client_secret": app.Secret, "api_key": app.APIKey, "requests_per_second": 1000, "burst": 1000,
			"endpoints": map[string]any{"auth": smokeball, "api": smokeball, "app": smokeball},
		},
	}
	if o.tenant != nil {
		o.tenant(t)
	}
	return t
}

func (f *office) configure(o officeOptions, tenants []map[string]any) *config.Config {
	f.t.Helper()
	dir := o.dir
	key := filepath.Join(dir, "smokepop.key")
	if err := vault.GenerateKey(key); err != nil {
		f.t.Fatal(err)
	}
	whole := map[string]any{
		"public_url": ourURL, "state_dir": filepath.Join(dir, "state"), "admin_socket": filepath.Join(dir, "admin.sock"),
		"listen":              map[string]any{"agents": ourAddress, "pbx": ourAddress, "ops": opsAddress},
		"encryption_key_file": key, "tenants": tenants,
	}
	if o.config != nil {
		o.config(whole)
	}
	doc, err := yaml.Marshal(whole)
	if err != nil {
		f.t.Fatal(err)
	}
	file := filepath.Join(dir, "smokepop.yaml")
	if err := os.WriteFile(file, doc, 0o600); err != nil {
		f.t.Fatal(err)
	}
	cfg, err := config.Load(file, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return cfg
}

// site returns the firm of a domain.
func (f *office) site(domain string) *site {
	for _, s := range f.firms {
		if s.firm.Domain == domain {
			return s
		}
	}
	f.t.Fatalf("there is no firm %q", domain)
	return nil
}

// sit lets an agent sign in, pair and open the page.
func (f *office) sit(s *site, a simulator.Agent) {
	f.t.Helper()
	var invite struct{ URL string }
	f.ask(http.MethodPost, "http://"+adminAddress+"/v1/invites", "", map[string]string{"tenant": s.firm.Domain, "extension": a.Extension}, &invite)
	_, token, _ := strings.Cut(invite.URL, "#")
	cookie := f.ask(http.MethodPost, ourURL+"/api/session", "", map[string]string{"invite": token}, nil)
	var begun struct {
		URL string `json:"authorize_url"`
	}
	f.ask(http.MethodPost, ourURL+"/api/pair", cookie, nil, &begun)
	email := a.Email
	if !canSignIn(s.firm, email) {
		email = s.firm.Agents[0].Email
	}
	back, err := s.smokeball.SignIn(begun.URL, email)
	if err != nil {
		f.t.Fatal(err)
	}
	f.ask(http.MethodGet, back, cookie, nil, nil)
	d := &desk{t: f.t, agent: a, cookie: cookie, left: make(chan struct{})}
	d.open(f)
	f.desks[s.firm.Domain+" "+a.Extension] = d
}

// canSignIn tells whether somebody of the firm's staff has the e-mail.
func canSignIn(f *simulator.Firm, email string) bool {
	for _, p := range f.Staff {
		if p.Email == email && p.UserID != "" {
			return true
		}
	}
	return false
}

// ask sends a request as the page or the admin's command does, decodes the
// answer into out and returns the cookie that came with it.
func (f *office) ask(method, url, cookie string, body, out any) (set string) {
	f.t.Helper()
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			f.t.Fatal(err)
		}
		sent = strings.NewReader(string(b))
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, url, sent)
	if err != nil {
		f.t.Fatal(err)
	}
	if method != http.MethodGet {
		r.Header.Set("Origin", ourURL)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	res, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		f.t.Fatalf("%s %s: %s %v %s", method, url, res.Status, err, b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			f.t.Fatalf("%s %s: %v in %s", method, url, err, b)
		}
	}
	for _, c := range res.Cookies() {
		set = c.Name + "=" + c.Value
	}
	return cmp.Or(set, cookie)
}

// metrics returns the page of metrics.
func (f *office) metrics() string {
	f.t.Helper()
	res, err := f.client.Get("http://" + opsAddress + "/metrics")
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

// open opens the agent's socket and reads it from then on.
func (d *desk) open(f *office) {
	dialer := websocket.Dialer{NetDialContext: f.net.dial, Subprotocols: []string{"smokepop.v1"}}
	conn, _, err := dialer.DialContext(f.t.Context(), "ws://"+ourAddress+"/ws", http.Header{"Origin": {ourURL}, "Cookie": {d.cookie}})
	if err != nil {
		f.t.Fatal(err)
	}
	d.conn = conn
	go d.watch(conn, d.left)
}

// wires is a network of pipes.
type wires struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
}

func (w *wires) listen(address string) net.Listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &pipeListener{address: address, conns: make(chan net.Conn), done: make(chan struct{})}
	w.listeners[address] = l
	return l
}

func (w *wires) dial(ctx context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	l := w.listeners[address]
	w.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("nobody listens on %s", address)
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- named{theirs, address}:
		return ours, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// named is a pipe's end that has an address, as the daemon looks at it.
type named struct {
	net.Conn
	address string
}

func (n named) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9} }

type pipeListener struct {
	address string
	conns   chan net.Conn
	once    sync.Once
	done    chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *pipeListener) Addr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", l.address)
	return a
}
