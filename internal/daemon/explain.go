package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// liveCalls are the receiver's calls and the hub's pops in the words of web.
type liveCalls struct {
	receiver *pbxevents.Receiver
	hub      *push.Hub
}

func (c liveCalls) Live(tenant screenpop.Tenant) ([]web.LiveCall, bool) {
	tenants := []screenpop.Tenant{tenant}
	if tenant == "" {
		tenants = c.receiver.Tenants()
	}
	var calls []web.LiveCall
	for _, t := range tenants {
		all := c.receiver.Underway(t)
		if all == nil {
			return nil, tenant == "" // taken out of the configuration just now
		}
		for _, u := range all {
			if n := len(calls); n == 0 || calls[n-1].Call != u.Call.ID || calls[n-1].Tenant != t {
				calls = append(calls, web.LiveCall{
					Tenant: t, Call: u.Call.ID, Direction: u.Call.Direction, Number: u.Call.Number.Masked(), Since: u.Call.Started,
				})
			}
			call := &calls[len(calls)-1]
			a := web.CallAgent{Extension: u.Agent.Extension, State: u.Call.State, Since: u.Call.Started}
			a.Pop, a.Screens = c.hub.Up(u.Agent, u.Call.ID)
			if a.Since.Before(call.Since) {
				call.Since = a.Since
			}
			call.Agents = append(call.Agents, a)
		}
	}
	return calls, true
}

// dryRuns are the receiver's tries in the words of web, with what a pop needs
// beside an event.
type dryRuns struct {
	captures // to know the tenant that is meant
	pairing  func(screenpop.AgentID) screenpop.Pairing
	screens  func(screenpop.AgentID) int
	settings func(screenpop.AgentID) screenpop.PopSettings
}

func (d dryRuns) DryRun(tenant screenpop.Tenant, s web.Sample) (web.Trial, error) {
	tenant, err := d.meant(tenant)
	if err != nil {
		return web.Trial{}, err
	}
	tried, err := d.receiver.Try(tenant, pbxevents.Sample(s))
	if errors.Is(err, pbxevents.ErrNoTenant) {
		return web.Trial{}, d.noTenant(tenant)
	}
	if err != nil {
		return web.Trial{}, err
	}
	trial := web.Trial{
		Tenant: tenant, Status: tried.Status, Verdict: tried.Verdict, Reason: tried.Reason,
		Call: tried.Call, State: tried.State, Direction: tried.Direction, Number: tried.Number.Canonical, Display: tried.Number.Display,
		Agents: []web.TrialAgent{}, Concerned: tried.Extensions, Fields: []web.TrialField{}, Hints: tried.Hints,
	}
	for _, e := range tried.Agents {
		trial.Agents = append(trial.Agents, web.TrialAgent{
			Extension: e.Agent.Extension, Queue: e.Call.Queue,
			Pairing: d.pairing(e.Agent.AgentID).State, Screens: d.screens(e.Agent.AgentID), Pops: d.settings(e.Agent.AgentID).PopsAt(e.Call.Direction),
		})
	}
	for _, f := range tried.Fields {
		trial.Fields = append(trial.Fields, web.TrialField(f))
	}
	return trial, nil
}

// DryRunProblem lets a captureProblem answer for dry runs too.
func (p captureProblem) DryRunProblem() (int, string) { return p.status, p.sentence }

// numbersOf is the finder's look through numbers in the words of web.
type numbersOf struct {
	finder *lookup.Finder
	now    func() time.Time
}

func (n numbersOf) Numbers(ctx context.Context, a screenpop.AgentID, progress func(web.NumbersProgress) error) (web.NumbersReport, error) {
	began := n.now()
	found, err := n.finder.Numbers(ctx, a, func(read, of int) error { return progress(web.NumbersProgress{Read: read, Of: of}) })
	if err != nil {
		return web.NumbersReport{}, doctorProblem(a, err)
	}
	report := web.NumbersReport{
		AgentID: a, Contacts: found.Contacts, WithoutNumber: found.WithoutNumber, Numbers: found.Fields, Good: found.Fields,
		Complete: found.Complete, Began: began, Milliseconds: n.now().Sub(began).Milliseconds(), Faults: []web.Fault{},
	}
	for _, f := range found.Faults {
		report.Good -= f.Count
		report.Bad += f.Count
		one := web.Fault{Reason: f.Reason, Count: f.Count, More: f.Count - len(f.Records), Records: []web.FaultRecord{}}
		one.Meaning, one.Do = faultMeans(f.Reason)
		for _, r := range f.Records {
			one.Records = append(one.Records, web.FaultRecord(r))
		}
		report.Faults = append(report.Faults, one)
	}
	return report, nil
}

// faultMeans says what a fault of a number is, and what to do.
func faultMeans(reason string) (meaning, do string) {
	switch reason {
	case string(numbering.FaultUnreadable):
		return "the field is too long to be looked at", "keep one number in the field and move the rest to a note"
	case string(numbering.FaultNoDigits):
		return "there is no digit in the field", "enter the number, or clear the field"
	case string(numbering.FaultOnlyExtension):
		return "the field holds an extension and no number before it", "enter the whole number; the extension has a box of its own"
	case string(numbering.FaultLetters):
		return "words or letters stand where digits are needed (1-800-FLOWERS)", "enter the digits"
	case string(numbering.FaultNoCountryCode):
		return "it looks like a number abroad without its plus", "write it with a plus and the country code"
	case string(numbering.FaultNoAreaCode):
		return "the area code is missing", "add the area code; in the North American plan numbers.area_code completes 7-digit numbers"
	case string(numbering.FaultTooShort):
		return "there are too few digits for a number", "enter the whole number"
	case string(numbering.FaultTooLong):
		return "there are more digits than a number has, or several numbers run together", "keep one number in each field, or part them with a comma"
	case string(numbering.FaultNoSuchNumber):
		return "no number of the country looks like this", "check the number; a foreign one needs a plus and its country code"
	case lookup.NotSearchable:
		return "the last digits are broken up, so that Smokeball's search does not find the number", "write the last digits together, such as 617-399-8147"
	}
	return "", ""
}
