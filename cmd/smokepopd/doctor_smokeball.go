package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// clockTolerance is how far the clocks may differ: beyond it tokens seem to
// live longer or shorter than they do.
const clockTolerance = time.Minute

// probeClient keeps no connection, follows nothing and gives up in time.
var probeClient = &http.Client{
	Timeout: 5 * time.Second,
	Transport: &http.Transport{
		Proxy: proxy, DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// proxy is the environment's. An address that cannot be read may hold a
// password and is not repeated.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy named in the environment (HTTPS_PROXY, HTTP_PROXY) is no address")
	}
	return u, nil
}

// get asks for an address and leaves the answer's body alone.
func get(ctx context.Context, client *http.Client, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	return res, res.Body.Close()
}

// cause is an HTTP client's error without the URL that is named already.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// smokeball knocks at the hosts of Smokeball, each once, without credentials:
// any answer will do.
func (x *examination) smokeball(ctx context.Context, r *doctorReport, tenants []config.Tenant) {
	seen := map[string]bool{}
	for _, t := range tenants {
		auth, api, _, err := daemon.SmokeballHosts(t)
		if err != nil {
			r.fail("correct region and endpoints", "Smokeball of %s: %v", t.Domain, err)
			continue
		}
		for _, address := range []string{auth, api} {
			if !seen[address] {
				seen[address] = true
				x.knock(ctx, r, address)
			}
		}
	}
}

func (x *examination) knock(ctx context.Context, r *doctorReport, address string) {
	start := time.Now()
	res, err := get(ctx, x.http, address+"/")
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		r.fail("something stands between this machine and Smokeball, or its list of authorities is old (ca-certificates)", "Smokeball %s: %v", address, cert)
		return
	case err != nil:
		r.fail("check DNS, the firewall and the proxy: this machine has to reach it", "Smokeball %s: no answer: %v", address, cause(err))
		return
	}
	// The answer was made some time between the two; the header counts seconds.
	now := time.Now()
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		r.warn("is it a proxy that answers?", "Smokeball %s: answers without saying the time", address)
		return
	}
	off := start.Add(now.Sub(start) / 2).Sub(at).Truncate(time.Second)
	if off.Abs() > clockTolerance {
		r.warn("set this machine's clock (timedatectl set-ntp true): tokens would seem to live longer or shorter than they do",
			"Smokeball %s: answers, and the clocks differ by %v", address, off.Abs())
		return
	}
	r.ok("Smokeball %s: answers in %d ms, the clocks agree", address, now.Sub(start).Milliseconds())
}

// account asks, with an agent's authorisation, whose account it is, and tries
// the searches when a number was given.
func (x *examination) account(ctx context.Context, r *doctorReport, cfg *config.Config, t config.Tenant, agents []agentRow) {
	agent, found := x.agent(t.Domain, agents)
	if !found {
		say, do := r.warn, "invite an agent (smokepopd agents invite) and let the agent pair: nobody sees a pop before"
		if x.number != "" || x.who.extension != "" {
			say = r.fail
		}
		if x.who.extension != "" {
			say(do, "account of %s: there is no extension %s", t.Domain, x.who.extension)
			return
		}
		say(do, "account of %s: nobody is paired", t.Domain)
		return
	}
	c := x.admin(cfg)
	var firm struct{ Firm string }
	if err := c.call(ctx, http.MethodPost, "/v1/doctor/firm", nil, agent, &firm); err != nil {
		r.fail(err.Error(), "account of %s, asked as extension %s", t.Domain, agent.Extension)
		return
	}
	r.ok("account of %s: %s, asked as extension %s", t.Domain, firm.Firm, agent.Extension)
	if x.number == "" {
		return
	}
	question := struct {
		screenpop.AgentID
		Number  string `json:"number"`
		Contact string `json:"contact"`
	}{agent, x.number, x.contact}
	var report searchReport
	if err := c.call(ctx, http.MethodPost, "/v1/doctor/search", nil, question, &report); err != nil {
		r.fail(err.Error(), "searches of %s", t.Domain)
		return
	}
	r.Search = &report
	report.conclude(r, t.Domain, x.contact != "")
}

// agent is whose authorisation is used: the one that was named, else the first
// that is paired.
func (x *examination) agent(tenant screenpop.Tenant, agents []agentRow) (screenpop.AgentID, bool) {
	for _, a := range agents {
		if a.Tenant != tenant {
			continue
		}
		named := x.who.extension != "" && a.Extension == screenpop.Extension(x.who.extension)
		if named || x.who.extension == "" && a.Pairing.State == screenpop.Paired {
			return a.AgentID, true
		}
	}
	return screenpop.AgentID{}, false
}

// searchReport is what the daemon tells of the searches it has tried.
type searchReport struct {
	Number string        `json:"number"`
	Field  string        `json:"field"`
	Trials []searchTrial `json:"trials"`
	Plan   []string      `json:"plan"`
}

type searchTrial struct {
	Search       string `json:"search"`
	Accepted     bool   `json:"accepted"`
	Hits         int    `json:"hits"`
	Verified     int    `json:"verified"`
	Found        bool   `json:"found"`
	Milliseconds int64  `json:"milliseconds"`
}

// conclude says in one line what the searches have shown.
func (s *searchReport) conclude(r *doctorReport, tenant screenpop.Tenant, named bool) {
	switch {
	case named && s.Field == "":
		r.fail("look at how the number is written there: smokepop would not show this contact, and the plan below says little",
			"searches of %s: the contact does not have the number %s, as far as it can be read", tenant, s.Number)
	case len(s.Plan) == 0:
		r.fail("try a contact whose number is written without blanks and dashes, and send this output to smokepop's maintainers",
			"searches of %s: none finds the contact", tenant)
	default:
		r.ok("searches of %s: the plan below finds the contact", tenant)
	}
}

// print prints a table of the searches, and the plan as it has to be set.
func (s *searchReport) print(w io.Writer) {
	fmt.Fprintf(w, "\nSearches for %s:\n", s.Number)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  WHAT SMOKEBALL IS ASKED FOR\tHITS\tHAVE THE NUMBER\tCONTACT FOUND\tTIME")
	for _, one := range s.Trials {
		hits, found := fmt.Sprint(one.Hits), "no"
		if !one.Accepted {
			hits = "refused"
		}
		if one.Found {
			found = "yes"
		}
		fmt.Fprintf(t, "  %s\t%s\t%d\t%s\t%d ms\n", one.Search, hits, one.Verified, found, one.Milliseconds)
	}
	_ = t.Flush()
	if len(s.Plan) == 0 {
		return
	}
	fmt.Fprint(w, "\nSet for the tenant:\n\n    lookup:\n      search: [")
	for i, step := range s.Plan {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprintf(w, "%q", step)
	}
	fmt.Fprint(w, "]\n\nOne contact tells of one way of writing: try one or two more before you trust it.\n")
}
