package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// roundTrip sends an event the way the PBX does: to its address, with its
// credentials. The event is marked as a test and about no call, so that nothing
// is looked up and nobody sees anything; the trace has to have it.
func (x *examination) roundTrip(ctx context.Context, c *chart, t config.Tenant) {
	if !t.PBX.Webhooks() {
		c.skip("nothing: pbx.events is websocket", "the calls of this tenant do not come by webhook")
		return
	}
	base := webhookBase(x.cfg.PublicURL, x.cfg.Listen.Agents, x.cfg.Listen.PBX)
	if t.PBX.API.URL != "" {
		base = x.toldBase(ctx, t, base)
	}
	call := "doctor-" + rand.Text()
	res, answer, err := x.sendTest(ctx, base, t, call)
	if err != nil {
		notDelivered(c, base, err)
		return
	}
	w := t.PBX.Webhook
	switch {
	case res.StatusCode == http.StatusForbidden && len(w.Allow) > 0:
		c.skip("make a call and look with smokepopd trace", "%s lets only the networks of webhook.allow in, and this machine is in none of them", base)
	case res.StatusCode == http.StatusUnauthorized:
		c.fail("reload the daemon (systemctl reload smokepop.service); a proxy must pass Authorization and X-Smokepop-Token on", "%s does not take the username, password and token of the configuration (401)", base)
	case res.StatusCode == http.StatusNotFound:
		c.fail("reload the daemon, if the tenant is new; else let the proxy pass /hooks/vodia/ on to listen.pbx ("+x.cfg.Listen.PBX+")", "%s does not know the tenant, or is not smokepop (404)", base)
	case res.StatusCode == http.StatusBadGateway, res.StatusCode == http.StatusServiceUnavailable, res.StatusCode == http.StatusGatewayTimeout:
		c.fail("let the proxy forward /hooks/vodia/ to listen.pbx ("+x.cfg.Listen.PBX+")", "at %s a proxy does not reach the daemon (%s)", base, statusText(res.StatusCode))
	case res.StatusCode != http.StatusOK || answer != string(screenpop.SkipState):
		c.fail("compare the address with listen.pbx ("+x.cfg.Listen.PBX+") and the proxy's settings", "%s answers the test event %s, and not as smokepop does", base, statusText(res.StatusCode))
	default:
		x.traced(ctx, c, t, base, call)
	}
}

// toldBase is where the webhooks on the PBX lead; that of the commands where it
// does not tell.
func (x *examination) toldBase(ctx context.Context, t config.Tenant, otherwise string) string {
	client, _, err := x.pbxClient(t)
	if err != nil {
		return otherwise
	}
	defer client.Close()
	base, _, err := x.installedAt(ctx, client, t)
	if err != nil {
		return otherwise
	}
	return base
}

// sendTest sends the event and returns the reason that is answered.
func (x *examination) sendTest(ctx context.Context, base string, t config.Tenant, call string) (*http.Response, string, error) {
	body, err := json.Marshal(map[string]string{"event": daemon.TestEvent, "call_id": call})
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/hooks/vodia/"+url.PathEscape(string(t.Domain)), strings.NewReader(string(body)))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", daemon.TestAgent)
	w := t.PBX.Webhook
	if w.Username != "" {
		req.SetBasicAuth(w.Username, w.Password.Reveal())
	}
	if w.Token != "" {
		req.Header.Set("X-Smokepop-Token", w.Token.Reveal())
	}
	res, err := x.publicly().Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	var said struct{ Reason string }
	_ = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&said) // then it has told none
	return res, said.Reason, nil
}

// notDelivered says why nobody has answered. Where the connection does not come
// about, that may be for this machine alone: the PBX stands elsewhere.
func notDelivered(c *chart, base string, err error) {
	var (
		cert *tls.CertificateVerificationError
		dns  *net.DNSError
	)
	switch {
	case errors.As(err, &cert):
		c.fail(doAboutCertificate(cert, time.Now(), "use a certificate from an authority that the PBX trusts, with its whole chain in the file"), "the PBX will not open %s: %v", base, cert)
	case errors.As(err, &dns):
		c.fail("enter the name at your DNS, or install the webhooks with another address (smokepopd vodia subscribe --url)", "the host of %s cannot be resolved on this machine", base)
	case errors.Is(err, syscall.ECONNREFUSED):
		c.fail("compare the port with listen.pbx, and see that the firewall or proxy before it forwards it", "%s refuses the connection", base)
	default:
		c.warn("open the port for the PBX in the firewall; if calls arrive (see last-webhook), only this machine is kept from it", "%s is not reached from this machine: %v", base, cause(err))
	}
}

