package trace

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// ends says for each agent what came of a call, in the order of their extensions.
// Where nobody had it, one end without an extension says why.
func ends(lines []screenpop.TraceEntry) []screenpop.WayEnd {
	var agents []screenpop.Extension
	had := map[screenpop.Extension]bool{} // the call, not only an event about it
	of := map[screenpop.Extension][]screenpop.TraceEntry{}
	anybody := false
	for _, e := range lines {
		if of[e.Extension] == nil {
			agents = append(agents, e.Extension)
		}
		of[e.Extension] = append(of[e.Extension], e)
		if e.Extension != "" && (e.Step != screenpop.StepEvent || e.Verdict == "accepted" || e.Verdict == "joined") {
			had[e.Extension], anybody = true, true
		}
	}
	slices.SortFunc(agents, func(a, b screenpop.Extension) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	var all []screenpop.WayEnd
	for _, agent := range agents {
		// What is skipped on one level may be told on another: only who had the
		// call counts then, and whoever was left out.
		if anybody && !had[agent] && (agent == "" || !leftOut(of[agent])) {
			continue
		}
		e := end(of[agent])
		e.Extension = agent
		all = append(all, e)
	}
	if all == nil {
		all = []screenpop.WayEnd{}
	}
	return all
}

// leftOut tells whether an agent was meant by an event and is none of ours to show
// a pop to.
func leftOut(lines []screenpop.TraceEntry) bool {
	return slices.ContainsFunc(lines, func(e screenpop.TraceEntry) bool {
		return e.Verdict == string(screenpop.SkipOutOfScope) || e.Verdict == string(screenpop.SkipUnknownExtension)
	})
}

// weight orders lines by how much they say about whether there was a pop. Of lines
// that say as much the last counts, of skipped events the first: what comes later
// only follows from it.
func weight(e *screenpop.TraceEntry) int {
	switch e.Step {
	case screenpop.StepPush:
		switch e.Verdict {
		case "shown", "caught-up":
			return 9
		case "updated", "ended", "dismissed", "pushed-out":
			return 8 // its beginning is not on record any more
		}
		return 7
	case screenpop.StepFlow:
		switch e.Verdict {
		case "waiting", "no-page":
			return 2
		case "carried-over":
			return 8
		case "matters", "no-matters":
			return 0
		case string(screenpop.OutcomePopsOff), string(screenpop.OutcomeTooLate), string(screenpop.OutcomeUnwatched):
			return 6
		}
		return 4 // the look-up's line says more
	case screenpop.StepLookup:
		return 5
	}
	switch e.Verdict {
	case "joined":
		return 6
	case "accepted":
		return 1
	case string(screenpop.SkipDuplicate), string(screenpop.SkipOutOfOrder):
		return 0
	}
	return 3
}

// end says what came of a call by the line that says most.
func end(lines []screenpop.TraceEntry) screenpop.WayEnd {
	best := &lines[0]
	for i := range lines {
		e := &lines[i]
		if w, b := weight(e), weight(best); w > b || w == b && e.Step != screenpop.StepEvent {
			best = e
		}
	}
	switch best.Step {
	case screenpop.StepPush:
		return endPush(best, lines)
	case screenpop.StepFlow:
		return endFlow(best, lines)
	case screenpop.StepLookup:
		return endLookup(best)
	}
	return endEvent(best)
}

func no(why, do string) screenpop.WayEnd { return screenpop.WayEnd{Why: why, Do: do} }

func endPush(e *screenpop.TraceEntry, lines []screenpop.TraceEntry) screenpop.WayEnd {
	switch e.Verdict {
	case "shown", "caught-up":
		most := 0
		for _, l := range lines {
			if l.Step == screenpop.StepPush {
				most = max(most, l.Screens)
			}
		}
		why := "there was a pop, on " + screens(most)
		if e.Verdict == "caught-up" && most <= 1 {
			why = "there was a pop, on a page that was opened during the call"
		}
		if slices.ContainsFunc(lines, func(l screenpop.TraceEntry) bool { return l.Verdict == "dismissed" }) {
			why += ", until the agent closed it"
		}
		return screenpop.WayEnd{Pop: true, Why: why}
	case "updated", "ended", "dismissed", "pushed-out":
		return screenpop.WayEnd{Pop: true, Why: "there was a pop; its beginning is not on record any more"}
	case "no-screen":
		return no("the contact was found, and the agent had no page open", "The agent opens smokepop's page; one that is opened while the call lasts still shows it.")
	case "unpaired":
		return no("the agent unpaired while the number was looked up", "The agent presses Pair with Smokeball.")
	}
	return no("a fault in smokepop kept the pop back", "Report it, with the log.")
}

func endFlow(e *screenpop.TraceEntry, lines []screenpop.TraceEntry) screenpop.WayEnd {
	switch {
	case e.Verdict == "carried-over":
		return screenpop.WayEnd{Pop: true, Why: "smokepop restarted during the call; a pop that was there came back"}
	case e.Verdict == "waiting":
		return no("the phone still rings, and the agent's settings show a pop when the call is answered", "Nothing; or set pops.on to ringing.")
	case e.Verdict == "no-page", e.Verdict == string(screenpop.OutcomeUnwatched):
		return no("the agent had no page open, and nobody was looked up", "The agent opens smokepop's page; one that is opened while the call lasts still shows it.")
	case e.Rule == "pops.on":
		return no("the agent's settings show a pop when a call is answered, and this one was not", "Nothing; or set pops.on to ringing.")
	case e.Verdict == string(screenpop.OutcomePopsOff):
		return no(e.Detail, "The agent turns them on in the page's settings, or the firm in the configuration ("+e.Rule+").")
	case e.Verdict == string(screenpop.OutcomeTooLate):
		for i := range lines {
			if l := &lines[i]; l.Step == screenpop.StepLookup && l.TraceFacts != nil && l.Cause != "" && l.Cause != screenpop.CauseCallEnded {
				return endLookup(l)
			}
		}
		return no("the call ended before the number was looked up", "Nothing for a short call. If it is so often: how long do look-ups take (smokepop_lookup_seconds)?")
	}
	return no(e.Detail, "")
}

func endLookup(e *screenpop.TraceEntry) screenpop.WayEnd {
	var facts screenpop.TraceFacts
	if e.TraceFacts != nil {
		facts = *e.TraceFacts
	}
	switch screenpop.Outcome(e.Verdict) {
	case screenpop.OutcomeMatched:
		return no("the contact was found, and the call had ended", "Nothing.")
	case screenpop.OutcomeNotPaired:
		if facts.Token == screenpop.TokenExpired {
			return no("the agent's authorisation at Smokeball has ended", "The agent opens the page and presses Pair again.")
		}
		return no("the agent is not paired with Smokeball", "The agent opens the page and presses Pair with Smokeball.")
	case screenpop.OutcomeNoMatch:
		found, verified := 0, 0
		for _, s := range facts.Searches {
			found, verified = found+s.Read, verified+s.Verified
		}
		const do = "Is the number typed whole at the contact in Smokeball? smokepopd numbers counts those that can never match. pops.unknown: card shows a card for such callers."
		if found > 0 && verified == 0 {
			return no("nobody in Smokeball has this number: the "+contacts(found)+" that the search brought have others", do)
		}
		return no("nobody in Smokeball has this number", do)
	}
	return endCause(e, facts)
}

// endCause says why a look-up has no answer.
func endCause(e *screenpop.TraceEntry, facts screenpop.TraceFacts) screenpop.WayEnd {
	if facts.Token == screenpop.TokenNotRefreshed && facts.Cause != screenpop.CauseRateLimit {
		return no("the agent's token had ended, and Smokeball's sign-in gave no other", "smokepopd agents list says what is wrong; it is tried again at the next call.")
	}
	switch facts.Cause {
	case screenpop.CauseCallEnded:
		return no("the call ended while the number was looked up", "Nothing for a short call.")
	case screenpop.CauseRateLimit:
		return no("Smokeball's rate limit: there was no request free in time", "If it is so often, let colleagues' phones share a search (lookup.share: tenant), and ask Smokeball for a higher limit; see smokepop_smokeball_rate_limited_total.")
	case screenpop.CauseTimeout:
		return no("Smokeball did not answer in time", "Smokeball's status page; lookup.timeout is how long it has.")
	case screenpop.CauseUnreachable:
		return no("Smokeball could not be reached", "smokepopd doctor: name resolution, firewall and proxy of this machine.")
	case screenpop.CausePaused:
		return no("Smokeball had failed again and again, and is left alone for some seconds", "Smokeball's status page. It is tried again by itself.")
	case screenpop.CauseServerError:
		return no("Smokeball answered with an error of its own", "Smokeball's status page. It is tried again at the next call.")
	case screenpop.CauseBadAnswer:
		return no("Smokeball's answer was not what was asked for", "Is it a proxy that answers? smokepopd doctor.")
	case screenpop.CauseUnauthorized:
		return no("Smokeball does not accept the agent's sign-in (401)", "The agent pairs again; then check the app's scope contacts/read.")
	case screenpop.CauseForbidden:
		return no("Smokeball does not let this agent look up contacts (403)", "Check the API key, the scope contacts/read, and that this person may see contacts in Smokeball.")
	case screenpop.CauseNoSearch:
		return no("Smokeball accepts none of the searches of lookup.search", "smokepopd doctor --number finds out which it accepts.")
	}
	return no(e.Detail, "smokepopd agents list and smokepopd doctor say what is wrong.")
}

func contacts(n int) string {
	if n == 1 {
		return "one contact"
	}
	return strconv.Itoa(n) + " contacts"
}

func endEvent(e *screenpop.TraceEntry) screenpop.WayEnd {
	switch e.Verdict {
	case "accepted":
		if e.Detail == string(screenpop.Terminated) {
			return no("the call has ended; its beginning is not on record any more", "")
		}
		return no("the number is being looked up", "Look again in a moment.")
	case "joined":
		return no(e.Detail, "Nothing: the pop is that call's.")
	case "full":
		return no("more events were waiting than smokepop holds; the PBX was told to send this one again", "Is Smokeball answering? See smokepop_lookup_seconds.")
	case "malformed", "unsupported-type", "too-large":
		return no("the webhook could not be taken for an event", e.Detail)
	}
	return endSkip(e)
}

func endSkip(e *screenpop.TraceEntry) screenpop.WayEnd {
	const right = "Nothing: that is right."
	switch screenpop.Skip(e.Verdict) {
	case screenpop.SkipStarCode:
		return no("one party is a feature code of the PBX", right+" pbx.star_prefixes says which they are.")
	case screenpop.SkipInternalCall:
		if e.Rule == "agents" || e.Rule == "" {
			return no("both parties are extensions of the firm", right)
		}
		return no("both parties count as extensions of the firm, one of them by "+e.Rule, right+" If it was an outside call, narrow "+e.Rule+" and reload.")
	case screenpop.SkipState:
		return no("the event is none of ringing, connected and terminated", "Nothing, if the PBX tells of other things too. Else add its name to pbx.event_names.")
	case screenpop.SkipUnknownExtension:
		return no("the event names no extension that smokepop knows", "Put the extension into the webhook's address (smokepopd vodia subscribe), or add the agent to agents and reload.")
	case screenpop.SkipOutOfScope:
		return no("the extension is known and not in the tenant's scope", "Widen scope and reload.")
	case screenpop.SkipNoNumber:
		do := "Nothing for a withheld number. If every call says so, the template's variable for the caller is not filled in: smokepopd vodia capture."
		if e.TraceFacts != nil && len(e.Unknown) > 0 {
			do = "Is the caller in one of the fields that are not known? Then add its name to pbx.aliases.from. Else nothing: the number is withheld."
		}
		return no("the other party's number is withheld, or is no number", do)
	case screenpop.SkipIgnoredNumber:
		return no("the number is in pbx.ignore_numbers", "Take it out and reload.")
	case screenpop.SkipDuplicate:
		return no("the PBX has told this before", "Nothing: it told it twice, or on two levels.")
	case screenpop.SkipOutOfOrder:
		return no("an end without a beginning, or ringing after an answer", "Nothing, if it is rare. If no call pops: does the PBX send newcall, with the same call id?")
	}
	return no(e.Detail, "")
}
