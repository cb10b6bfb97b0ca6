package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

func (x *examination) admin(cfg *config.Config) *adminClient {
	if x.socket != "" {
		return newAdminClient(x.socket)
	}
	return newAdminClient(cfg.AdminSocket)
}

// daemon asks the running daemon for its agents; nil: there is none to ask.
func (x *examination) daemon(ctx context.Context, r *doctorReport, cfg *config.Config) []agentRow {
	c := x.admin(cfg)
	var list agentList
	if err := c.call(ctx, http.MethodGet, "/v1/agents", nil, nil, &list); err != nil {
		r.fail("start it (systemctl start smokepopd) and look at its log", "daemon: %v", err)
		return nil
	}
	paired := 0
	for _, a := range list.Agents {
		if a.Pairing.State == screenpop.Paired {
			paired++
		}
	}
	r.ok("daemon on %s: agents: %d, paired: %d", c.path, len(list.Agents), paired)
	return append([]agentRow{}, list.Agents...)
}

// webhooks knocks where the PBX does. The request is none that could be
// accepted: it has no credentials and no event.
func (x *examination) webhooks(ctx context.Context, r *doctorReport, cfg *config.Config, tenants []config.Tenant) {
	host, port, err := net.SplitHostPort(cfg.Listen.PBX)
	if err != nil {
		r.fail("write host:port", "listen.pbx %s", cfg.Listen.PBX)
		return
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	base := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
	client := x.http
	if cfg.TLS.CertFile != "" {
		base.Scheme = "https"
		client = knocking(cfg)
		defer client.CloseIdleConnections()
	}
	for _, t := range tenants {
		base.Path = "/hooks/vodia/" + string(t.Domain)
		res, err := get(ctx, client, base.String())
		var cert *tls.CertificateVerificationError
		switch {
		case errors.As(err, &cert):
			r.warn("the PBX may refuse to connect: use a certificate for the name in the webhook's URL, from an authority that the PBX trusts",
				"webhooks on %s: the certificate does not hold for %s on this machine", base.Host, hostOf(cfg.PublicURL))
		case err != nil:
			r.fail("is the daemon running with this configuration, and does it listen here?", "webhooks on %s: no answer: %v", base.Host, cause(err))
		case res.StatusCode == http.StatusNotFound:
			r.fail("restart the daemon, so that it reads this configuration", "webhooks on %s: the running daemon does not know tenant %s", base.Host, t.Domain)
		case res.StatusCode == http.StatusForbidden:
			r.ok("webhooks on %s: %s answers, and lets only the networks of webhook.allow in", base.Host, t.Domain)
		case res.StatusCode >= 500:
			r.fail("look at the daemon's log", "webhooks on %s: %s answers %s", base.Host, t.Domain, res.Status)
		default:
			r.ok("webhooks on %s: %s answers", base.Host, t.Domain)
		}
		if cert != nil || err != nil {
			return // the same for every tenant
		}
	}
}

// knocking is a client that expects the certificate of the public name on
// whatever address the listener has.
func knocking(cfg *config.Config) *http.Client {
	c := *probeClient
	c.Transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: hostOf(cfg.PublicURL)}, DisableKeepAlives: true}
	return &c
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
