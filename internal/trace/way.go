package trace

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Ways puts lines, oldest first, together by call and tells them in plain words.
// The calls are in the order of their first lines.
func Ways(entries []screenpop.TraceEntry) []screenpop.Way {
	type key struct {
		tenant screenpop.Tenant
		call   screenpop.CallID
	}
	var order []key
	lines := map[key][]screenpop.TraceEntry{}
	for _, e := range entries {
		if e.Step == screenpop.StepFrame {
			continue
		}
		k := key{e.Tenant, e.Call}
		if lines[k] == nil {
			order = append(order, k)
		}
		lines[k] = append(lines[k], e)
	}
	ways := make([]screenpop.Way, 0, len(order))
	for _, k := range order {
		ways = append(ways, way(lines[k]))
	}
	return ways
}

// way tells one call's lines, of which there is at least one.
func way(lines []screenpop.TraceEntry) screenpop.Way {
	// An event's line has the time it came, and is recorded when it was decided about:
	// what follows from it may be on record before.
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b screenpop.TraceEntry) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(later(&a), later(&b)))
	})
	w := screenpop.Way{Tenant: lines[0].Tenant, Call: lines[0].Call, Began: lines[0].Time, Ends: ends(lines)}
	came := map[screenpop.Extension]time.Time{} // when the last event came for an agent; "" for everybody
	var latest time.Time                        // when any did
	for i := 0; i < len(lines); i++ {
		e := lines[i]
		if w.Number == "" {
			w.Number = e.Number
		}
		s := screenpop.WayStep{Time: e.Time, Extension: e.Extension, Step: e.Step, Verdict: e.Verdict, More: []string{}}
		if e.Step != screenpop.StepEvent {
			since := came[e.Extension]
			if all := came[""]; all.After(since) {
				since = all
			}
			if e.Step == screenpop.StepPush && (e.Verdict == "updated" || e.Verdict == "ended") {
				since = latest // a colleague's answer ends the pop
			}
			if !since.IsZero() {
				s.After = float64(e.Time.Sub(since).Microseconds()) / 1000
			}
			s.Text, s.More = told(&e)
			w.Steps = append(w.Steps, s)
			continue
		}
		came[e.Extension], latest = e.Time, e.Time
		// One event has a line for each agent.
		agents := []screenpop.Extension{}
		if e.Extension != "" {
			agents = append(agents, e.Extension)
		}
		for i+1 < len(lines) && sameEvent(&e, &lines[i+1]) {
			i++
			came[lines[i].Extension] = e.Time
			agents = append(agents, lines[i].Extension)
		}
		if len(agents) > 1 {
			s.Extension = ""
		}
		s.Text, s.More = toldEvent(&e, agents)
		w.Steps = append(w.Steps, s)
	}
	return w
}

// later orders an event before what follows from it at the same moment.
func later(e *screenpop.TraceEntry) int {
	if e.Step == screenpop.StepEvent {
		return 0
	}
	return 1
}

func sameEvent(a, b *screenpop.TraceEntry) bool {
	return b.Step == screenpop.StepEvent && a.Time.Equal(b.Time) && a.Verdict == b.Verdict && a.Detail == b.Detail && a.TraceFacts == b.TraceFacts && a.Extension != b.Extension
}

