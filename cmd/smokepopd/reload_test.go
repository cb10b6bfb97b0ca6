package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/simulator"
)

// edit changes the configuration file as an admin's editor does.
func (in *installation) edit(change func(map[string]any)) {
	in.t.Helper()
	b, err := os.ReadFile(in.file)
	if err != nil {
		in.t.Fatal(err)
	}
	var settings map[string]any
	if err := yaml.Unmarshal(b, &settings); err != nil {
		in.t.Fatal(err)
	}
	change(settings)
	if b, err = yaml.Marshal(settings); err != nil {
		in.t.Fatal(err)
	}
	if err := os.WriteFile(in.file, b, 0o600); err != nil {
		in.t.Fatal(err)
	}
}

// listened starts the daemon with somebody who listens to all it notifies.
func (in *installation) listened() net.PacketConn {
	in.t.Helper()
	path := filepath.Join(in.dir, "n.sock")
	notify, err := new(net.ListenConfig).ListenPacket(in.t.Context(), "unixgram", path)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = notify.Close() })
	in.start("NOTIFY_SOCKET=" + path)
	if got := receive(in.t, notify); got != "READY=1" {
		in.t.Fatalf("the first word is %q", got)
	}
	return notify
}

// hangup asks for a reload and waits for its end.
func (in *installation) hangup(notify net.PacketConn) {
	in.t.Helper()
	if err := in.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		in.t.Fatal(err)
	}
	if got := receive(in.t, notify); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9]\d*$`).MatchString(got) {
		in.t.Errorf("systemd hears %q", got)
	}
	if got := receive(in.t, notify); got != "READY=1" {
		in.t.Errorf("systemd hears %q", got)
	}
}

func (in *installation) scrape() string {
	in.t.Helper()
	res, err := plainClient.Get("http://" + in.ops + "/metrics")
	if err != nil {
		in.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	return string(b)
}

// As systemd and an admin see it: a good reload takes effect, a bad one changes
// nothing, names the key and is counted; the screen stays open through both.
func TestReloadByHangup(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	notify := in.listened()
	me, caller := in.firm().Agents[0], in.firm().Callers[0]
	v := in.join(me.Extension)
	v.pair(in.smokeball(), me.Email)
	sc := v.open()
	ring := func(id string) {
		in.ring(event{"event": "ringing", "call_id": id, "from": caller.E164(), "to": me.Extension})
	}

	in.edit(func(settings map[string]any) { settings["tenants"].([]any)[0].(map[string]any)["region"] = "mars" })
	in.hangup(notify)
	ring("one")
	if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "one" {
		t.Errorf("after a refused reload: %v", pop)
	}
	in.edit(func(settings map[string]any) {
		tenant := settings["tenants"].([]any)[0].(map[string]any)
		tenant["region"] = in.firm().Region
		tenant["pbx"].(map[string]any)["ignore_numbers"] = []string{caller.E164()}
		settings["admin_socket"] = filepath.Join(in.dir, "another.sock")
	})
	in.hangup(notify)
	in.edit(func(settings map[string]any) { settings["admin_socket"] = in.socket })
	in.hangup(notify)
	pbx := &visitor{t: t, public: in.world.public}
	_, answer := pbx.request(http.MethodPost, "/hooks/vodia/"+in.firm().Domain, `{"event":"ringing","call_id":"two","from":"`+caller.E164()+`","to":"`+me.Extension+`"}`,
		func(r *http.Request) { r.SetBasicAuth(in.world.access.Username, in.world.access.Password) })
	if !strings.Contains(answer, "ignored-number") {
		t.Errorf("after a good reload: %s", answer)
	}
	in.ring(event{"event": "terminated", "call_id": "one"})
	sc.next("end") // the socket has stood all the time

	text := in.scrape()
	for _, want := range []string{`smokepop_config_reload_total{outcome="ok"} 1`, `smokepop_config_reload_total{outcome="refused"} 2`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	_ = sc.conn.Close()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
	for _, want := range []string{"tenants[0].region", "restart needed: admin_socket"} {
		lines := linesWith(in.stderr.String(), want)
		errors := linesWith(lines, `"level":"ERROR"`) // and one is in the audit log
		if strings.Count(errors, "\n") != 1 {
			t.Errorf("of %s the log says\n%s", want, lines)
		}
	}
}

// certificate is one with its key, DER.
type certificate struct{ cert, key []byte }

func certified(t *testing.T) certificate {
	t.Helper()
	return certifiedFor(t, "", time.Time{}, time.Now().Add(time.Hour))
}

// certifiedFor is one of a host's own, that is trusted where it is known.
func certifiedFor(t *testing.T, host string, begin, end time.Time) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: begin, NotAfter: end}
	if host != "" {
		template.DNSNames, template.IPAddresses = []string{host}, []net.IP{net.IPv4(127, 0, 0, 1)}
		template.IsCA, template.BasicConstraintsValid = true, true
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{cert, private}
}

// write writes the pair as PEM.
func (c certificate) write(t *testing.T, certFile, keyFile string) {
	t.Helper()
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: c.cert}, keyFile: {Type: "PRIVATE KEY", Bytes: c.key}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A renewed certificate is used after a SIGHUP; one that does not fit its key is
// not.
func TestCertificateByHangup(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		settings["public_url"] = strings.Replace(settings["public_url"].(string), "http://", "https://", 1)
		settings["tls"] = map[string]any{"cert_file": "tls.crt", "key_file": "tls.key"}
	})
	crt, key := filepath.Join(in.dir, "etc", "tls.crt"), filepath.Join(in.dir, "etc", "tls.key")
	first, second := certified(t), certified(t)
	put := func(file, kind string, der []byte) {
		t.Helper()
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(crt, "CERTIFICATE", first.cert)
	put(key, "PRIVATE KEY", first.key)
	notify := in.listened()
	shown := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", strings.TrimPrefix(in.world.public, "http://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}
	if shown() != string(first.cert) {
		t.Error("not the certificate of the file")
	}
	put(crt, "CERTIFICATE", second.cert)
	in.hangup(notify)
	if shown() != string(first.cert) {
		t.Error("a certificate without its key is shown")
	}
	put(key, "PRIVATE KEY", second.key)
	in.hangup(notify)
	if shown() != string(second.cert) {
		t.Error("not the renewed certificate")
	}
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
}

// The daemon is up before an authority has given a certificate, and says what is
// missing.
func TestWithoutACertificateYetItIsNotReady(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		settings["public_url"] = "https://pop.firm.example"
		settings["tls"] = map[string]any{"acme": map[string]any{"host": "pop.firm.example", "email": "it@firm.example", "ca": "https://" + freeAddress(t) + "/directory"}}
	})
	in.serve()
	res, err := plainClient.Get("http://" + in.ops + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(b), `"tls"`) {
		t.Errorf("readyz: %s %s, %v", res.Status, b, err)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(in.world.public, "http://"), &tls.Config{ServerName: "pop.firm.example", InsecureSkipVerify: true})
	if err == nil {
		_ = conn.Close()
		t.Error("a handshake without a certificate")
	}
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d:\n%s", code, in.stderr)
	}
}
