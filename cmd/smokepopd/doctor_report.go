package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// verdict is how a probe came out.
type verdict string

const (
	probeOK   verdict = "ok"
	probeWarn verdict = "warning" // goes on, and probably is not meant so
	probeFail verdict = "failed"  // somebody gets no pops of it
	probeSkip verdict = "skipped" // could not be tried; what was seen says why
)

// finding is one thing a probe has found: what was seen and, unless it is in
// order, what to do. Both are one sentence.
type finding struct {
	Probe  string           `json:"probe"`
	Tenant screenpop.Tenant `json:"tenant,omitempty"` // none: of the whole installation
	Result verdict          `json:"result"`
	What   string           `json:"what"`
	Do     string           `json:"do"`
}

// seen is what was seen, and of whom.
func (f finding) seen() string {
	of := f.Probe
	if f.Tenant != "" {
		of += " of " + string(f.Tenant)
	}
	return of + ": " + f.What
}

// chart is what one probe notes down. A probe runs on one goroutine and has a
// chart of its own.
type chart struct {
	probe    string
	tenant   screenpop.Tenant
	findings []finding
	search   *searchReport
	beside   []*chart
}

// of is the chart of another probe, of what this one finds out by the way.
func (c *chart) of(probe string) *chart {
	other := &chart{probe: probe, tenant: c.tenant}
	c.beside = append(c.beside, other)
	return other
}

func (c *chart) note(v verdict, do, format string, args ...any) {
	c.findings = append(c.findings, finding{c.probe, c.tenant, v, fmt.Sprintf(format, args...), do})
}

func (c *chart) ok(format string, args ...any)       { c.note(probeOK, "", format, args...) }
func (c *chart) warn(do, format string, args ...any) { c.note(probeWarn, do, format, args...) }
func (c *chart) fail(do, format string, args ...any) { c.note(probeFail, do, format, args...) }

// skip says why something was not tried, and what makes it possible.
func (c *chart) skip(do, format string, args ...any) { c.note(probeSkip, do, format, args...) }

// doctorReport is what the doctor found, also as its JSON document.
type doctorReport struct {
	Probes []finding     `json:"probes"`
	Search *searchReport `json:"search"` // null unless a number was given and could be tried

	unusable bool // the configuration: nothing else was tried
}

func (r *doctorReport) add(c *chart) {
	r.Probes = append(r.Probes, c.findings...)
	if c.search != nil {
		r.Search = c.search
	}
	for _, other := range c.beside {
		r.add(other)
	}
}

func (r *doctorReport) exitCode() int {
	if r.unusable {
		return exitUsage
	}
	for _, p := range r.Probes {
		if p.Result == probeFail {
			return exitFailed
		}
	}
	return exitOK
}

// print prints a line for each finding, and under it what to do.
func (r *doctorReport) print(w io.Writer) {
	for _, p := range r.Probes {
		result := string(p.Result)
		if p.Result == probeFail {
			result = "FAILED"
		}
		fmt.Fprintf(w, "%-7s  %s\n", result, oneLine(p.seen()))
		if p.Do != "" {
			fmt.Fprintf(w, "         > %s\n", oneLine(p.Do))
		}
	}
	if r.Search != nil {
		r.Search.print(w)
	}
}

// oneLine keeps a sentence on its line, and off the terminal what would play
// tricks on it: some words are from outside.
func oneLine(s string) string {
	return printableText(strings.Join(strings.Fields(s), " "))
}