// traced looks for the event in the running daemon's trace.
func (x *examination) traced(ctx context.Context, c *chart, t config.Tenant, base, call string) {
	var doc struct {
		Entries []screenpop.TraceEntry `json:"entries"`
	}
	if err := x.daemon.call(ctx, http.MethodGet, "/v1/trace", url.Values{"tenant": {string(t.Domain)}, "call": {call}}, nil, &doc); err != nil {
		c.skip("run this again", "the daemon does not show its trace: %v", err)
		return
	}
	if len(doc.Entries) == 0 {
		c.fail("compare the DNS record, the port and the proxy's settings with listen.pbx ("+x.cfg.Listen.PBX+"): two daemons have this configuration", "another smokepop than this daemon answers at %s", base)
		return
	}
	c.ok("a test event sent to %s with the configured credentials is in the daemon's trace (%s %s)", base, doc.Entries[0].Step, doc.Entries[0].Verdict)
}

// webhookNews is what the daemon tells of the webhooks that have come.
type webhookNews struct {
	Since   time.Time
	Tenants []tenantNews
}

type tenantNews struct {
	Last    *time.Time
	Refused *struct {
		At           time.Time
		Status       int
		Detail, From string
	}
}

// A PBX is silent at night, and over a long weekend; how long a daemon has to
// have run before none at all means something is a guess.
const (
	longSilence = 4 * 24 * time.Hour
	firstHour   = time.Hour
)

// lastWebhook asks when the PBX was heard of, and whether it is being refused.
func (x *examination) lastWebhook(ctx context.Context, c *chart, t config.Tenant) {
	if !t.PBX.Webhooks() {
		c.skip("nothing: pbx.events is websocket", "the calls of this tenant do not come by webhook")
		return
	}
	var news webhookNews
	if err := x.daemon.call(ctx, http.MethodGet, "/v1/doctor/webhooks", url.Values{"tenant": {string(t.Domain)}}, nil, &news); err != nil {
		c.fail("restart the daemon, so that it is of this version", "%v", err)
		return
	}
	judgeNews(c, news, time.Now())
}

func judgeNews(c *chart, news webhookNews, now time.Time) {
	if len(news.Tenants) == 0 {
		c.fail("reload the daemon (systemctl reload smokepop.service), so that it reads this configuration", "the running daemon does not know the tenant")
		return
	}
	last, refused := news.Tenants[0].Last, news.Tenants[0].Refused
	if refused != nil && (last == nil || refused.At.After(*last)) {
		c.warn(doAboutRefused(refused.Status), "the last webhook, %s ago from %s, was refused (%d): %s", ago(now, refused.At), refused.From, refused.Status, refused.Detail)
		return
	}
	const do = "call an extension and watch smokepopd trace --follow; if nothing comes, compare the PBX's webhooks (smokepopd vodia subscribe --dry-run) and the firewall between"
	switch {
	case last == nil && now.Sub(news.Since) < firstHour:
		c.skip("call an extension and run this again", "no webhook has come since the daemon began %s ago", ago(now, news.Since))
	case last == nil:
		c.warn(do, "no webhook has come since the daemon began %s ago", ago(now, news.Since))
	case now.Sub(*last) > longSilence:
		c.warn(do, "the last webhook came %s ago", ago(now, *last))
	default:
		c.ok("the last webhook came %s ago", ago(now, *last))
	}
}

func doAboutRefused(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "if that is the PBX, its webhooks have another password: smokepopd vodia subscribe --rewrite writes ours; if it is a stranger, close the port to all but the PBX"
	case http.StatusForbidden:
		return "if that is the PBX, add its address to pbx.webhook.allow; if it is a stranger, close the port to all but the PBX"
	}
	return "smokepopd vodia capture shows what comes, smokepopd vodia template what should"
}

// ago is a time gone by in the largest unit that fits.
func ago(now, then time.Time) string {
	switch d := now.Sub(then); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d/time.Minute))
	default:
		return fmt.Sprintf("%d seconds", int(d/time.Second))
	}
}
