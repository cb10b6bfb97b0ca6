package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// system is a whole smokepop on loopback, made from a configuration file, with
// a real store and real sockets, and the simulated world around it.
type system struct {
	t      *testing.T
	world  *demoWorld
	dir    string
	file   string // its configuration
	socket string // its admin socket
	ops    string // the address of its ops listener

	stop func() // ends the daemon and waits; the world goes on
}

type systemOptions struct {
	firms []*simulator.Firm        // nil: the demo's first
	as    func(*simulator.Options) // which Smokeball to be
	pbx   []func(*simulator.PBXOptions)
	// world changes the configuration, before the daemon and after the
	// simulated world have started.
	world func(*demoWorld, map[string]any)
	nats  []string // URLs of a cluster's servers; nil: one that is its own
}

// startWorld runs the simulated world around a smokepop until the test ends.
func startWorld(t testing.TB, agents string, firms []*simulator.Firm, as func(*simulator.Options), pbx ...func(*simulator.PBXOptions)) *demoWorld {
	t.Helper()
	world, err := newDemoWorld(t.Context(), agents, firms, as, pbx...)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.serve(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		world.close()
		if err := <-served; err != nil {
			t.Errorf("the simulated world: %v", err)
		}
	})
	return world
}

// startSystem runs a system until the test ends.
func startSystem(t *testing.T, o systemOptions) *system {
	t.Helper()
	if o.firms == nil {
		o.firms = demoFirms()[:1]
	}
	agents := listenLoopback(t, freeAddress(t)) // stays free while a daemon is restarted
	world := startWorld(t, agents.Addr().String(), o.firms, o.as, o.pbx...)
	s := &system{t: t, world: world, dir: t.TempDir()}
	s.socket = filepath.Join(s.dir, "admin.sock")
	ops := listenLoopback(t, freeAddress(t))
	s.ops = ops.Addr().String()
	var err error
	if s.file, err = world.writeConfig(s.dir, func(settings map[string]any) {
		settings["listen"].(map[string]any)["ops"] = s.ops
		if o.world != nil {
			o.world(world, settings)
		}
	}); err != nil {
		t.Fatal(err)
	}
	s.start(agents, ops)
	t.Cleanup(func() { s.stop() })
	return s
}

// start runs the daemon; after stop, without listeners, it runs another one on
// the same state and addresses.
func (s *system) start(agents, ops net.Listener) {
	s.t.Helper()
	if agents == nil {
		agents = listenLoopback(s.t, strings.TrimPrefix(s.world.public, "http://"))
		ops = listenLoopback(s.t, s.ops)
	}
	cfg, err := config.Load(s.file, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	d, err := daemon.New(s.t.Context(), cfg, daemon.Options{
		Log: daemon.NewLogger(logWriter{s.t}, cfg.Log.Level, "text"), Version: "test",
		Listeners: daemon.Listeners{"agents": agents, "ops": ops},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-ran; err != nil {
			s.t.Errorf("run: %v", err)
		}
		s.stop = func() {}
	}
}

func listenLoopback(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// logWriter shows the daemon's log with the test's.
type logWriter struct{ t *testing.T }

func (w logWriter) Write(b []byte) (int, error) {
	fmt.Fprintf(w.t.Output(), "%s", b)
	return len(b), nil
}

func (s *system) smokeball() *simulator.Smokeball { return s.world.smokeball[0] }
func (s *system) firm() *simulator.Firm           { return s.world.firms[0] }
func (s *system) domain() string                  { return s.firm().Domain }

// invite returns an invite link for an extension.
func (s *system) invite(extension string) string {
	s.t.Helper()
	url, err := s.world.invite(s.t.Context(), newAdminClient(s.socket), s.domain(), extension)
	if err != nil {
		s.t.Fatal(err)
	}
	return url
}

// event is a webhook's body.
type event map[string]any

// hook sends a webhook and returns the answer's status and body.
func (s *system) hook(e event) (int, map[string]any) {
	s.t.Helper()
	return s.hookOf(s.domain(), e)
}

// hookOf is hook for any tenant.
func (s *system) hookOf(domain string, e event) (int, map[string]any) {
	s.t.Helper()
	body, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.world.public+"/hooks/vodia/"+domain, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	res, err := plainClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	for name := range res.Header {
		if strings.HasPrefix(name, "Smokepop-") {
			s.t.Errorf("the answer says %s, which is between nodes alone", name)
		}
	}
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		s.t.Fatalf("the answer %s is no JSON: %v", res.Status, err)
	}
	return res.StatusCode, answer
}

// mustAccept sends webhooks that have to be accepted.
func (s *system) mustAccept(events ...event) {
	s.t.Helper()
	for _, e := range events {
		if status, answer := s.hook(e); status != http.StatusAccepted {
			s.t.Fatalf("webhook %v: %d %v, want 202", e, status, answer)
		}
	}
}

// mustSkip sends a webhook that has to be skipped for a reason.
func (s *system) mustSkip(reason string, e event) {
	s.t.Helper()
	if status, answer := s.hook(e); status != http.StatusOK || answer["reason"] != reason {
		s.t.Fatalf("webhook %v: %d %v, want 200 and %s", e, status, answer, reason)
	}
}

// metrics returns the page of metrics.
func (s *system) metrics() string {
	s.t.Helper()
	return s.get("http://" + s.ops + "/metrics")
}

func (s *system) get(url string) string {
	s.t.Helper()
	res, err := plainClient.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// plainClient keeps no connection open, follows nothing and gives up in time.
var plainClient = &http.Client{
	Timeout:       10 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