// toldEvent says what came and what was made of it.
func toldEvent(e *screenpop.TraceEntry, agents []screenpop.Extension) (text string, more []string) {
	more = []string{}
	whom := ""
	if len(agents) > 0 {
		whom = " for " + list(agents)
	}
	switch e.Verdict {
	case "accepted":
		text = e.Detail + " " + e.Verdict + whom
	case "joined":
		return e.Verdict + whom + ": " + e.Detail, more // the event itself has a line
	default:
		text = e.Verdict + whom
		if e.Rule != "" {
			text += ", by " + e.Rule
		}
		if e.Detail != "" {
			text += ": " + e.Detail
		}
	}
	if e.TraceFacts == nil {
		return text, more
	}
	if e.Listed {
		more = append(more, "told by the PBX's list of live calls")
	}
	if fields := e.Fields.All(); len(fields) > 0 {
		var b []string
		for _, f := range fields {
			one := f.Name
			if f.Field != "" {
				one += " (" + f.Field + ")"
			}
			b = append(b, one+" "+f.Shape)
		}
		more = append(more, "as it came: "+strings.Join(b, ", "))
	}
	if len(e.Unknown) > 0 {
		more = append(more, "fields that are not known: "+strings.Join(e.Unknown, ", "))
	}
	if e.Leg != "" {
		more = append(more, "the PBX's id of this leg: "+string(e.Leg))
	}
	return text, more
}

// told says what any other step did.
func told(e *screenpop.TraceEntry) (text string, more []string) {
	more = []string{}
	switch e.Step {
	case screenpop.StepLookup:
		return toldLookup(e)
	case screenpop.StepPush:
		switch e.Verdict {
		case "shown":
			return e.Verdict + ": the pop was sent to " + screens(e.Screens), more
		case "caught-up":
			return e.Verdict + ": the pop was sent to a screen that opened", more
		case "updated":
			return e.Verdict + ": an update was sent to " + screens(e.Screens), more
		case "ended":
			return e.Verdict + ": the end was sent to " + screens(e.Screens), more
		case "dismissed":
			return e.Verdict + ": the agent has closed the pop", more
		}
	}
	text = e.Verdict
	if e.Rule != "" {
		text += ", by " + e.Rule
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text, more
}

func toldLookup(e *screenpop.TraceEntry) (text string, more []string) {
	text, more = e.Verdict, []string{}
	if e.TraceFacts == nil {
		return sentence(text, e.Detail), more
	}
	if e.Cause != "" {
		text += " (" + string(e.Cause) + ")"
	}
	if e.Token != "" {
		more = append(more, "token: "+tokenWords(e.Token))
	}
	if len(e.Searches) == 0 {
		return sentence(text, e.Detail), more
	}
	if strings.HasPrefix(e.Detail, shared) {
		text += ", by the search of another phone that rings"
	}
	more = append(more, "search plan: "+strings.Join(e.Plan, ", then "))
	for _, s := range e.Searches {
		line := s.Search + ": "
		switch s.Result {
		case screenpop.SearchAnswered:
			line += strconv.Itoa(s.Hits) + " found"
			if s.Read != s.Hits {
				line += ", " + strconv.Itoa(s.Read) + " looked at"
			}
			line += ", " + strconv.Itoa(s.Verified) + " with the number"
		case screenpop.SearchNotAccepted:
			line += "Smokeball does not take it for a search"
		default:
			line += "no answer"
		}
		more = append(more, line+" ("+milliseconds(s.Took)+")")
	}
	return text, more
}

// shared is how package lookup begins the sentence of a search it did not make for
// this agent.
const shared = "shared with another phone's search"

func sentence(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}

func milliseconds(ms float64) string { return strconv.FormatFloat(ms, 'f', 1, 64) + " ms" }

func tokenWords(s screenpop.TokenState) string {
	switch s {
	case screenpop.TokenRefreshed:
		return "refreshed: it had ended, and the look-up waited for another"
	case screenpop.TokenRenewed:
		return "refreshed: Smokeball refused the one there was"
	case screenpop.TokenNotRefreshed:
		return "it has ended, and no other was to be had"
	case screenpop.TokenExpired:
		return "none: the authorisation has ended"
	case screenpop.TokenUnpaired:
		return "none: not paired"
	}
	return string(s)
}

func screens(n int) string {
	if n == 1 {
		return "1 screen"
	}
	return strconv.Itoa(n) + " screens"
}

func list(extensions []screenpop.Extension) string {
	b := make([]string, len(extensions))
	for i, e := range extensions {
		b[i] = string(e)
	}
	return strings.Join(b, ", ")
}
