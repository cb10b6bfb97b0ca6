package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// verdict is how a probe came out.
type verdict string

const (
	probeOK   verdict = "ok"
	probeWarn verdict = "warn"
	probeFail verdict = "fail"
)

// finding is one probe's line: what was looked at and, unless it is in order,
// what to do.
type finding struct {
	Result verdict `json:"result"`
	What   string  `json:"what"`
	Do     string  `json:"do"`
}

// doctorReport is what the doctor found, also as its JSON document.
type doctorReport struct {
	Probes []finding     `json:"probes"`
	Search *searchReport `json:"search"` // null unless a number was given and could be tried
}

func (r *doctorReport) ok(format string, args ...any) {
	r.Probes = append(r.Probes, finding{Result: probeOK, What: fmt.Sprintf(format, args...)})
}

func (r *doctorReport) warn(do, format string, args ...any) {
	r.Probes = append(r.Probes, finding{probeWarn, fmt.Sprintf(format, args...), do})
}

func (r *doctorReport) fail(do, format string, args ...any) {
	r.Probes = append(r.Probes, finding{probeFail, fmt.Sprintf(format, args...), do})
}

func (r *doctorReport) failed() bool {
	for _, p := range r.Probes {
		if p.Result == probeFail {
			return true
		}
	}
	return false
}

// print prints one line for each probe.
func (r *doctorReport) print(w io.Writer) {
	for _, p := range r.Probes {
		line := fmt.Sprintf("%-4s  %s", p.Result, p.What)
		if p.Do != "" {
			line += ": " + p.Do
		}
		fmt.Fprintln(w, strings.ReplaceAll(line, "\n", " "))
	}
	if r.Search != nil {
		r.Search.print(w)
	}
}

// examination is what the doctor was asked to look at.
type examination struct {
	file, socket    string
	who             who
	number, contact string
	http            *http.Client
}

func newDoctor() *cobra.Command {
	x := &examination{http: probeClient}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor --config FILE [--tenant DOMAIN]",
		Short: "Probe the configuration, keys, the daemon, the directory, its webhooks, Smokeball and the clock; say what is wrong and what to do",
		Long: `Probe the configuration, the keys, the running daemon and what it reads of the
PBX's directory, its webhook listener, Smokeball and the clock. Each probe is one line: ok, warn or fail, what was looked
at, and what to do. Nothing is changed anywhere.

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
			if x.contact != "" && x.number == "" {
				return failure{exitUsage, errors.New("--contact needs --number: the number that the contact has")}
			}
			r := x.run(cmd.Context())
			if asJSON {
				if err := printJSON(cmd, r); err != nil {
					return failure{exitFailed, err}
				}
			} else {
				r.print(cmd.OutOrStdout())
			}
			if r.failed() {
				return failure{code: exitFailed}
			}
			return nil
		},
	}
	configFlag(cmd, &x.file)
	x.who.register(cmd, false)
	cmd.Flags().StringVar(&x.socket, "socket", "", "the daemon's admin socket (default: the configuration's)")
	cmd.Flags().StringVar(&x.number, "number", "", "find out which searches find this number")
	cmd.Flags().StringVar(&x.contact, "contact", "", "the id of a contact in Smokeball that has the number")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// run makes every probe that can be made.
func (x *examination) run(ctx context.Context) *doctorReport {
	r := &doctorReport{Probes: []finding{}}
	cfg := x.configuration(r)
	if cfg == nil {
		return r // where everything else is, nobody knows
	}
	tenants := x.tenants(r, cfg)
	x.files(r, cfg, tenants)
	agents := x.daemon(ctx, r, cfg)
	if agents != nil {
		x.directories(ctx, r, cfg, tenants)
	}
	x.webhooks(ctx, r, cfg, tenants)
	x.smokeball(ctx, r, tenants)
	for _, t := range tenants {
		if agents != nil {
			x.account(ctx, r, cfg, t, agents)
		}
	}
	return r
}

// tenants are those that are looked at.
func (x *examination) tenants(r *doctorReport, cfg *config.Config) []config.Tenant {
	if x.who.tenant == "" {
		if x.number != "" && len(cfg.Tenants) > 1 {
			r.fail("name one with --tenant", "--number is for one tenant, and there are %d", len(cfg.Tenants))
			x.number = ""
		}
		return cfg.Tenants
	}
	wanted := screenpop.ParseTenant(x.who.tenant)
	for _, t := range cfg.Tenants {
		if t.Domain == wanted {
			return []config.Tenant{t}
		}
	}
	r.fail("name one that is, or add it", "tenant %s is not in the configuration", wanted)
	return nil
}
