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
	against     string // another smokepopd, in the baseline's place
	agents      int
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	var o options
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.bin, "bin", "bin", "the `directory` with smokepopd, bench-baseline and bench-crm")
	flags.StringVar(&o.results, "o", "", "write the results as JSON to this `file`")
	flags.StringVar(&o.document, "table", "", "write the table into this `file`, between its two marks")
	micro := flags.String("micro", "", "run nothing: write what benchstat says, read from standard input, into this `file`")
	compare := flags.Bool("compare", false, "run nothing: compare the ratios of two result files, which are the arguments")
	only := flags.String("only", "", "run only the cases whose name matches this `expression`")
	flags.IntVar(&o.repetitions, "repetitions", 7, "how often each server is measured")
	flags.BoolVar(&o.quick, "quick", false, "a few seconds that show that the bench works; the figures mean nothing")
	flags.StringVar(&o.against, "against", "", "compare with this other `smokepopd`, in the cases that have a baseline to compare with")
	flags.IntVar(&o.agents, "agents", 10_000, "how many agents there are; cases of more screens fail")
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
	if *compare {
		if flags.NArg() != 2 {
			fmt.Fprintln(errs, "load: -compare takes two result files: load -compare FIRST SECOND")
			return 2
		}
		if err := compareRuns(flags.Arg(0), flags.Arg(1), out); err != nil {
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
	signal.Ignore(syscall.SIGPIPE) // who read along has left: what was started is stopped in order all the same
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
	other   *office // of -against
	offices []*office
	frame   int    // how many bytes smokepop's pop has
	calls   int    // how many there were
	current string // the case that runs, as a file's name
}

func (b *bench) down() {
	for _, o := range b.offices {
		_ = o.crm.p.stop()
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

// installed returns the office, in which every agent is signed in and paired.
func (b *bench) installed() (*office, error) {
	if b.office != nil {
		return b.office, nil
	}
	var err error
	b.office, err = b.install(filepath.Join(b.bin, "smokepopd"), b.size(b.agents, 250))
	return b.office, err
}

// install makes an office for a smokepopd.
func (b *bench) install(binary string, agents int) (*office, error) {
	began := time.Now()
	dir, err := os.MkdirTemp(b.dir, "office-")
	if err != nil {
		return nil, err
	}
	o, err := newOffice(binary, filepath.Join(b.bin, "bench-crm"), dir, agents, 20_000)
	if err != nil {
		return nil, err
	}
	b.offices = append(b.offices, o)
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
func (b *bench) smokepop(env ...string) (*smokepop, error) {
	o, err := b.installed()
	if err != nil {
		return nil, err
	}
	return o.serve(env...)
}

// baseline starts the plain server, whose frames have as many bytes as
// smokepop's; or, if that was asked for, another smokepop.
func (b *bench) baseline(env ...string) (s server, err error) {
	switch {
	case b.against != "":
		if b.other == nil {
			if b.other, err = b.install(b.against, b.size(b.agents, 250)); err != nil {
				return nil, err
			}
		}
		return b.other.serve(env...)
	case b.frame == 0:
		return nil, errors.New("the size of smokepop's frames is not known yet")
	}
	return startBaseline(filepath.Join(b.bin, "bench-baseline"), b.frame, env...)
}
