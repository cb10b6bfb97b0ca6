package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// knockPath is where the daemon answers a nonce of the admin socket with the
// proof that it is this one.
const knockPath = "/api/knock/"

// publicly is a client that speaks HTTP/1.1, as a browser does for websockets.
func (x *examination) publicly() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: proxy, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, RootCAs: x.roots},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// public goes the way of a browser: the name, TLS, the proxy, and whether it is
// this daemon that answers.
func (x *examination) public(ctx context.Context, c *chart) {
	address := x.cfg.PublicURL
	host := hostOf(address)
	if _, err := netip.ParseAddr(host); err != nil {
		if _, err := x.resolver.LookupHost(ctx, host); err != nil {
			c.fail("enter the name at your DNS, or correct public_url", "the name %s cannot be resolved on this machine", host)
			x.notPublic(c, "the name cannot be resolved")
			return
		}
	}
	var expected struct{ Nonce, Proof string }
	if x.agents == nil && held(ctx, x.cfg.Listen.Agents) {
		c.skip("start the daemon and run this again", "somebody holds listen.agents while the daemon does not answer; if that is systemd, asking would start the daemon")
		x.notPublic(c, "the daemon does not run")
		return
	}
	if x.agents != nil {
		if err := x.daemon.call(ctx, http.MethodPost, "/v1/doctor/knock", nil, nil, &expected); err != nil {
			c.fail("restart the daemon, so that it is of this version", "%v", err)
			return
		}
	}
	client := x.publicly()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+knockPath+expected.Nonce, nil)
	if err != nil {
		c.fail("correct public_url", "%v", err)
		return
	}
	res, err := client.Do(req)
	if err != nil {
		x.notReached(c, err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what has come will do
	if cert := leaf(res.TLS); cert != nil {
		judgeEnd(c.of("certificate"), host, cert, time.Now(), "renew it where TLS ends: at the proxy, or in tls.cert_file; with tls.acme the daemon's log says why it was not renewed")
	} else {
		c.of("certificate").skip("nothing, to try smokepop out on one machine", "public_url is plain http on this machine")
	}
	if expected.Nonce == "" {
		c.skip("start the daemon and run this again", "%s answers %s; without the daemon nobody can tell whose answer that is", address, statusText(res.StatusCode))
		x.notPublic(c, "the daemon does not run")
		return
	}
	var said struct{ Proof string }
	_ = json.Unmarshal(body, &said) // then it is no proof
	if res.StatusCode != http.StatusOK || said.Proof != expected.Proof {
		x.somebodyElse(c, res)
		x.notPublic(c, "it is not this daemon that answers there")
		return
	}
	c.ok("%s leads to this daemon", address)
	x.websocket(ctx, c.of("websocket"), client, expected.Nonce)
	x.proxies(ctx, c.of("trusted-proxies"), expected.Nonce)
}

// notPublic says of what is tried behind the public address why it was not.
func (x *examination) notPublic(c *chart, why string) {
	for _, name := range []string{"websocket", "trusted-proxies"} {
		c.of(name).skip("mend what is said of public-url first", "not tried: %s", why)
	}
}

// notReached says why nobody has answered.
func (x *examination) notReached(c *chart, err error) {
	address := x.cfg.PublicURL
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		c.fail(doAboutCertificate(cert, time.Now(), "use a certificate that browsers trust, with its whole chain in the file: an authority of your own has to be known on every machine, this one too"),
			"browsers will not open %s: %v", address, cert)
		x.notPublic(c, "the certificate is not trusted")
		return
	case x.agents == nil:
		c.skip("start the daemon and run this again", "%s does not answer (%v), and the daemon does not run", address, cause(err))
	default:
		c.fail("check the DNS record, the firewall and the port's forwarding to listen.agents or the proxy; if an agent's browser opens it, only this machine is kept from it",
			"%s does not answer on this machine: %v", address, cause(err))
	}
	x.notPublic(c, "nobody answers there")
}

