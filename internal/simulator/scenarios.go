package simulator

// leg begins the steps of one call at the firm: every event of it is this with
// its own time, kind and extension.
func (f *Firm) leg(s Setup) Step {
	name := "WIRELESS CALLER" // what trunks tell who know nothing
	if len(s.Caller.Names) > 0 {
		name = s.Caller.Names[0]
	}
	return Step{
		CallID: s.ID, Direction: "inbound", FromName: name,
		From: f.present(s.Caller.Line, name, s.Shape), To: f.present(f.Main, f.Name, ShapeE164),
	}
}

func (st Step) at(s Step) Step {
	st.At, st.Event, st.Extension = s.At, s.Event, s.Extension
	if s.To != "" {
		st.To = s.To
	}
	if s.AnsweredBy != "" {
		st.AnsweredBy = s.AnsweredBy
	}
	return st
}

func (f *Firm) sees(s Setup, extension, direction string) Expected {
	e := Expected{Extension: extension, CallID: s.ID, Direction: direction, Line: s.Caller.Line, Names: s.Caller.Names, End: "terminated"}
	if len(e.Names) == 0 {
		e.Why = "nobody has the number"
	}
	return e
}

// InboundAnswered rings an agent, who answers.
func (f *Firm) InboundAnswered(s Setup) Scenario {
	leg, to := f.leg(s), f.inside(s.Agent)
	kind := KindInbound
	if len(s.Caller.Names) == 0 {
		kind = KindUnknown
	}
	return Scenario{
		Kind: kind, Summary: "inbound " + s.Caller.Shown + " -> " + s.Agent,
		Steps: []Step{
			leg.at(Step{Event: NewCall}),
			leg.at(Step{Event: NewCall, Extension: s.Agent, To: to}),
			leg.at(Step{At: s.ring(), Event: Connect, Extension: s.Agent, To: to}),
			leg.at(Step{At: s.end(), Event: CallEnd, Extension: s.Agent, To: to}),
			leg.at(Step{At: s.end(), Event: CallEnd}),
		},
		Expected: []Expected{f.sees(s, s.Agent, "inbound")},
	}.number()
}

// InboundMissed rings an agent until the caller gives up.
func (f *Firm) InboundMissed(s Setup) Scenario {
	leg, to := f.leg(s), f.inside(s.Agent)
	return Scenario{
		Kind: KindMissed, Summary: "inbound " + s.Caller.Shown + " -> " + s.Agent + ", missed",
		Steps: []Step{
			leg.at(Step{Event: NewCall}),
			leg.at(Step{Event: NewCall, Extension: s.Agent, To: to}),
			leg.at(Step{At: 2 * s.ring(), Event: CallEnd, Extension: s.Agent, To: to}),
			leg.at(Step{At: 2 * s.ring(), Event: CallEnd}),
		},
		Expected: []Expected{f.sees(s, s.Agent, "inbound")},
	}.number()
}

// Outbound is an agent's call to somebody outside.
func (f *Firm) Outbound(s Setup) Scenario {
	leg := Step{
		CallID: s.ID, Direction: "outbound", From: f.inside(s.Agent), FromName: f.account(s.Agent).Name,
		To: f.present(s.Caller.Line, "", s.Shape),
	}
	return Scenario{
		Kind: KindOutbound, Summary: "outbound " + s.Agent + " -> " + s.Caller.Shown,
		Steps: []Step{
			leg.at(Step{Event: NewCall}),
			leg.at(Step{Event: NewCall, Extension: s.Agent}),
			leg.at(Step{At: s.ring(), Event: Connect, Extension: s.Agent}),
			leg.at(Step{At: s.end(), Event: CallEnd, Extension: s.Agent}),
			leg.at(Step{At: s.end(), Event: CallEnd}),
		},
		Expected: []Expected{f.sees(s, s.Agent, "outbound")},
	}.number()
}
