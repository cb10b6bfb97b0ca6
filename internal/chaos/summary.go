package chaos

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	// hitFor is how long after a fault has begun calls are counted as its own.
	hitFor = 10 * time.Second
	// late is from when on a call counts as held up.
	late = 500 * time.Millisecond
)

// Times are durations of one kind, in no order.
type Times []time.Duration

// Quantile returns the value below which so much of the times is; 0 without any.
func (t Times) Quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// Damage is what the faults of one kind have done. Lateness is from the first
// try to send the webhook until the pop was at the agent's page; a call counts
// for the last fault before it, if that began at most ten seconds ago.
type Damage struct {
	Kind   string
	Faults int
	// Owner is the lateness of calls of tenants that the machine owned, Page of
	// other calls to pages that were connected to it, Others of all others. For a
	// fault of NATS all are Owner.
	Owner, Page, Others Times
	// Back is for each fault and tenant it hit how long after it a call was still
	// held up: until the last one of which the pop was late was shown.
	Back Times
	// Taken is from the fault until another node owned each tenant of the
	// machine's, Lost until each page that lost its socket by it had lost it, and
	// Again until that page had one again: where the time goes that Back tells of.
	Taken, Lost, Again Times
	// Never is how many of the calls that were taken in were not shown at all:
	// the answer was there, and the node gone before the pop was.
	Never int
}

// Summary is what a history amounts to.
type Summary struct {
	Webhooks, Tries, Refused int // taken in; requests made; given up
	Pops, Pages, Reconnects  int
	Dropped                  int // pops that came again to a page that knew they were over
	Refreshes, Again         int // of tokens; and those sent again after an answer was lost
	Pairings, Unpairings     int
	Searches                 int
	Late                     Times // of all calls
	Damages                  []Damage
	Duration                 time.Duration // from the first webhook on
}

// Summary sums the history up.
func (h *History) Summary() Summary {
	x := h.index()
	s := Summary{Searches: len(x.Searches)}
	began := x.end
	for _, k := range x.Hooks {
		began = min(began, k.Began)
		s.Duration = x.end - began
		s.Tries += k.Tries
		if k.taken() {
			s.Webhooks++
		} else {
			s.Refused++
		}
	}
	for _, f := range x.Frames {
		if f.Dropped {
			s.Dropped++
		}
	}
	for _, frames := range x.shown {
		to := map[Agent]bool{}
		for _, f := range frames {
			to[f.Agent] = true
		}
		s.Pops += len(to)
	}
	pages := map[int]bool{}
	for _, c := range x.Connections {
		pages[c.Page] = true
	}
	s.Pages, s.Reconnects = len(pages), len(x.Connections)-len(pages)
	sent := map[string]bool{}
	for _, e := range x.Exchanges {
		if e.Token == "" {
			continue
		}
		s.Refreshes++
		if sent[e.Token] {
			s.Again++
		}
		sent[e.Token] = true
	}
	for _, p := range x.Pairings {
		switch {
		case !p.Acknowledged:
		case p.Unpair:
			s.Unpairings++
		default:
			s.Pairings++
		}
	}
	s.damage(x)
	return s
}

// rung is a call to one agent.
type rung struct {
	hook  Hook
	agent Agent
	late  time.Duration
	shown bool
}

func (s *Summary) damage(x *index) {
	var calls []rung
	for _, k := range x.Hooks {
		if k.State != "ringing" || !k.taken() {
			continue
		}
		for _, a := range k.Agents {
			if !x.paired(a, k.Began-time.Second, k.Ended+2*time.Second) {
				continue
			}
			at, shown := x.shownAt(k.Call, a)
			calls = append(calls, rung{k, a, at - k.Began, shown})
			if shown {
				s.Late = append(s.Late, at-k.Began)
			}
		}
	}
	slices.SortFunc(calls, func(a, b rung) int { return int(a.hook.Began - b.hook.Began) })
	kinds := map[string]*Damage{}
	var order []string
	for _, f := range x.Faults {
		d := kinds[f.Kind]
		if d == nil {
			d = &Damage{Kind: f.Kind}
			kinds[f.Kind] = d
			order = append(order, f.Kind)
		}
		d.Faults++
		first, _ := slices.BinarySearchFunc(calls, f.Began, func(r rung, at time.Duration) int { return int(r.hook.Began - at) })
		back := map[string]time.Duration{}
		until := f.Began + hitFor
		for _, next := range x.Faults {
			if next.Began > f.Began {
				until = min(until, next.Began)
			}
		}
		for _, r := range calls[first:] {
			if r.hook.Began >= until {
				break
			}
			d.add(x, f, r, back)
		}
		for _, b := range back {
			d.Back = append(d.Back, b)
		}
		d.phases(x, f, until)
	}
	slices.Sort(order)
	for _, kind := range order {
		s.Damages = append(s.Damages, *kinds[kind])
	}
}