// somebodyElse says who has answered, as far as that shows.
func (x *examination) somebodyElse(c *chart, res *http.Response) {
	address := x.cfg.PublicURL
	to, err := res.Location()
	switch {
	case err == nil:
		c.fail("write the address that browsers end at as public_url, scheme and host exactly; and let no sign-in of the proxy stand before "+knockPath+", /ws and /pair/callback",
			"%s sends browsers on to %s://%s", address, to.Scheme, to.Host)
	case res.StatusCode == http.StatusBadGateway, res.StatusCode == http.StatusServiceUnavailable, res.StatusCode == http.StatusGatewayTimeout:
		c.fail("let the proxy forward to listen.agents ("+x.cfg.Listen.Agents+"), over http without tls here and over https with it",
			"a proxy at %s does not reach the daemon (%s)", address, statusText(res.StatusCode))
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		c.fail("take the proxy's own sign-in or block list away from this address", "something before the daemon refuses the request to %s (%s)", address, statusText(res.StatusCode))
	default:
		c.fail("compare the DNS record and the proxy's settings with listen.agents ("+x.cfg.Listen.Agents+"); is it another smokepop, or an old copy?",
			"another site than this daemon answers at %s (%s)", address, statusText(res.StatusCode))
	}
}

// websocket opens one the way a page does. The daemon closes it at once.
func (x *examination) websocket(ctx context.Context, c *chart, client *http.Client, nonce string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.cfg.PublicURL+"/ws?knock="+url.QueryEscape(nonce), nil)
	if err != nil {
		c.fail("correct public_url", "%v", err)
		return
	}
	for name, value := range map[string]string{
		"Origin": x.cfg.PublicURL, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "c21va2Vwb3AgZG9jdG9yIQ==", "Sec-WebSocket-Protocol": "smokepop.v1",
	} {
		req.Header.Set(name, value)
	}
	const do = "let the proxy pass websockets on. nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade. docs/ops.md has whole examples"
	res, err := client.Do(req)
	if err != nil {
		c.fail(do, "the request for a websocket breaks off: %v", cause(err))
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		c.fail(do, "websockets do not come through: %s/ws answers %s", x.cfg.PublicURL, statusText(res.StatusCode))
		return
	}
	c.ok("a websocket comes through to this daemon")
}

// proxies compares how the request came in with the proxies that are named.
func (x *examination) proxies(ctx context.Context, c *chart, nonce string) {
	var said struct {
		Heard *struct {
			Peer, Client   string
			ForwardedFor   bool   `json:"forwarded_for"`
			ForwardedProto string `json:"forwarded_proto"`
		}
	}
	if err := x.daemon.call(ctx, http.MethodGet, "/v1/doctor/knock/"+nonce, nil, nil, &said); err != nil || said.Heard == nil {
		c.skip("run this again", "the daemon does not say how the request came in")
		return
	}
	h := said.Heard
	peer, err := netip.ParseAddr(h.Peer)
	trusted := false
	for _, p := range x.cfg.TrustedProxies {
		trusted = trusted || err == nil && p.Contains(peer.Unmap())
	}
	secure := strings.HasPrefix(x.cfg.PublicURL, "https://")
	switch {
	case h.ForwardedFor && !trusted:
		c.warn("add "+h.Peer+" to trusted_proxies, if that is your proxy: until then all browsers look alike, and one that guesses passwords shuts the others out",
			"requests come from %s with X-Forwarded-For, and it is not in trusted_proxies", h.Peer)
	case !h.ForwardedFor && trusted:
		c.warn("if that is your proxy, let it send the header (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for): until then all browsers look alike",
			"requests come from %s, which is in trusted_proxies, without X-Forwarded-For", h.Peer)
	case h.ForwardedFor && secure && h.ForwardedProto == "http":
		c.warn("let the proxy take https alone, and send http on to it", "the proxy %s was asked by plain http, and public_url is https", h.Peer)
	case h.ForwardedFor:
		c.ok("requests come through %s, which is trusted, for %s", h.Peer, h.Client)
	default:
		c.ok("requests come from %s, without a proxy", h.Peer)
	}
}
