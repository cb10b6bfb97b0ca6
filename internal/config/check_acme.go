package config

import (
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

// acme checks what an authority is asked for, as far as can be told without
// asking it.
func (l *loader) acme(cfg *Config) {
	a := &cfg.TLS.ACME
	l.required("tls.acme.host", a.Host)
	l.required("tls.acme.email", a.Email)
	if !l.known("tls.acme.host") {
		l.acmeHost(cfg)
	}
	if address, err := mail.ParseAddress(a.Email); !l.known("tls.acme.email") && (err != nil || address.Address != a.Email) {
		l.problem("tls.acme.email", "is no e-mail address: the authority sends its notices there")
	}
	if a.CA != "" {
		if normal, err := baseURL(a.CA, true); err != nil {
			l.problem("tls.acme.ca", "%s", err)
		} else {
			a.CA = normal
		}
	}
	l.checkCA("tls.acme.ca_root_file", a.CARootFile)
	if cfg.TLS.CertFile != "" || cfg.TLS.KeyFile != "" {
		l.problem("tls.acme", "is set, and so is tls.cert_file or tls.key_file: the certificate comes from an authority or from files, not from both")
	}
}

func (l *loader) acmeHost(cfg *Config) {
	a := &cfg.TLS.ACME
	a.Host = strings.ToLower(a.Host)
	_, notIP := netip.ParseAddr(a.Host)
	switch u, err := url.Parse(cfg.PublicURL); {
	case notIP == nil || !hostShape.MatchString(a.Host) || !strings.Contains(a.Host, "."):
		l.problem("tls.acme.host", "must be the name that browsers know smokepop by, such as pop.firm.example")
	case err == nil && !l.known("public_url") && u.Hostname() != a.Host:
		l.problem("tls.acme.host", "must be the host of public_url, %s: browsers ask for no other name", u.Hostname())
	}
	if address, err := parseAddress(cfg.Listen.Agents); err == nil && address.port != "443" {
		l.warn("tls.acme", "the authority connects to port 443 of %s to see that it is yours: listen.agents has port %s, so something has to forward the one to the other",
			a.Host, address.port)
	}
}