// phases finds when those whom a fault has hit were helped.
func (d *Damage) phases(x *index, f Fault, until time.Duration) {
	for _, owners := range x.owners {
		owned := ""
		for _, o := range owners {
			if o.From > f.Began && o.From < until && owned == f.Node && o.Node != f.Node {
				d.Taken = append(d.Taken, o.From-f.Began)
				break
			}
			owned = o.Node
		}
	}
	for _, connections := range x.connections {
		for i, c := range connections {
			if c.Over > f.Began && c.Over < until && c.Began < f.Began && i+1 < len(connections) {
				d.Lost = append(d.Lost, c.Over-f.Began)
				d.Again = append(d.Again, connections[i+1].Began-f.Began)
				break
			}
		}
	}
}

func (d *Damage) add(x *index, f Fault, r rung, back map[string]time.Duration) {
	owned := !f.ofNode() || slices.Contains(x.ownersOf(r.agent.Tenant, f.Began-time.Second, f.Began), f.Node)
	at, there := x.connected(r.agent, f.Began, f.Began)
	page := there && at == f.Node
	if !r.shown {
		d.Never++
		return
	}
	switch {
	case owned:
		d.Owner = append(d.Owner, r.late)
		if page && f.Kind == FaultFreeze {
			return // a page cannot know that its node does nothing: it waits with it
		}
		held := time.Duration(0)
		if r.late > late {
			held = r.hook.Began + r.late - f.Began
		}
		back[r.agent.Tenant] = max(back[r.agent.Tenant], held)
	case page:
		d.Page = append(d.Page, r.late)
	default:
		d.Others = append(d.Others, r.late)
	}
}

func brief(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// Write prints the summary and the invariants as tables.
func (s Summary) Write(out io.Writer, violations []Violation) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	p("%v: %d webhooks taken in (%.0f a second), by %d requests; %d given up", s.Duration.Round(time.Second), s.Webhooks, float64(s.Webhooks)/max(1, s.Duration.Seconds()), s.Tries, s.Refused)
	p("%d pops at %d pages, which connected anew %d times; %d pops came again and were not shown", s.Pops, s.Pages, s.Reconnects, s.Dropped)
	p("%d refreshes of tokens, %d with a token whose answer was lost with its node; %d searches", s.Refreshes, s.Again, s.Searches)
	p("%d pairings and %d unpairings acknowledged", s.Pairings, s.Unpairings)
	p("lateness of all pops: p50 %s, p95 %s, p99 %s, most %s", brief(s.Late.Quantile(.5)), brief(s.Late.Quantile(.95)), brief(s.Late.Quantile(.99)), brief(s.Late.Quantile(1)))
	p("")
	p("fault\ttimes\ttenants hit: back after p50\tp95\tmost\ttheir pops p50\tp95\tpages hit p95\tothers p50\tp95\tp99\tnever shown")
	for _, d := range s.Damages {
		p("%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d", d.Kind, d.Faults, brief(d.Back.Quantile(.5)), brief(d.Back.Quantile(.95)), brief(d.Back.Quantile(1)),
			brief(d.Owner.Quantile(.5)), brief(d.Owner.Quantile(.95)), brief(d.Page.Quantile(.95)), brief(d.Others.Quantile(.5)), brief(d.Others.Quantile(.95)), brief(d.Others.Quantile(.99)), d.Never)
	}
	p("")
	p("fault\ttenants have another owner after p50\tp95\tmost\tpages lost\tafter p50\tp95\tconnected again after p50\tp95\tmost")
	for _, d := range s.Damages {
		p("%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s", d.Kind, brief(d.Taken.Quantile(.5)), brief(d.Taken.Quantile(.95)), brief(d.Taken.Quantile(1)), len(d.Lost),
			brief(d.Lost.Quantile(.5)), brief(d.Lost.Quantile(.95)), brief(d.Again.Quantile(.5)), brief(d.Again.Quantile(.95)), brief(d.Again.Quantile(1)))
	}
	p("")
	p("never\tseen")
	for _, name := range Invariants() {
		n := 0
		for _, v := range violations {
			if v.Invariant == name {
				n++
			}
		}
		p("%s\t%d", name, n)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	const most = 20
	for i, v := range violations {
		if i == most {
			_, err := fmt.Fprintf(out, "... and %d more\n", len(violations)-most)
			return err
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(v.String(), "\n")); err != nil {
			return err
		}
	}
	return nil
}
