package main

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// examination is what the doctor was asked to look at.
type examination struct {
	file, socket    string
	who             who
	number, contact string
	limit           time.Duration // of each probe
	http            *http.Client
	roots           *x509.CertPool // trusted as browsers do; nil: the system's
	resolver        *net.Resolver  // nil: the system's

	cfg     *config.Config
	tenants []config.Tenant // those that are looked at
	daemon  *adminClient
	agents  []agentRow // nil: no daemon answers
}

func newDoctor() *cobra.Command {
	x := &examination{http: probeClient}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor --config FILE [--tenant DOMAIN]",
		Short: "Try everything that can be set wrong, and say what to do about it",
		Long: `Try everything that can be set wrong: the configuration and its files, the
running daemon, its addresses from outside, the PBX, its webhooks, Smokeball,
the clocks. For each there is a line with what was seen (ok, warning, FAILED, or
skipped and why) and, where it is not in order, a line with what to do. Nothing
is changed anywhere and nobody gets a pop.

Run it as root or as the daemon's user. Without a running daemon, what needs it
is skipped. The exit code is 0 when nothing has failed, 1 when something has,
2 when the configuration cannot be used or the command was used wrongly.

With --number, doctor also finds out how your Smokeball account has to be searched.
Smokeball does not document what a search for a phone number looks at, so every
account is asked once:

  1. Pick a contact that is in Smokeball with its number, and whose number is
     written the way your firm usually writes them.
  2. Open the contact in Smokeball's web app. Its id is in the page's address,
     between view-contact/ and /details.
  3. Run
       smokepopd doctor --tenant firm.example.com \
           --number 617-399-8147 --contact 323f9755-045a-4b68-a536-eb566b8428ff
  4. Put the printed lines into the tenant's part of the configuration.

The searches are made by the running daemon with the authorisation of a paired
agent (--extension names one; else the first paired one is taken), within the
request budget and behind every phone that rings. They only read. Without
--contact, any contact that has the number counts as found.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case x.contact != "" && x.number == "":
				return failure{exitUsage, errors.New("--contact needs --number: the number that the contact has")}
			case x.limit <= 0:
				return failure{exitUsage, errors.New("--timeout: use a time above 0, such as 10s")}
			}
			r := x.run(cmd.Context())
			if asJSON {
				if err := printJSON(cmd, r); err != nil {
					return failure{exitFailed, err}
				}
			} else {
				r.print(cmd.OutOrStdout())
			}
			if code := r.exitCode(); code != exitOK {
				return failure{code: code}
			}
			return nil
		},
	}
	configFlag(cmd, &x.file)
	x.who.register(cmd, false)
	cmd.Flags().StringVar(&x.socket, "socket", "", "the daemon's admin socket (default: the configuration's)")
	cmd.Flags().StringVar(&x.number, "number", "", "find out which searches find this number")
	cmd.Flags().StringVar(&x.contact, "contact", "", "the id of a contact in Smokeball that has the number")
	cmd.Flags().DurationVar(&x.limit, "timeout", 10*time.Second, "how long each probe may take; those that read a whole PBX may take six times as long")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// run makes every probe that can be made: first those that say where the
// others are, then the others side by side. The report has them in their order.
func (x *examination) run(ctx context.Context) *doctorReport {
	r := &doctorReport{Probes: []finding{}}
	c := &chart{probe: "configuration"}
	x.cfg = x.configuration(c)
	if x.cfg != nil {
		x.tenants = x.chosen(c)
	}
	r.add(c)
	if x.cfg == nil {
		r.unusable = true
		return r // where everything else is, nobody knows
	}
	x.daemon = x.admin()
	r.add(x.make(ctx, probe{name: "daemon", try: x.running}))

	probes := x.probes()
	charts := make([]*chart, len(probes))
	var under sync.WaitGroup
	for i, p := range probes {
		under.Go(func() { charts[i] = x.make(ctx, p) })
	}
	under.Wait()
	for _, c := range charts {
		r.add(c)
	}
	return r
}

// make makes a probe within its time.
func (x *examination) make(ctx context.Context, p probe) *chart {
	c := &chart{probe: p.name, tenant: p.tenant}
	if p.needsDaemon && x.agents == nil {
		c.skip("start the daemon and run this again", "only the running daemon can tell, and none answers")
		return c
	}
	limit := x.limit
	if p.slow {
		limit *= 6
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p.try(ctx, c)
	if ctx.Err() != nil && len(c.findings) == 0 {
		c.fail("see whether what it asks is overloaded; --timeout gives it more time", "nothing was found out within %v", limit)
	}
	return c
}

// chosen are the tenants that are looked at.
func (x *examination) chosen(c *chart) []config.Tenant {
	if x.who.tenant == "" {
		if x.number != "" && len(x.cfg.Tenants) > 1 {
			c.fail("name one with --tenant", "--number is for one tenant, and there are %d", len(x.cfg.Tenants))
			x.number = ""
		}
		return x.cfg.Tenants
	}
	wanted := screenpop.ParseTenant(x.who.tenant)
	for _, t := range x.cfg.Tenants {
		if t.Domain == wanted {
			return []config.Tenant{t}
		}
	}
	c.fail("name one that is, or add it", "tenant %s is not in the configuration", wanted)
	return nil
}
