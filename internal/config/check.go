package config

import (
	"crypto/tls"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// check finds what is wrong with a configuration whose parts could be read.
// It changes values only to their one normal form.
func (l *loader) check(cfg *Config) {
	l.publicURL(cfg)
	l.required("state_dir", cfg.StateDir)
	l.required("admin_socket", cfg.AdminSocket)
	l.required("encryption_key_file", cfg.EncryptionKeyFile)
	l.tls(cfg)
	pbx := l.listen(cfg)
	l.proxies(cfg.TrustedProxies)
	l.oneOf("log.format", "format", cfg.Log.Format, "auto", "journal", "text", "json")
	l.signIn(cfg)
	l.embed(&cfg.Embed)
	l.tracing(&cfg.Tracing)
	l.cluster(&cfg.Cluster)

	if len(cfg.Tenants) == 0 && !l.known("tenants") {
		l.problem("tenants", "is empty: name at least one tenant of the PBX")
	}
	first := map[screenpop.Tenant]int{}
	for i := range cfg.Tenants {
		t, path := &cfg.Tenants[i], index("tenants", i)
		if j, twice := first[t.Domain]; twice && t.Domain != "" {
			l.problem(path+".domain", "%s is the domain of tenants[%d] too", quote(string(t.Domain)), j)
		} else {
			first[t.Domain] = i
		}
		l.checkTenant(t, path, pbx)
	}
	l.admins(cfg)
	if _, err := os.Stat(cfg.EncryptionKeyFile); err != nil && cfg.EncryptionKeyFile != "" {
		l.warn("encryption_key_file", "%s: %s; smokepopd keys generate makes a key", cfg.EncryptionKeyFile, unreadable(err))
	}
}

func (l *loader) required(path, value string) {
	if value == "" && !l.known(path) {
		l.problem(path, "is missing")
	}
}

// requiredSecret is required for a secret; either of its keys may be refused
// already.
func (l *loader) requiredSecret(path string, value screenpop.Secret) {
	if value == "" && !l.known(path, path+fileSuffix) {
		l.problem(path, "is missing: set it, or name the file that holds it in %s", path[strings.LastIndex(path, ".")+1:]+fileSuffix)
	}
}

// oneOf checks a value of a closed set.
func (l *loader) oneOf(path, noun, value string, allowed ...string) {
	if slices.Contains(allowed, value) || l.known(path) {
		return
	}
	last := len(allowed) - 1
	l.problem(path, "unknown %s %s: use %s or %s", noun, quote(value), strings.Join(allowed[:last], ", "), allowed[last])
}

func (l *loader) publicURL(cfg *Config) {
	const path = "public_url"
	if l.required(path, cfg.PublicURL); l.known(path) {
		return
	}
	normal, err := baseURL(cfg.PublicURL, false)
	if err != nil {
		l.problem(path, "%s", err)
		return
	}
	cfg.PublicURL = normal
}

func (l *loader) tls(cfg *Config) {
	t := cfg.TLS
	if l.known("tls", "tls.cert_file", "tls.key_file") || t == (TLS{}) {
		return
	}
	if t.ACME != (ACME{}) {
		l.acme(cfg)
		l.https(cfg)
		return
	}
	switch {
	case t.CertFile == "":
		l.problem("tls.cert_file", "is missing, and tls.key_file is set: set both or none")
		return
	case t.KeyFile == "":
		l.problem("tls.key_file", "is missing, and tls.cert_file is set: set both or none")
		return
	}
	cert, certErr := l.read(t.CertFile, maxSecret)
	if certErr != nil {
		l.problem("tls.cert_file", "%s: %s", t.CertFile, unreadable(certErr))
	}
	key, keyErr := l.read(t.KeyFile, maxSecret)
	if keyErr != nil {
		l.problem("tls.key_file", "%s: %s", t.KeyFile, unreadable(keyErr))
	}
	if certErr != nil || keyErr != nil {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		l.problem("tls", "the certificate and its key cannot be used: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	l.https(cfg)
}

func (l *loader) https(cfg *Config) {
	if strings.HasPrefix(cfg.PublicURL, "http://") && !l.known("public_url") {
		l.problem("public_url", "begins with http://, and tls is set: write https://")
	}
}

func (l *loader) proxies(proxies []netip.Prefix) {
	for i, p := range proxies {
		if p.Bits() == 0 {
			l.problem(index("trusted_proxies", i), "%s trusts everybody, so that anybody could pretend to be anybody: name the proxy's address", p)
		}
	}
}
