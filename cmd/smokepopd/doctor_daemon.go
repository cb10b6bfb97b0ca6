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

func (x *examination) admin() *adminClient {
	if x.socket != "" {
		return newAdminClient(x.socket)
	}
	return newAdminClient(x.cfg.AdminSocket)
}

// running asks the running daemon for its agents.
func (x *examination) running(ctx context.Context, c *chart) {
	var list agentList
	if err := x.daemon.call(ctx, http.MethodGet, "/v1/agents", nil, nil, &list); err != nil {
		do := "start it (systemctl start smokepop.service) and look at its log; what needs it is skipped below"
		if there, problem := x.daemon.running(ctx); there || problem != nil {
			do = asRoot + ", or as a member of the socket's group; if it hangs, restart the daemon and look at its log"
		}
		c.fail(do, "%v", err)
		return
	}
	paired := 0
	for _, a := range list.Agents {
		if a.Pairing.State == screenpop.Paired {
			paired++
		}
	}
	x.agents = append([]agentRow{}, list.Agents...)
	c.ok("it answers on %s: agents: %d, paired: %d", x.daemon.path, len(list.Agents), paired)
}

// webhookListener knocks where the PBX does. The request is none that could be
// accepted: it has no credentials and no event.
func (x *examination) webhookListener(ctx context.Context, c *chart, t config.Tenant) {
	base, err := localBase(x.cfg, x.cfg.Listen.PBX)
	if err != nil {
		c.fail("write host:port", "listen.pbx %s", x.cfg.Listen.PBX)
		return
	}
	if x.agents == nil && held(ctx, x.cfg.Listen.PBX) {
		c.skip("start the daemon and run this again", "somebody holds %s while the daemon does not answer; if that is systemd, asking would start the daemon", base.Host)
		return
	}
	client := x.http
	if base.Scheme == "https" {
		client = knocking(x.cfg)
		defer client.CloseIdleConnections()
	}
	base.Path = "/hooks/vodia/" + string(t.Domain)
	res, err := get(ctx, client, base.String())
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		c.warn("the PBX may refuse to connect: use a certificate for the name in the webhook's URL, from an authority that the PBX trusts",
			"on %s the certificate does not hold for %s on this machine", base.Host, hostOf(x.cfg.PublicURL))
	case err != nil:
		c.fail("is the daemon running with this configuration, and does it listen here?", "on %s there is no answer: %v", base.Host, cause(err))
	case res.StatusCode == http.StatusNotFound:
		c.fail("reload the daemon (systemctl reload smokepop.service), so that it reads this configuration", "on %s the running daemon does not know tenant %s", base.Host, t.Domain)
	case res.StatusCode == http.StatusForbidden:
		c.ok("%s answers, and lets only the networks of webhook.allow in", base.Host)
	case res.StatusCode >= 500:
		c.fail("look at the daemon's log", "%s answers %s", base.Host, res.Status)
	default:
		c.ok("%s answers", base.Host)
	}
}

// localBase is where a listener is reached on this machine.
func localBase(cfg *config.Config, listen string) (url.URL, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return url.URL{}, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	base := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
	if cfg.TLS != (config.TLS{}) {
		base.Scheme = "https"
	}
	return base, nil
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
