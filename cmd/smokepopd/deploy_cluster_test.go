package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/natsproc"
)

// authority makes certificates for NATS servers and their clients.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", true)
	return a
}

// issue writes NAME.crt and NAME.key.
func (a *authority) issue(name string, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA: ca, BasicConstraintsValid: ca, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	parent, signer := a.cert, a.key
	if ca {
		parent, signer, template.KeyUsage = template, key, x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{a.file(name + ".crt"): {Type: "CERTIFICATE", Bytes: der}, a.file(name + ".key"): {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// startServers runs three NATS servers as processes; conf is that of [natsproc.Config].
func startServers(t *testing.T, conf func(natsproc.Place) string) *natsproc.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("builds nats-server and runs it")
	}
	program, err := natsProgram()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := natsproc.Start(ctx, natsproc.Config{Program: program, Dir: t.TempDir(), Servers: 3, Conf: conf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// deployed runs three NATS servers on the configuration in deploy/cluster.
func (a *authority) deployed() *natsproc.Cluster {
	t := a.t
	t.Helper()
	return startServers(t, func(p natsproc.Place) string {
		b, err := os.ReadFile(example(t, t.TempDir(), "cluster/nats-server.conf",
			"server_name: n1", "server_name: "+p.Name, "10.0.0.5:4222", p.Client, "127.0.0.1:8222", p.Monitor, "/var/lib/nats", p.Store, `listen: "10.0.0.5:6222"`, fmt.Sprintf("listen: %q", p.Cluster),
			"nats://10.0.0.5:6222", p.Routes[0], "nats://10.0.0.6:6222", p.Routes[1], "nats://10.0.0.7:6222", p.Routes[2], "/etc/nats/tls", a.dir))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	})
}

// With the configurations in deploy/cluster, and not one subject more than those
// that they allow, nodes form a cluster: pairing, a call, settings, removal, a
// handing over and a new start.
func TestDeployedCluster(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", false)
	a.issue("smokepop", false)
	servers := a.deployed()
	b, err := os.ReadFile(filepath.Join(top, "deploy", "cluster", "smokepop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	urls := strings.ReplaceAll(strings.Join(servers.URLs(), ", "), "nats://", "tls://")
	const example = "tls://10.0.0.5:4222, tls://10.0.0.6:4222, tls://10.0.0.7:4222"
	if !strings.Contains(string(b), example) {
		t.Fatalf("smokepop.yaml does not name %s", example)
	}
	var ours struct{ Cluster map[string]any }
	if err := yaml.Unmarshal([]byte(strings.NewReplacer(example, urls, "${CREDENTIALS_DIRECTORY}/nats-ca.crt", a.file("ca.crt"), "${CREDENTIALS_DIRECTORY}/nats", a.file("smokepop")).Replace(string(b))), &ours); err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, 2, systemOptions{world: func(_ *demoWorld, settings map[string]any) {
		theirs := settings["cluster"].(map[string]any)
		ours.Cluster["node"] = theirs["node"]
		for key, value := range ours.Cluster {
			theirs[key] = value
		}
	}})
	c.settled(2)
	me := c.firm().Agents[0]
	v := c.paired(me)
	c.through(1 - c.owner())
	sc := v.reopen()
	c.mustAccept(event{"event": "ringing", "call_id": "c", "from": c.known()[0].E164(), "to": me.Extension})
	if pop := sc.await("pop"); len(names(pop["pop"])) != 1 {
		t.Errorf("%v", pop)
	}
	command(t, "backup", filepath.Join(t.TempDir(), "backup"), "--socket", c.socket).wants(t, exitOK)
	// What nodes hear of changes by is made anew at another server.
	if err := servers.Servers[0].Program.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := servers.Servers[0].Program.Start(); err != nil {
		t.Fatal(err)
	}
	ready, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := servers.Ready(ready); err != nil {
		t.Fatal(err)
	}
	c.settled(2)
	c.until(func() bool { // the bucket has a leader again
		return newAdminClient(c.socket).call(t.Context(), "POST", "/v1/invites", nil, map[string]string{"tenant": c.domain(), "extension": me.Extension}, nil) == nil
	})
	w := c.paired(c.firm().Agents[1])
	if res, body := w.request("DELETE", "/api/session", ""); res.StatusCode >= 300 {
		t.Errorf("signing out: %s %s", res.Status, body)
	}
	c.settled(2)
	c.nodes[c.owner()].stop()
	sc.gone()
	if sc = v.reopen(); dig(sc.hello, "pairing", "state") != "paired" {
		t.Errorf("after the handing over: %v", sc.hello["pairing"])
	}
	if res, body := v.request("DELETE", "/api/session", ""); res.StatusCode >= 300 {
		t.Errorf("signing out: %s %s", res.Status, body)
	}
	for _, s := range servers.Servers {
		log, err := os.ReadFile(s.Log)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "Permissions Violation") || strings.Contains(line, "authentication error") {
				t.Error(line)
			}
		}
	}
	a.refusals(servers)
}

// refusals are what this user, and who has no certificate, may not do.
func (a *authority) refusals(servers *natsproc.Cluster) {
	t := a.t
	t.Helper()
	url := strings.Replace(servers.Servers[1].URL(), "nats://", "tls://", 1)
	if nc, err := nats.Connect(url, nats.RootCAs(a.file("ca.crt"))); err == nil {
		nc.Close()
		t.Error("who shows no certificate is let in")
	}
	a.issue("somebody", false)
	if nc, err := nats.Connect(url, nats.RootCAs(a.file("ca.crt")), nats.ClientCert(a.file("somebody.crt"), a.file("somebody.key"))); err == nil {
		nc.Close()
		t.Error("who is not named is let in")
	}
	refused := make(chan error, 8)
	nc, err := nats.Connect(url, nats.RootCAs(a.file("ca.crt")), nats.ClientCert(a.file("smokepop.crt"), a.file("smokepop.key")),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range []string{"$JS.API.STREAM.DELETE.KV_smokepop-vault", "$JS.API.STREAM.PURGE.KV_smokepop-vault", "$JS.API.STREAM.INFO.KV_other", "$JS.API.STREAM.NAMES", "other.subject"} {
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
				t.Errorf("%s: %v", subject, err)
			}
		case <-time.After(waitAtMost):
			t.Errorf("%s is not refused", subject)
		}
	}
}

func TestNginxTakesTheClustersUpstream(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "nginx.conf")
	file := example(t, dir, "cluster/nginx-upstream.conf", "10.0.0.5:8443", "127.0.0.1:8443")
	if err := os.WriteFile(whole, []byte("pid "+dir+"/pid;\nevents {}\nhttp {\naccess_log off;\ninclude "+file+";\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	accepts(t, dir, "nginx", "-t", "-e", filepath.Join(dir, "error.log"), "-p", dir, "-c", whole)
}
