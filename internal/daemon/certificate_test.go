package daemon

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pair is a certificate and its key as PEM.
type pair struct{ cert, key []byte }

func newPair(t *testing.T, serial int64, ends time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "pop.firm.example"}, DNSNames: []string{"pop.firm.example"},
		NotBefore: ends.Add(-1000 * time.Hour), NotAfter: ends,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}
}

// certificateDir is where another program puts certificates.
type certificateDir struct {
	t         *testing.T
	cert, key string
}

func newCertificateDir(t *testing.T, p pair) certificateDir {
	d := certificateDir{t, filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")}
	d.write(d.cert, p.cert)
	d.write(d.key, p.key)
	return d
}

func (d certificateDir) write(file string, b []byte) {
	d.t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func serial(c *certificateFiles) int64 { return c.current.Load().Leaf.SerialNumber.Int64() }

// A pair that is being written, is broken, is missing or is over leaves the one
// before in use, and is told of once.
func TestCertificateIsTakenInWhenBothFilesHaveIt(t *testing.T) {
	soon := time.Now().Add(24 * time.Hour)
	first, second := newPair(t, 1, soon), newPair(t, 2, soon.Add(24*time.Hour))
	for name, spoil := range map[string]func(certificateDir){
		"the certificate is new and the key is not": func(d certificateDir) { d.write(d.cert, second.cert) },
		"the key is new and the certificate is not": func(d certificateDir) { d.write(d.key, second.key) },
		"half a certificate":                        func(d certificateDir) { d.write(d.cert, second.cert[:100]) },
		"an empty file":                             func(d certificateDir) { d.write(d.key, nil) },
		"no file":                                   func(d certificateDir) { _ = os.Remove(d.cert) },
		"one that has ended": func(d certificateDir) {
			over := newPair(d.t, 3, time.Now().Add(-time.Hour))
			d.write(d.cert, over.cert)
			d.write(d.key, over.key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newCertificateDir(t, first)
			var log bytes.Buffer
			c, err := newCertificateFiles(d.cert, d.key, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			c.Look()
			if log.Len() > 0 {
				t.Errorf("nothing has changed, and it says %s", &log)
			}
			spoil(d)
			for range 3 {
				c.Look()
			}
			if got := serial(c); got != 1 {
				t.Errorf("certificate %d is in use", got)
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 {
				t.Errorf("%d warnings:\n%s", n, &log)
			}
			d.write(d.cert, second.cert)
			d.write(d.key, second.key)
			c.Look()
			if got := serial(c); got != 2 || !c.Ends().Equal(soon.Add(24*time.Hour).UTC().Truncate(time.Second)) {
				t.Errorf("certificate %d is in use until %v", got, c.Ends())
			}
			if strings.Contains(log.String(), "PRIVATE") {
				t.Error("the log has the key")
			}
		})
	}
}

// When the certificate in use has ended too, the later one is the better one.
func TestCertificateThatEndedIsBetterThanAnOlderOne(t *testing.T) {
	older, later := newPair(t, 1, time.Now().Add(-48*time.Hour)), newPair(t, 2, time.Now().Add(-time.Hour))
	d := newCertificateDir(t, older)
	c, err := newCertificateFiles(d.cert, d.key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d.write(d.cert, later.cert)
	d.write(d.key, later.key)
	if c.Look(); serial(c) != 2 {
		t.Errorf("certificate %d is in use", serial(c))
	}
}

func TestCertificateThatIsNoneKeepsTheDaemonFromStarting(t *testing.T) {
	d := newCertificateDir(t, pair{[]byte("x"), []byte("y")})
	if _, err := newCertificateFiles(d.cert, d.key, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "tls: ") {
		t.Errorf("%v", err)
	}
}

func TestCertificateIsLookedAtEveryMinute(t *testing.T) {
	soon := time.Now().Add(1e6 * time.Hour)
	first, second := newPair(t, 1, soon), newPair(t, 2, soon)
	d := newCertificateDir(t, first)
	synctest.Test(t, func(t *testing.T) {
		c, err := newCertificateFiles(d.cert, d.key, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- c.Run(ctx) }()
		d.write(d.cert, second.cert)
		d.write(d.key, second.key)
		time.Sleep(lookEvery + time.Second)
		synctest.Wait()
		if serial(c) != 2 {
			t.Errorf("certificate %d is in use", serial(c))
		}
		cancel()
		<-ran
	})
}

// The next handshake gets the new certificate; a connection that stands goes on.
func TestHandshakeAfterAChangeHasTheNewCertificate(t *testing.T) {
	soon := time.Now().Add(24 * time.Hour)
	d := newCertificateDir(t, newPair(t, 1, soon))
	c, err := newCertificateFiles(d.cert, d.key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(plain, c.TLS())
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // echoes
				defer conn.Close()
				b := make([]byte, 1)
				for {
					if _, err := conn.Read(b); err != nil {
						return
					}
					_, _ = conn.Write(b)
				}
			}()
		}
	}()
	open := func(change func(*tls.Config)) (*tls.Conn, error) {
		cfg := &tls.Config{InsecureSkipVerify: true}
		if change != nil {
			change(cfg)
		}
		return tls.Dial("tcp", l.Addr().String(), cfg)
	}
	standing, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer standing.Close()
	renewed := newPair(t, 2, soon)
	d.write(d.cert, renewed.cert)
	d.write(d.key, renewed.key)
	c.Look()
	next, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if got := next.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != 2 {
		t.Errorf("the next handshake has certificate %d", got)
	}
	if _, err := standing.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := standing.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("the connection that stood: %d, %v", n, err)
	}
	if old, err := open(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }); err == nil {
		_ = old.Close()
		t.Error("TLS 1.1 is spoken")
	}
}
