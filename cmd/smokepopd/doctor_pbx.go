package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/vodia"
)

// pbxClient is a client of a tenant's PBX, and the HTTP client that it has. The
// caller closes the first.
func (x *examination) pbxClient(t config.Tenant) (*vodia.Client, *http.Client, error) {
	var plain http.Client
	client, err := daemon.NewPBXClient(t, slog.New(slog.DiscardHandler), func(c *vodia.Config) {
		c.CallTimeout, c.TotalTimeout = x.limit, 6*x.limit
		plain = *c.HTTP
	})
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client, &plain, err
}

// pbx asks the PBX for its extensions, the least that smokepop needs, and
// compares the clocks.
func (x *examination) pbx(ctx context.Context, c *chart, t config.Tenant) {
	if t.PBX.API.URL == "" {
		c.skip("set pbx.api to have extensions, names and e-mails read from the PBX, and the webhooks installed", "pbx.api.url is not set: everything about the PBX is in the configuration")
		return
	}
	client, plain, err := x.pbxClient(t)
	if err != nil {
		c.fail("correct pbx.api", "%v", err)
		return
	}
	defer client.Close()
	version, err := client.Probe(ctx)
	if err != nil {
		c.fail(doAboutPBX(err), "%v", err)
		return
	}
	said := "it answers and takes pbx.api.username and its password"
	if version.Name != "" {
		said += " (version " + version.Name + ")"
	}
	start := time.Now()
	res, err := get(ctx, plain, t.PBX.API.URL)
	if err != nil {
		c.ok("%s", said)
		return
	}
	switch off, told := clockOff(start, time.Since(start), res); {
	case told && off > clockTolerance:
		c.warn("set the PBX's clock, or this machine's (timedatectl set-ntp true)", "%s, and the clocks differ by %v", said, off)
	case told:
		c.ok("%s; the clocks agree", said)
	default:
		c.ok("%s, and does not say the time", said)
	}
	if cert := leaf(res.TLS); cert != nil && time.Until(cert.NotAfter) < soon {
		judgeEnd(c, "the PBX", cert, time.Now(), "renew it on the PBX")
	}
}

// doAboutPBX says what to do about the PBX's answer, where the error's own
// sentence does not.
func doAboutPBX(err error) string {
	var e *vodia.Error
	if !errors.As(err, &e) {
		return "correct pbx.api"
	}
	switch e.Kind {
	case vodia.Unreachable, vodia.Timeout:
		return "compare pbx.api.url with the address you open the PBX's web page at, and see that a firewall lets this machine there"
	case vodia.Untrusted:
		return "give the PBX's authority as pbx.api.ca_file, or install a certificate for its name there; compare this machine's clock"
	case vodia.BadCredentials:
		return "sign in at the PBX's web page with pbx.api.username and the password in pbx.api.password_file; change what is wrong, and reload"
	case vodia.Forbidden:
		return "give the account the rights of a tenant's administrator at the PBX, and see whether the PBX admits our address"
	case vodia.NotFound:
		return "compare the tenant's domain here with the PBX's list of domains"
	case vodia.NotAPBX:
		return "write the address of the PBX itself as pbx.api.url, and not of a proxy or page before it"
	}
	return "look into the PBX's log"
}

// hooks compares the webhooks on the PBX with what smokepop needs there.
func (x *examination) hooks(ctx context.Context, c *chart, t config.Tenant) {
	switch {
	case t.PBX.API.URL == "":
		c.skip("compare the PBX's settings with smokepopd vodia template", "pbx.api.url is not set, so the PBX's settings cannot be read")
		return
	case !t.PBX.Webhooks():
		c.skip("nothing: pbx.events is websocket", "the calls of this tenant do not come by webhook")
		return
	}
	client, _, err := x.pbxClient(t)
	if err != nil {
		c.fail("correct pbx.api", "%v", err)
		return
	}
	defer client.Close()
	base, encoding, err := x.installedAt(ctx, client, t)
	if err != nil {
		c.skip("mend what is said of pbx first", "%v", err)
		return
	}
	plan, err := subscription(ctx, client, t, templateOf(t, base, encoding), &subscribeFlags{})
	if err != nil {
		c.fail(doAboutPBX(err), "%v", err)
		return
	}
	judgeHooks(c, t, base, plan)
}

func judgeHooks(c *chart, t config.Tenant, base string, plan vodia.Plan) {
	look := "smokepopd vodia subscribe --tenant " + string(t.Domain) + " --dry-run shows the difference, without --dry-run it is installed"
	if len(plan.Kept) > 0 {
		c.warn("take them off at the PBX if nobody needs them, or: smokepopd vodia subscribe --replace-foreign",
			"webhooks that lead elsewhere stand where smokepop's should be: %s", levelsOf(plan.Kept))
	}
	switch {
	case len(plan.Changes) == 0 && plan.Same > 0:
		c.ok("%s as they should be, to %s (whether their password is right shows at the next call)", webhooks(plan.Same), base)
	case len(plan.Changes) == 0:
	case plan.Same == 0 && !changesOurs(plan.Changes):
		c.fail(look, "no webhook on the PBX leads to %s: nobody gets a pop by webhook", base)
	default:
		c.warn(look, "%s missing or not as they should be: %s", webhooks(len(plan.Changes)), levelsOf(plan.Changes))
	}
}

// changesOurs tells whether some of what would be changed leads to smokepop now.
func changesOurs(changes []vodia.Change) bool {
	for _, ch := range changes {
		if ch.Before.Set() && !ch.Foreign {
			return true
		}
	}
	return false
}

// levelsOf names where changes are, a few of them.
func levelsOf(changes []vodia.Change) string {
	const most = 8
	var list []string
	seen := map[vodia.Level]bool{}
	for _, ch := range changes {
		if !seen[ch.Level] {
			seen[ch.Level] = true
			list = append(list, ch.Level.String())
		}
	}
	if more := len(list) - most; more > 0 {
		list = append(list[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// installedAt is the address and encoding that the PBX's webhooks to smokepop
// have. Where the tenant has none they are what the commands install.
func (x *examination) installedAt(ctx context.Context, client *vodia.Client, t config.Tenant) (base string, encoding vodia.Encoding, err error) {
	base, encoding = webhookBase(x.cfg.PublicURL, x.cfg.Listen.Agents, x.cfg.Listen.PBX), vodia.JSON
	there, err := client.Hooks(ctx, vodia.Tenant)
	if err != nil {
		return base, encoding, err
	}
	for _, e := range vodia.Events() {
		h := there[e.Setting]
		before, after, found := strings.Cut(h.URL, "/hooks/vodia/"+string(t.Domain))
		if !found || checkBase(before) != nil {
			continue
		}
		switch {
		case strings.HasPrefix(after, "?"):
			return before, vodia.Query, nil
		case strings.Contains(h.Encoding, "form"):
			return before, vodia.Form, nil
		}
		return before, vodia.JSON, nil
	}
	return base, encoding, nil
}
