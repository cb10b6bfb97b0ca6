package simulator

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Traffic is a firm's ordinary day on the telephone, around one agent whose
// screen somebody watches.
type Traffic struct {
	PBX  *PBX
	Firm *Firm
	// PerMinute is how many calls begin in a minute, evenly; 0 is 12.
	PerMinute float64
	// Agent is the extension that is watched; "" is the firm's first.
	Agent string
	// Calls ends the traffic after so many; 0 goes on until ctx ends.
	Calls    int
	Disorder Disorder
	Seed     uint64
	// Announce is told of each call as it begins, on the goroutine of Run.
	Announce func(Announcement)
}

// Announcement is a call that begins now.
type Announcement struct {
	At       time.Time
	Scenario Scenario
}

// String is the announcement as a line of a legend:
// "12:01:03 inbound (617) 555-0142 -> 101: Maria Castellanos".
func (a Announcement) String() string {
	return a.At.Format(time.TimeOnly) + " " + a.Scenario.Legend()
}

// maxLive bounds the calls that are on at once. A real firm has lines; what
// comes beyond waits its turn.
const maxLive = 64

// due is a step with the time it has to be sent.
type due struct {
	at      time.Time
	step    Step
	happens bool // on the PBX; else its webhook is sent
	last    bool // of its call
}

// Run makes calls until ctx ends or their number is reached, and then returns
// nil. Everything happens on the caller's goroutine, one webhook at a time.
func (t Traffic) Run(ctx context.Context) error {
	if t.PerMinute <= 0 {
		t.PerMinute = 12
	}
	if t.Agent == "" && len(t.Firm.Agents) > 0 {
		t.Agent = t.Firm.Agents[0].Extension
	}
	if t.PBX == nil || len(t.Firm.Agents) < 2 || len(t.Firm.Callers) < 2 {
		return fmt.Errorf("traffic needs a PBX, two agents and two callers")
	}
	r := rand.New(rand.NewPCG(t.Seed, 0x706f70))
	pace := time.Duration(float64(time.Minute) / t.PerMinute)
	run := crand.Text()[:6] // two runs never share a call id, whatever the seed

	var queue []due
	live, made := 0, 0
	next := t.PBX.opts.Now()
	for {
		more := t.Calls == 0 || made < t.Calls
		if !more && len(queue) == 0 {
			return nil
		}
		starting := more && live < maxLive && (len(queue) == 0 || !queue[0].at.Before(next))
		when := next
		if !starting {
			when = queue[0].at
		}
		if wait := when.Sub(t.PBX.opts.Now()); wait > 0 {
			if t.PBX.opts.Sleep(ctx, wait) != nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if !starting {
			if queue[0].happens {
				t.PBX.live.happen(queue[0].step, t.PBX.opts)
			} else {
				t.PBX.deliver(ctx, queue[0].step)
			}
			if queue[0].last {
				live--
			}
			queue = queue[1:]
			continue
		}
		whole := t.scenario(fmt.Sprintf("sim-%s-%d", run, made+1), made, r)
		sc := t.Disorder.Apply(r, whole)
		now := t.PBX.opts.Now()
		if t.Announce != nil {
			t.Announce(Announcement{now, sc})
		}
		for _, st := range whole.inOrder() {
			queue = append(queue, due{at: now.Add(st.At), step: st, happens: true})
		}
		for i, st := range sc.inOrder() {
			queue = append(queue, due{at: now.Add(st.At), step: st, last: i == len(sc.Steps)-1})
		}
		if len(sc.Steps) > 0 {
			live++
		}
		slices.SortStableFunc(queue, func(a, b due) int { return a.at.Compare(b.at) })
		made++
		if next = next.Add(pace); next.Before(now) {
			next = now // a pause, or a pace nobody can keep: do not catch up in a burst
		}
	}
}

// daily is the order of the first calls: what the watcher should see comes
// early, and every kind comes within the first dozen. Afterwards it repeats
// with other people.
var daily = [...]Kind{
	KindInbound, KindUnknown, KindOutbound, KindRingGroup, KindStarCode, KindMissed,
	KindInternal, KindWithheld, KindQueue, KindTransfer, KindInbound, KindSecondCall,
}

func (t Traffic) scenario(id string, n int, r *rand.Rand) Scenario {
	f := t.Firm
	known := slices.DeleteFunc(slices.Clone(f.Callers), func(c Caller) bool { return len(c.Names) == 0 })
	strangers := slices.DeleteFunc(slices.Clone(f.Callers), func(c Caller) bool { return len(c.Names) > 0 })
	if len(known) == 0 {
		known = f.Callers
	}
	if len(strangers) == 0 {
		strangers = known
	}
	s := Setup{ID: id, Agent: t.Agent, Caller: known[n%len(known)], Shape: Shape(n % int(shapes))}
	colleague := f.Agents[0].Extension
	if others := slices.DeleteFunc(slices.Clone(f.Agents), func(a Agent) bool { return a.Extension == t.Agent }); len(others) > 0 {
		colleague = others[r.IntN(len(others))].Extension
	}
	switch kind := daily[n%len(daily)]; kind {
	case KindUnknown:
		s.Caller = strangers[n%len(strangers)]
		return f.InboundAnswered(s)
	case KindOutbound:
		if s.Shape != ShapeE164 {
			s.Shape = ShapeDomestic // nobody dials a URI
		}
		return f.Outbound(s)
	case KindRingGroup:
		s.Agent = f.memberBeside(RingGroup600, t.Agent)
		return f.RingGroup(s)
	case KindStarCode:
		return f.StarCode(s, []string{"*97", "*78", "*87201"}[r.IntN(3)])
	case KindMissed:
		return f.InboundMissed(s)
	case KindInternal:
		return f.Internal(s, colleague)
	case KindWithheld:
		return f.Withheld(s)
	case KindQueue:
		return f.Queue(s)
	case KindTransfer:
		s.Agent = colleague
		return f.Transfer(s, t.Agent)
	case KindSecondCall:
		return f.SecondCall(s, Setup{ID: id + "-b", Caller: known[(n+5)%len(known)], Ring: time.Second})
	}
	return f.InboundAnswered(s)
}

// memberBeside returns a member of a group that is not this one, so that the
// watcher sees a call a colleague took.
func (f *Firm) memberBeside(group, extension string) string {
	members := f.account(group).Members
	i := slices.IndexFunc(members, func(m string) bool { return m != extension })
	return cmp.Or(append(members, extension)[max(i, 0)], extension)
}
