package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	// warnBefore is how long before its end a pairing is warned of.
	warnBefore = 5 * 24 * time.Hour
	// tableWidth is what the list of agents keeps to, for names and e-mails of
	// any length.
	tableWidth = 80
	nameWidth  = 22
)

// ending tells whether the pairing has ended or ends within 5 days.
func (a agentRow) ending(now time.Time) bool {
	return a.Pairing.State == screenpop.Expired || a.warned(now)
}

// warned tells whether the pairing goes on for less than 5 days.
func (a agentRow) warned(now time.Time) bool {
	p := a.Pairing
	return (p.State == screenpop.Paired || p.State == screenpop.Attention) && p.Expires != nil && p.Expires.Sub(now) <= warnBefore
}

// days tells for how many days the pairing goes on yet; one begun counts. A
// mark stands where that is 5 or less.
func (a agentRow) days(now time.Time) string {
	switch {
	case a.Pairing.State == screenpop.Expired:
		return "0 !"
	case a.Pairing.State == screenpop.Unpaired || a.Pairing.Expires == nil:
		return "-"
	}
	const day = 24 * time.Hour
	left := strconv.Itoa(int((max(0, a.Pairing.Expires.Sub(now)) + day - 1) / day))
	if a.warned(now) {
		return left + " !"
	}
	return left
}

// problem says what is the matter with a pairing; empty when all is well.
func (a agentRow) problem() string {
	p := a.Pairing
	if p.Problem == "" || p.EmailMatches == nil || *p.EmailMatches || p.Account == "" {
		return p.Problem
	}
	return "Paired as " + p.Account + ". " + p.Problem
}

// printAgents prints the agents by tenant, a line for each and under it what
// is the matter, within tableWidth.
func printAgents(out io.Writer, agents []agentRow, now time.Time) error {
	agents = slices.Clone(agents)
	slices.SortStableFunc(agents, func(a, b agentRow) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(len(a.Extension), len(b.Extension)), cmp.Compare(a.Extension, b.Extension))
	})
	// The columns of all tenants stand under each other, so problems, which
	// have none, wait until the columns are known.
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "EXT\tNAME\tPAIRING\tSINCE\tUNTIL\tDAYS\tSCREENS")
	for _, a := range agents {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", a.Extension, shortened(a.Name, nameWidth), a.Pairing.State,
			date(a.Pairing.Since), date(a.Pairing.Expires), a.days(now), a.Screens)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	header, rows, _ := strings.Cut(table.String(), "\n")
	fmt.Fprintln(out, header)
	lines := strings.Split(rows, "\n")
	for i, a := range agents {
		if i == 0 || a.Tenant != agents[i-1].Tenant {
			fmt.Fprintln(out, a.Tenant)
		}
		fmt.Fprintln(out, lines[i])
		for _, line := range wrapped(a.problem(), tableWidth-4) {
			fmt.Fprintln(out, "    "+line)
		}
	}
	if len(agents) == 0 {
		_, err := fmt.Fprintln(out, "no agents to list")
		return err
	}
	return nil
}

func date(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.Local().Format(time.DateOnly)
}

// shortened cuts text to a number of characters.
func shortened(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// wrapped breaks text between words into lines of at most width characters.
func wrapped(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last < 0 || utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}
