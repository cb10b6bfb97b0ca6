package simulator

import (
	"slices"
	"time"
)

// RingGroup rings every member of the ring group; s.Agent answers, and the
// others stop.
func (f *Firm) RingGroup(s Setup) Scenario {
	group, leg := f.account(RingGroup600), f.leg(s)
	leg.Queue = group.Name
	by := f.account(s.Agent).Name
	sc := Scenario{
		Kind: KindRingGroup, Summary: "inbound " + s.Caller.Shown + " -> " + group.Number + " " + group.Name + ", " + s.Agent + " answers",
		Steps: []Step{leg.at(Step{Event: NewCall})},
	}
	add := func(extension string, st Step) {
		st.Extension, st.To = extension, f.inside(extension)
		sc.Steps = append(sc.Steps, leg.at(st))
	}
	members := slices.Clone(group.Members)
	if !slices.Contains(members, s.Agent) {
		members = append(members, s.Agent)
	}
	for i, m := range members {
		add(m, Step{At: time.Duration(i) * 20 * time.Millisecond, Event: NewCall})
	}
	add(s.Agent, Step{At: s.ring(), Event: Connect})
	for _, m := range members {
		e := f.sees(s, m, "inbound")
		if m != s.Agent {
			add(m, Step{At: s.ring() + 50*time.Millisecond, Event: CallEnd, AnsweredBy: by})
			e.End, e.AnsweredBy = "answered-elsewhere", by
		}
		sc.Expected = append(sc.Expected, e)
	}
	add(s.Agent, Step{At: s.end(), Event: CallEnd})
	sc.Steps = append(sc.Steps, leg.at(Step{At: s.end(), Event: CallEnd}))
	return sc.number()
}

// Queue is a call of the queue, which rings its members in turn: the first
// one lets it ring, s.Agent answers.
func (f *Firm) Queue(s Setup) Scenario {
	queue, leg := f.account(Queue700), f.leg(s)
	leg.Queue = queue.Name
	sc := Scenario{
		Kind: KindQueue, Summary: "inbound " + s.Caller.Shown + " -> " + queue.Number + " " + queue.Name + ", " + s.Agent + " answers",
		Steps: []Step{leg.at(Step{Event: NewCall})},
	}
	add := func(extension string, at time.Duration, kind EventKind) {
		sc.Steps = append(sc.Steps, leg.at(Step{At: at, Event: kind, Extension: extension, To: f.inside(extension)}))
	}
	if i := slices.IndexFunc(queue.Members, func(m string) bool { return m != s.Agent }); i >= 0 {
		first := queue.Members[i]
		add(first, 0, NewCall)
		add(first, s.ring()/2, CallEnd)
		sc.Expected = append(sc.Expected, f.sees(s, first, "inbound"))
	}
	add(s.Agent, s.ring()/2+20*time.Millisecond, NewCall)
	add(s.Agent, s.ring(), Connect)
	add(s.Agent, s.end(), CallEnd)
	sc.Steps = append(sc.Steps, leg.at(Step{At: s.end(), Event: CallEnd}))
	sc.Expected = append(sc.Expected, f.sees(s, s.Agent, "inbound"))
	return sc.number()
}

// Transfer is an inbound call that s.Agent answers and hands on to another
// agent, who answers too.
func (f *Firm) Transfer(s Setup, target string) Scenario {
	leg := f.leg(s)
	from, to := f.inside(s.Agent), f.inside(target)
	handed := s.ring() + s.talk()/2
	return Scenario{
		Kind: KindTransfer, Summary: "inbound " + s.Caller.Shown + " -> " + s.Agent + ", transferred to " + target,
		Steps: []Step{
			leg.at(Step{Event: NewCall}),
			leg.at(Step{Event: NewCall, Extension: s.Agent, To: from}),
			leg.at(Step{At: s.ring(), Event: Connect, Extension: s.Agent, To: from}),
			leg.at(Step{At: handed, Event: NewCall, Extension: target, To: to}),
			leg.at(Step{At: handed + 100*time.Millisecond, Event: CallEnd, Extension: s.Agent, To: from}),
			leg.at(Step{At: handed + s.ring(), Event: Connect, Extension: target, To: to}),
			leg.at(Step{At: handed + s.end(), Event: CallEnd, Extension: target, To: to}),
			leg.at(Step{At: handed + s.end(), Event: CallEnd}),
		},
		Expected: []Expected{f.sees(s, s.Agent, "inbound"), f.sees(s, target, "inbound")},
	}.number()
}

// SecondCall is a call that comes in while the agent speaks with another
// caller. The second one rings unanswered and gives up.
func (f *Firm) SecondCall(s, second Setup) Scenario {
	second.Agent = s.Agent
	sc, waiting := f.InboundAnswered(s), f.InboundMissed(second)
	for _, st := range waiting.Steps {
		st.At += s.ring() + time.Second
		sc.Steps = append(sc.Steps, st)
	}
	sc.Kind = KindSecondCall
	sc.Summary += ", and " + second.Caller.Shown + " waits"
	sc.Expected = append(sc.Expected, waiting.Expected...)
	return sc
}
