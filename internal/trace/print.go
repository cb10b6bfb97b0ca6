package trace

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Print writes a call's way, to be read from top to bottom: events with the time
// they came, what followed with the milliseconds since, and at the end, for each
// agent, where the pop was or why there was none, and what to do.
func Print(out io.Writer, w *screenpop.Way, at *time.Location) {
	title := "Call " + string(w.Call)
	if w.Call == "" {
		title = "Webhooks that were no events"
	}
	for _, more := range []string{w.Number, string(w.Tenant), w.Began.In(at).Format(time.DateTime)} {
		if more != "" {
			title += "  " + more
		}
	}
	fmt.Fprintln(out, printable(title))
	for _, s := range w.Steps {
		when := s.Time.In(at).Format(time.TimeOnly + ".000")
		if s.Step != screenpop.StepEvent {
			when = fmt.Sprintf("+%.1f ms", s.After)
		}
		extension := string(s.Extension)
		if extension == "" {
			extension = "-"
		}
		fmt.Fprintf(out, "  %14s  %-6s %-7s %s\n", when, printable(extension), s.Step, printable(s.Text))
		for _, line := range s.More {
			fmt.Fprintf(out, "%34s%s\n", "", printable(line))
		}
	}
	for _, e := range w.Ends {
		what := "Why no pop"
		if e.Pop {
			what = "Pop"
		}
		if e.Extension != "" {
			what += " for " + string(e.Extension)
		}
		fmt.Fprintf(out, "  %s: %s.", printable(what), printable(strings.TrimSuffix(e.Why, ".")))
		if e.Do != "" {
			fmt.Fprintf(out, " What to do: %s", printable(e.Do))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}

// printable keeps what a PBX has sent from doing something to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
