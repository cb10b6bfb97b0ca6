package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
)

// Config is what certificates are asked for with. All but CA and Roots are
// required.
type Config struct {
	Host  string // the name the certificate is for
	Email string // where the authority sends notices
	// CA is the address of the authority's directory; empty: Let's Encrypt. Who
	// sets Config agrees to the authority's terms.
	CA    string
	Roots *x509.CertPool // trusted when the authority is asked; nil: the system's
	// Listener is the address of the listener that speaks TLS as TLS says. The
	// name's port 443 has to lead to it.
	Listener net.Addr
	Store    Store
	Log      *slog.Logger
}

// Certificates gets a certificate and keeps it fresh while Run runs.
type Certificates struct {
	host   string
	cache  *certmagic.Cache
	magic  *certmagic.Config
	closed sync.Once
}

// New returns certificates that nobody has asked for yet. Close gives up what
// it holds.
func New(cfg Config) (*Certificates, error) {
	c := &Certificates{host: cfg.Host}
	log := logger(cfg.Log)
	c.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return c.magic, nil },
		Logger:           log,
	})
	c.magic = certmagic.New(c.cache, certmagic.Config{Storage: newStorage(cfg.Store), Logger: log})
	issuer := certmagic.ACMEIssuer{
		CA: cfg.CA, Email: cfg.Email, Agreed: true, TrustedRoots: cfg.Roots, Logger: log,
		// Port 80 is nobody's here.
		DisableHTTPChallenge: true,
	}
	// Where certmagic looks whether somebody answers challenges: it then leaves
	// that to us, and binds nothing itself.
	host, port, err := net.SplitHostPort(cfg.Listener.String())
	if err != nil {
		return nil, err
	}
	if issuer.AltTLSALPNPort, err = strconv.Atoi(port); err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		issuer.ListenHost = host
	}
	c.magic.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(c.magic, issuer)}
	return c, nil
}

// Run gets the certificate, tries again when that fails, with growing pauses,
// and renews it in time, until ctx ends. The listener has to be served meanwhile.
func (c *Certificates) Run(ctx context.Context) error {
	if err := c.magic.ManageAsync(ctx, []string{c.host}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// Close ends what looks after renewals. It may be called again.
func (c *Certificates) Close() { c.closed.Do(c.cache.Stop) }

// TLS is TLS with the certificate of the moment, which answers the authority's
// challenges too. Without a certificate handshakes fail.
func (c *Certificates) TLS() *tls.Config {
	return &tls.Config{
		GetCertificate: c.magic.GetCertificate,
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1", acmez.ACMETLS1Protocol},
	}
}

// Ends returns when the certificate does; the zero time: there is none.
func (c *Certificates) Ends() (ends time.Time) {
	for _, one := range c.cache.AllMatchingCertificates(c.host) {
		if one.Leaf != nil && one.Leaf.NotAfter.After(ends) {
			ends = one.Leaf.NotAfter
		}
	}
	return ends
}
