package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// A certificate that ends within soon is warned of; its renewal should have
// happened long before.
const soon = 14 * 24 * time.Hour

// doAboutCertificate says what to do about a certificate that is not trusted.
// One that is not valid yet is more often our clock's fault than its own.
func doAboutCertificate(err error, now time.Time, otherwise string) string {
	var (
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
		return "this machine's clock says " + now.UTC().Format(time.DateTime) + " UTC: if that is in the past, set it (timedatectl set-ntp true)"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the certificate; if it has not ended, set this machine's clock (timedatectl set-ntp true)"
	case errors.As(err, &name):
		return "use a certificate for that name, or correct the name"
	case errors.As(err, &authority):
		return otherwise
	}
	return otherwise
}

// judgeEnd says for how long a certificate is good.
func judgeEnd(c *chart, of string, cert *x509.Certificate, now time.Time, do string) {
	left := cert.NotAfter.Sub(now)
	on := cert.NotAfter.UTC().Format(time.DateOnly)
	days := int(left / (24 * time.Hour))
	switch {
	case left <= 0:
		c.fail(do, "the certificate of %s has ended on %s", of, on)
	case now.Before(cert.NotBefore):
		c.fail("set this machine's clock (timedatectl set-ntp true), or wait", "the certificate of %s begins on %s only", of, cert.NotBefore.UTC().Format(time.DateOnly))
	case left < soon:
		c.warn(do, "the certificate of %s ends in %d days, on %s", of, days, on)
	default:
		c.ok("the certificate of %s is good for %d days, until %s", of, days, on)
	}
}

// leaf is the certificate that a connection was made with; nil: without TLS.
func leaf(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// certificateFiles looks at the certificate that the daemon reads from files.
func (x *examination) certificateFiles(_ context.Context, c *chart) {
	files := x.cfg.TLS
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		c.fail("give tls.cert_file the certificate with its chain and tls.key_file its own key, both as PEM; "+asRoot, "%v", err)
		return
	}
	host := hostOf(x.cfg.PublicURL)
	if err := pair.Leaf.VerifyHostname(host); err != nil {
		c.fail("get a certificate for "+host+", or correct public_url", "%v", err)
		return
	}
	judgeEnd(c, files.CertFile, pair.Leaf, time.Now(), "renew it: the daemon takes new files by itself within a minute; credentials that systemd has copied want a restart")
}
