package config

import (
	"net/url"
	"strings"
)

// pbxListener is what the tenants' checks have to know of listen.pbx.
type pbxListener struct {
	known    bool // else it was refused, and nothing follows from it
	loopback bool
}

// listen checks the three addresses and that nothing secret crosses a network
// in the clear. Agents' cookies and the PBX's credentials are secret alike, so
// the rule is the same for both listeners: TLS, or loopback, or behind a proxy
// that is named. A PBX on the local network is not an exception, since anybody
// there could read its password.
func (l *loader) listen(cfg *Config) pbxListener {
	agents, agentsOK := l.address("listen.agents", cfg.Listen.Agents)
	pbx, pbxOK := l.address("listen.pbx", cfg.Listen.PBX)
	ops, opsOK := l.address("listen.ops", cfg.Listen.Ops)
	shared := cfg.Listen.PBX == cfg.Listen.Agents

	if agentsOK && pbxOK && !shared && agents.collides(pbx) {
		l.problem("listen.pbx", "has the port of listen.agents: write exactly the same address to share one listener, or take another port")
	}
	if opsOK && (agentsOK && agents.collides(ops) || pbxOK && pbx.collides(ops)) {
		l.problem("listen.ops", "has the port of another listener: take another port")
	}
	if opsOK && !ops.loopback() {
		l.warn("listen.ops", "metrics and health are open to everybody who reaches %s", cfg.Listen.Ops)
	}
	if cfg.TLS == (TLS{}) && !l.known("tls", "tls.cert_file", "tls.key_file", "trusted_proxies") {
		if agentsOK {
			l.plain("listen.agents", agents, cfg)
		}
		if pbxOK && !shared {
			l.plain("listen.pbx", pbx, cfg)
		}
	}
	if agentsOK && cfg.TLS != (TLS{}) && !l.known("public_url") {
		l.reachable(agents, cfg)
	}
	if pbxOK && pbx.loopback() && len(cfg.TrustedProxies) > 0 {
		l.unguardedBehindProxy(cfg)
	}
	return pbxListener{pbxOK, pbx.loopback()}
}

func (l *loader) address(path, written string) (address, bool) {
	if l.required(path, written); l.known(path) {
		return address{}, false
	}
	a, err := parseAddress(written)
	if err != nil {
		l.problem(path, "%s", err)
		return address{}, false
	}
	return a, true
}

// plain checks a listener without TLS.
func (l *loader) plain(path string, a address, cfg *Config) {
	https := strings.HasPrefix(cfg.PublicURL, "https://")
	switch {
	case a.loopback():
		if path == "listen.agents" && https && len(cfg.TrustedProxies) == 0 {
			l.warn("trusted_proxies", "is empty, and public_url is https without tls here: name the proxy before smokepop, else all browsers look alike")
		}
	case len(cfg.TrustedProxies) == 0:
		l.problem(path, "would speak plain HTTP to the network: set tls.cert_file and tls.key_file, or listen on 127.0.0.1, "+
			"or name the proxy that speaks TLS in trusted_proxies")
	case !https && !l.known("public_url"):
		l.problem("public_url", "must begin with https://: %s is open to the network, and the proxy before it has to speak TLS", path)
	}
}

// reachable warns where browsers would knock at a port that nobody listens on:
// invites, the redirect URI and the page's own origin all have public_url's.
func (l *loader) reachable(agents address, cfg *Config) {
	u, err := url.Parse(cfg.PublicURL)
	if err != nil || len(cfg.TrustedProxies) > 0 || agents.port == "0" {
		return
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	if port != agents.port {
		l.warn("public_url", "has port %s and listen.agents %s: unless something forwards the one to the other, write %s://%s:%s",
			port, agents.port, u.Scheme, u.Hostname(), agents.port)
	}
}

// unguardedBehindProxy warns of webhooks without any check that a proxy could
// let in from outside.
func (l *loader) unguardedBehindProxy(cfg *Config) {
	for i, t := range cfg.Tenants {
		if w := t.PBX.Webhook; w.unguarded() {
			l.warn(index("tenants", i)+".pbx.webhook", "checks nothing, and a proxy may bring webhooks from outside: set a password or a token")
		}
	}
}

func (w Webhook) unguarded() bool { return w.Username == "" && w.Token == "" && len(w.Allow) == 0 }
