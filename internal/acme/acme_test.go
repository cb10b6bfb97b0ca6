package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	stdlog "log"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/smokepop/smokepop/internal/vault"
)

const (
	host     = "pop.firm.example"
	patience = 60 * time.Second
)

// authority is Let's Encrypt's own ACME server for tests: it validates in
// earnest, by a name server that leads every name to this machine.
type authority struct {
	*httptest.Server
	log *bytes.Buffer
}

func startAuthority(t *testing.T, tlsPort int) *authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	a := &authority{log: &bytes.Buffer{}}
	log := stdlog.New(&locked{w: a.log}, "", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {Description: "the only one", ValidityPeriod: 7776000}}
	issuing := ca.New(log, store, "", "ecdsa", 0, 1, profiles)
	validating := va.New(log, 1, tlsPort, false, nameServer(t), store)
	front := wfe.New(log, store, validating, issuing, []string{"ca.example"}, false, false, 1, 1)
	a.Server = httptest.NewTLSServer(front.Handler())
	t.Cleanup(a.Close)
	return a
}

type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// nameServer leads every name to 127.0.0.1.
func nameServer(t *testing.T) string {
	t.Helper()
	var conn net.PacketConn
	var l net.Listener
	for l == nil { // the port of one kind may be taken for the other
		var err error
		if conn, err = new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if l, err = new(net.ListenConfig).Listen(t.Context(), "tcp", conn.LocalAddr().String()); err != nil {
			t.Log(err)
			_ = conn.Close()
		}
	}
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, asked *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(asked)
		if q := asked.Question[0]; q.Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(m)
	})
	var serving sync.WaitGroup
	udp, tcp := &dns.Server{PacketConn: conn, Handler: answer}, &dns.Server{Listener: l, Handler: answer}
	for _, s := range []*dns.Server{udp, tcp} {
		serving.Go(func() { _ = s.ActivateAndServe() })
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = l.Close()
		serving.Wait()
	})
	return conn.LocalAddr().String()
}

// openStore opens a real store in dir.
func openStore(t *testing.T, dir string) *vault.Store {
	t.Helper()
	key := filepath.Join(dir, "key")
	if _, err := os.Stat(key); err != nil {
		if err := vault.GenerateKey(key); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := vault.LoadKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := vault.Open(t.Context(), filepath.Join(dir, "state"), keys, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve runs certificates behind a listener, as the daemon does, until what it
// returns is called.
func serve(t *testing.T, l net.Listener, cfg Config) (*Certificates, func()) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	secure := tls.NewListener(l, c.TLS())
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := secure.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				_ = conn.(*tls.Conn).Handshake()
				_ = conn.Close()
			})
		}
	})
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return c, func() {
		cancel()
		_ = secure.Close()
		running.Wait()
		c.Close()
	}
}

// shown asks for the certificate of a name, until there is one or patience ends.
func shown(t *testing.T, address, name string) *x509.Certificate {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err == nil {
			defer conn.Close()
			return conn.ConnectionState().PeerCertificates[0]
		}
	}
	return nil
}

// From nothing to a certificate that the authority has seen to, over the very
// listener that browsers use; and after a restart the same one from the store,
// with nothing asked. No key can be read on the disk.
func TestCertificateFromAnAuthority(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	held, err := l.(*net.TCPListener).File() // the port over the restart, as systemd holds it
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	address := l.Addr().String()
	a := startAuthority(t, l.Addr().(*net.TCPAddr).Port)
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	dir := t.TempDir()
	store := openStore(t, dir)
	var log bytes.Buffer
	cfg := Config{
		Host: host, Email: "it@firm.example", CA: a.URL + wfe.DirectoryPath, Roots: roots, Listener: l.Addr(), Store: store,
		Log: slog.New(slog.NewTextHandler(&locked{w: &log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	c, stop := serve(t, l, cfg)
	if !c.Ends().IsZero() {
		t.Errorf("before anything was asked there is a certificate until %v", c.Ends())
	}
	first := shown(t, address, host)
	if first == nil {
		t.Fatalf("there is no certificate:\n%s\n%s", &log, a.log)
	}
	if err := first.VerifyHostname(host); err != nil || !strings.Contains(first.Issuer.CommonName, "Pebble") {
		t.Errorf("the certificate is of %v, by %v: %v", first.DNSNames, first.Issuer, err)
	}
	if !c.Ends().Equal(first.NotAfter) {
		t.Errorf("it ends %v, and is said to end %v", first.NotAfter, c.Ends())
	}
	if old, err := tls.Dial("tcp", address, &tls.Config{ServerName: host, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		_ = old.Close()
		t.Error("TLS 1.1 is spoken")
	}
	stop()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "PRIVATE KEY") {
		t.Error("the log has a key")
	}
	if b, err := os.ReadFile(filepath.Join(dir, "state", "smokepop.db")); err != nil || bytes.Contains(b, []byte("PRIVATE KEY")) || bytes.Contains(b, []byte("BEGIN CERTIFICATE")) {
		t.Errorf("the disk has something in the clear: %v", err)
	}

	a.Close() // whoever asks now gets nothing
	store = openStore(t, dir)
	defer store.Close()
	if l, err = net.FileListener(held); err != nil {
		t.Fatal(err)
	}
	cfg.Store = store
	_, stop = serve(t, l, cfg)
	defer stop()
	if again := shown(t, address, host); again == nil || !again.Equal(first) {
		t.Errorf("after a restart it is another certificate: %v", again)
	}
}
