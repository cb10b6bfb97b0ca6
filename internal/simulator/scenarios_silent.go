package simulator

import "time"

// Withheld is an inbound call whose caller hides the number.
func (f *Firm) Withheld(s Setup) Scenario {
	s.Caller = Caller{}
	sc := f.InboundAnswered(s)
	for i := range sc.Steps {
		sc.Steps[i].From, sc.Steps[i].FromName = `"Anonymous" <sip:anonymous@anonymous.invalid>`, "Anonymous"
	}
	sc.Kind, sc.Summary = KindWithheld, "inbound (withheld) -> "+s.Agent
	sc.Expected = []Expected{{Extension: s.Agent, CallID: s.ID, Why: "withheld number"}}
	return sc
}

// StarCode is an agent dialling a feature code of the PBX, such as "*97".
func (f *Firm) StarCode(s Setup, code string) Scenario {
	sc := f.between(s, code)
	sc.Kind, sc.Summary = KindStarCode, s.Agent+" dials "+code
	sc.Expected = []Expected{{Extension: s.Agent, CallID: s.ID, Why: "star code"}}
	return sc
}

// Internal is a call from one extension to another, or to a group or a
// mailbox of the firm's own.
func (f *Firm) Internal(s Setup, to string) Scenario {
	sc := f.between(s, to)
	sc.Kind, sc.Summary = KindInternal, "internal "+s.Agent+" -> "+to
	sc.Expected = []Expected{{Extension: s.Agent, CallID: s.ID, Why: "internal call"}}
	if f.account(to).Name == "" {
		return sc
	}
	for _, st := range sc.Steps {
		if st.Extension != "" {
			st.Extension = to
			sc.Steps = append(sc.Steps, st)
		}
	}
	sc.Expected = append(sc.Expected, Expected{Extension: to, CallID: s.ID, Why: "internal call"})
	return sc.number()
}

// between is a call of s.Agent's that never leaves the PBX. A PBX calls these
// outbound as well, when it says anything.
func (f *Firm) between(s Setup, to string) Scenario {
	leg := Step{CallID: s.ID, Direction: "outbound", From: f.inside(s.Agent), FromName: f.account(s.Agent).Name, To: "<sip:" + to + "@" + f.Domain + ">"}
	return Scenario{Steps: []Step{
		leg.at(Step{Event: NewCall}),
		leg.at(Step{Event: NewCall, Extension: s.Agent}),
		leg.at(Step{At: 500 * time.Millisecond, Event: Connect, Extension: s.Agent}),
		leg.at(Step{At: s.end() / 2, Event: CallEnd, Extension: s.Agent}),
		leg.at(Step{At: s.end() / 2, Event: CallEnd}),
	}}.number()
}
