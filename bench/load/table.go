package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// What is written stands between these lines of the document, and replaces what
// stood there.
const (
	microBegins = "<!-- the microbenchmarks of make bench begin -->"
	microEnds   = "<!-- the microbenchmarks of make bench end -->"
	tableBegins = "<!-- the table of make bench begins -->"
	tableEnds   = "<!-- the table of make bench ends -->"
)

// table is the report for people.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Run of %s on %d processors, %s, smokepop %s, %d repetitions, in %s. Medians; in brackets the least and the most of all repetitions.\n\n",
		r.Began.Format("2006-01-02"), r.Processors, r.Go, r.Version, r.Repetitions, r.Took)
	b.WriteString("| case | figure | smokepop | baseline | ratio | target | |\n|---|---|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.Case, row.Figure,
			row.Smokepop.text(row.Unit), row.other(), row.Ratio.text(""), row.target(), row.verdict())
	}
	return b.String()
}

func (s *spread) text(unit string) string {
	if s == nil {
		return ""
	}
	text := significant(s.Median)
	if unit != "" {
		text += " " + unit
	}
	if s.Low != s.High {
		text += fmt.Sprintf(" (%s–%s)", significant(s.Low), significant(s.High))
	}
	return text
}

// other is what smokepop is compared with.
func (r row) other() string {
	if r.Itself {
		return "itself: " + r.Baseline.text(r.Unit)
	}
	return r.Baseline.text(r.Unit)
}

func (r row) target() string {
	if r.Target == nil {
		return ""
	}
	unit := ""
	if (r.Ratio == nil || r.Target.Own) && r.Unit != "" {
		unit = " " + r.Unit
	}
	if r.Target.AtMost != 0 {
		return "≤ " + significant(r.Target.AtMost) + unit
	}
	return "≥ " + significant(r.Target.AtLeast) + unit
}

func (r row) verdict() string {
	switch {
	case r.Met == nil:
		return ""
	case *r.Met:
		return "met"
	}
	return "**missed**"
}

// significant writes three digits that count, and no exponent.
func significant(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// writeTable puts the table into the document at path.
func (r *report) writeTable(path string) error {
	return replaceBetween(path, tableBegins, tableEnds, r.table())
}

// writeMicro puts what benchstat says into the document at path.
func writeMicro(path string, in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return replaceBetween(path, microBegins, microEnds, "```\n"+strings.TrimSpace(string(text))+"\n```\n")
}

// replaceBetween puts a text between two marks of a document.
func replaceBetween(path, begins, ends, text string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begun := bytes.Cut(doc, []byte(begins))
	_, after, ended := bytes.Cut(rest, []byte(ends))
	if !begun || !ended {
		return fmt.Errorf("%s has no place for this: it stands between the lines %q and %q", path, begins, ends)
	}
	var out bytes.Buffer
	out.Write(before)
	fmt.Fprintf(&out, "%s\n\n%s\n%s", begins, text, ends)
	out.Write(after)
	return os.WriteFile(path, out.Bytes(), 0o644)
}
