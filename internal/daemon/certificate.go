package daemon

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

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

// look takes a new pair in, if there is one and it is good. Else the one before
// stays in use, and the log says why, once.
func (c *certificateFiles) look() {
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
			c.look()
		}
	}
}

// config is TLS with the certificate of the moment.
func (c *certificateFiles) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		// Websockets and HTTP/2 do not go together in gorilla/websocket.
		NextProtos: []string{"http/1.1"},
	}
}

// ends returns when the certificate does; the zero time where there is none.
func (c *certificateFiles) ends() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.current.Load().Leaf.NotAfter
}
