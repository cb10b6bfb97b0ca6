// Command load is the bench: it runs the real smokepopd and the plainest server
// that could do the same (bench/baseline) as processes of their own beside a
// simulated Smokeball (bench/crm), loads them in turns, and writes what it found
// as ratios, into a file for machines and a table for people.
//
// Only ratios of windows that lie next to each other mean something on a machine
// that does other things as well, so every case goes A, B, A, B and so on, in
// several short repetitions.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// options are what a run is told.
type options struct {
	bin         string // where smokepopd, baseline and crm are
	results     string
	document    string
	only        *regexp.Regexp
	repetitions int
	quick       bool
	profiles    string
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	var o options
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.bin, "bin", "bin", "the `directory` with smokepopd, bench-baseline and bench-crm")
	flags.StringVar(&o.results, "o", "", "write the results as JSON to this `file`")
	flags.StringVar(&o.document, "table", "", "write the table into this `file`, between its two marks")
	micro := flags.String("micro", "", "run nothing: write what benchstat says, read from standard input, into this `file`")
	only := flags.String("only", "", "run only the cases whose name matches this `expression`")
	flags.IntVar(&o.repetitions, "repetitions", 7, "how often each server is measured")
	flags.BoolVar(&o.quick, "quick", false, "a few seconds that show that the bench works; the figures mean nothing")
	flags.StringVar(&o.profiles, "profiles", "", "write profiles of smokepopd into this `directory`; it has to be one built with the tag profile (make profile)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *micro != "" {
		if err := writeMicro(*micro, in); err != nil {
			fmt.Fprintln(errs, "load:", err)
			return 1
		}
		return 0
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil || flags.NArg() > 0 || o.repetitions < 1 {
		fmt.Fprintln(errs, "load: -only takes a regular expression, -repetitions a number above 0, and there are no arguments:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := o.run(ctx, out)
	if err != nil {
		fmt.Fprintln(errs, "load:", err)
		return 1
	}
	fmt.Fprintln(out, "\n"+r.table())
	if o.results != "" {
		err = r.write(o.results)
	}
	if o.document != "" {
		err = errors.Join(err, r.writeTable(o.document))
	}
	if err != nil {
		fmt.Fprintln(errs, "load:", err)
		return 1
	}
	return 0
}

// run runs the cases.
func (o options) run(ctx context.Context, out io.Writer) (*report, error) {
	version, err := exec.CommandContext(ctx, filepath.Join(o.bin, "smokepopd"), "version").Output()
	if err != nil {
		return nil, fmt.Errorf("run smokepopd version: %w (make bench builds what is needed)", err)
	}
	if o.quick {
		o.repetitions = 1
	}
	fields := strings.Fields(string(version))
	b := &bench{options: o, out: out, report: newReport(fields[min(1, len(fields)-1)], o.repetitions)}
	if b.dir, err = os.MkdirTemp("", "smokepop-bench-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir)
	defer b.down()
	for _, c := range cases {
		if !o.only.MatchString(c.name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		began := time.Now()
		fmt.Fprintf(out, "%-28s", c.name)
		b.current = strings.ReplaceAll(c.name, " ", "-")
		rows, err := c.run(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(out, "%6.1f s\n", time.Since(began).Seconds())
		for _, r := range rows {
			fmt.Fprintf(out, "    %-52s %s   %s   ratio %s   %s\n", r.Figure, r.Smokepop.text(r.Unit), r.Baseline.text(r.Unit), r.Ratio.text(""), r.verdict())
		}
		b.report.Rows = append(b.report.Rows, rows...)
	}
	b.report.Took = time.Since(b.report.Began).Round(time.Second).String()
	return b.report, nil
}

// bench is a run under way.
type bench struct {
	options
	out     io.Writer
	dir     string
	report  *report
	office  *office // once there is one
	frame   int     // how many bytes smokepop's pop has
	calls   int     // how many there were
	current string  // the case that runs, as a file's name
}

func (b *bench) down() {
	if b.office != nil {
		_ = b.office.crm.p.stop()
	}
}

// size is n, or so many as are enough to show that the case works.
func (b *bench) size(n, quick int) int {
	if b.quick {
		return quick
	}
	return n
}

// few is how often a case is repeated that takes long.
func (b *bench) few(n int) int { return min(n, b.repetitions) }

// agents is how many the office has: as many as the largest case needs.
func (b *bench) agents() int { return b.size(10_000, 250) }

// installed returns the office, in which every agent is signed in and paired.
func (b *bench) installed() (*office, error) {
	if b.office != nil {
		return b.office, nil
	}
	began := time.Now()
	o, err := newOffice(filepath.Join(b.bin, "smokepopd"), filepath.Join(b.bin, "bench-crm"), b.dir, b.agents(), 20_000)
	if err != nil {
		return nil, err
	}
	b.office = o
	s, err := o.serve()
	if err != nil {
		return nil, err
	}
	if err := o.admit(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.stop(); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.out, "\n    %d agents signed in and paired in %.1f s\n", o.agents, time.Since(began).Seconds())
	return o, o.crm.forget()
}

// smokepop starts a daemon on the office.
func (b *bench) smokepop() (*smokepop, error) {
	o, err := b.installed()
	if err != nil {
		return nil, err
	}
	return o.serve()
}

// baseline starts the plain server, whose frames have as many bytes as
// smokepop's.
func (b *bench) baseline() (*baseline, error) {
	if b.frame == 0 {
		return nil, errors.New("the size of smokepop's frames is not known yet")
	}
	return startBaseline(filepath.Join(b.bin, "bench-baseline"), b.frame)
}
