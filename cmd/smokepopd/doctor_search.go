package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// searches tries, with an agent's authorisation, the ways to search for the
// number that was given.
func (x *examination) searches(ctx context.Context, c *chart, t config.Tenant) {
	agent, found := x.agent(t.Domain)
	if !found {
		c.skip("let an agent pair, or name one that has with --extension", "they are made with an agent's authorisation, and nobody is paired")
		return
	}
	question := struct {
		screenpop.AgentID
		Number  string `json:"number"`
		Contact string `json:"contact"`
	}{agent, x.number, x.contact}
	var report searchReport
	if err := x.daemon.call(ctx, http.MethodPost, "/v1/doctor/search", nil, question, &report); err != nil {
		c.fail(err.Error(), "they could not be made as extension %s", agent.Extension)
		return
	}
	c.search = &report
	report.conclude(c, x.contact != "")
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
func (s *searchReport) conclude(c *chart, named bool) {
	switch {
	case named && s.Field == "":
		c.fail("look at how the number is written there: smokepop would not show this contact, and the plan below says little",
			"the contact does not have the number %s, as far as it can be read", s.Number)
	case len(s.Plan) == 0:
		c.fail("try a contact whose number is written without blanks and dashes, and send this output to smokepop's maintainers",
			"none finds the contact")
	default:
		c.ok("the plan below finds the contact")
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
