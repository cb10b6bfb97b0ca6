package daemon

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/acme"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

// certificates is where TLS has its certificate from.
type certificates interface {
	TLS() *tls.Config
	Ends() time.Time // the zero time: there is none yet
	Look()           // now, for one that is renewed
	Run(ctx context.Context) error
}

// newCertificates returns nil for plain HTTP.
func newCertificates(cfg *config.Config, store *vault.Store, log *slog.Logger, down *teardown) (certificates, error) {
	t := cfg.TLS
	switch {
	case t.ACME.Host != "":
		return newACME(cfg, store, log, down)
	case t.CertFile != "":
		return newCertificateFiles(t.CertFile, t.KeyFile, log)
	}
	return nil, nil
}

// fromAuthority is acme's certificate, which looks after itself.
type fromAuthority struct{ *acme.Certificates }

func (fromAuthority) Look() {}

func newACME(cfg *config.Config, store *vault.Store, log *slog.Logger, down *teardown) (certificates, error) {
	a := cfg.TLS.ACME
	listener, err := net.ResolveTCPAddr("tcp", cfg.Listen.Agents)
	if err != nil {
		return nil, fmt.Errorf("listen.agents: %w", err)
	}
	var roots *x509.CertPool // the system's
	if a.CARootFile != "" {
		if roots, err = rootsWith(a.CARootFile); err != nil {
			return nil, fmt.Errorf("tls.acme.ca_root_file: %w", err)
		}
	}
	c, err := acme.New(acme.Config{Host: a.Host, Email: a.Email, CA: a.CA, Roots: roots, Listener: listener, Store: store, Log: log})
	if err != nil {
		return nil, fmt.Errorf("tls.acme: %w", err)
	}
	down.add("certificate", func(context.Context) error { c.Close(); return nil })
	return fromAuthority{c}, nil
}

// lookEvery is how often the certificate's files are looked at.
const lookEvery = time.Minute

// certificateFiles is a certificate and its key in two files, which another
// program renews. A new pair is used from the next handshake on, once both files
// have it; connections that stand are not touched.
type certificateFiles struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	mu   sync.Mutex // held to look
	seen [2][]byte  // the files as they were last looked at
	told string     // what was said of them
}

// newCertificateFiles reads the pair. The errors name the configuration's key.
func newCertificateFiles(certFile, keyFile string, log *slog.Logger) (*certificateFiles, error) {
	c := &certificateFiles{certFile: certFile, keyFile: keyFile, log: log}
	cert, seen, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c.seen = seen
	c.current.Store(cert)
	return c, nil
}

func (c *certificateFiles) read() (*tls.Certificate, [2][]byte, error) {
	var pair [2][]byte
	for i, file := range []string{c.certFile, c.keyFile} {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, pair, err
		}
		pair[i] = b
	}
	cert, err := tls.X509KeyPair(pair[0], pair[1])
	return &cert, pair, err
}

// Look takes a new pair in, if there is one and it is good. Else the one before
// stays in use, and the log says why, once.
func (c *certificateFiles) Look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	cert, seen, err := c.read()
	if err == nil && bytes.Equal(seen[0], c.seen[0]) && bytes.Equal(seen[1], c.seen[1]) {
		c.told = ""
		return
	}
	if err == nil && cert.Leaf.NotAfter.Before(time.Now()) && c.current.Load().Leaf.NotAfter.After(cert.Leaf.NotAfter) {
		err = fmt.Errorf("the certificate in %s has ended on %s", c.certFile, cert.Leaf.NotAfter.Format(time.DateOnly))
	}
	if err != nil {
		if err.Error() != c.told {
			c.told = err.Error()
			c.log.Warn("the files of the certificate have changed and are not good: the earlier certificate stays in use, and they are looked at again every minute",
				"ends", c.current.Load().Leaf.NotAfter, "err", err)
		}
		return
	}
	c.seen, c.told = seen, ""
	c.current.Store(cert)
	c.log.Info("a new certificate is in use", "ends", cert.Leaf.NotAfter)
}

// Run looks at the files until ctx ends.
func (c *certificateFiles) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.Look()
		}
	}
}

// TLS is TLS with the certificate of the moment.
func (c *certificateFiles) TLS() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		// Websockets and HTTP/2 do not go together in gorilla/websocket.
		NextProtos: []string{"http/1.1"},
	}
}

// Ends returns when the certificate does.
func (c *certificateFiles) Ends() time.Time { return c.current.Load().Leaf.NotAfter }
