package pbxevents

import (
	"strings"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxCallID bounds a call id, in bytes. SIP call ids are far shorter.
const maxCallID = 256

// states are the event names we know. Any other is skipped.
var states = map[string]screenpop.State{
	"newcall": screenpop.Ringing, "ringing": screenpop.Ringing, "alerting": screenpop.Ringing,
	"connect": screenpop.Connected, "connected": screenpop.Connected, "answer": screenpop.Connected,
	"call": screenpop.Terminated, "end": screenpop.Terminated, "hangup": screenpop.Terminated,
	"terminated": screenpop.Terminated, "disconnected": screenpop.Terminated,
}

var directions = map[string]screenpop.Direction{
	"inbound": screenpop.Inbound, "in": screenpop.Inbound, "i": screenpop.Inbound,
	"outbound": screenpop.Outbound, "out": screenpop.Outbound, "o": screenpop.Outbound,
}

// event is one event of the PBX, decoded.
type event struct {
	state      screenpop.State // empty: a name we do not know
	call       screenpop.CallID
	from, to   party
	extensions []screenpop.Extension // those the event names, not those of its parties
	direction  screenpop.Direction   // empty: not given
	queue      string
	answeredBy string
}

// party is one side of a call as the PBX wrote it.
type party struct {
	given bool
	raw   string // empty: withheld
	user  string // the part that names an extension or a number
}

func newParty(values []string) party {
	if values == nil {
		return party{}
	}
	user, _ := numbering.UserPart(values[0])
	return party{given: true, raw: values[0], user: user}
}

// newEvent puts an event together: what the path says counts before the body,
// and the body before the query.
func newEvent(path, body, query *fields) (event, error) {
	get := func(f field) string {
		if v := over(f, path, body, query); v != nil {
			return v[0]
		}
		return ""
	}
	name := get(fieldEvent)
	if name == "" {
		return event{}, malformedf("event is missing: send event=ringing, connected or terminated")
	}
	e := event{state: states[strings.ToLower(name)]}
	if e.state == "" {
		return e, nil // whatever else it lacks, it is skipped
	}
	e.call = screenpop.CallID(get(fieldCallID))
	if e.call == "" {
		e.call = screenpop.CallID(get(fieldID))
	}
	switch {
	case e.call == "":
		return event{}, malformedf("call_id is missing: send the PBX's id of the call as call_id")
	case len(e.call) > maxCallID:
		return event{}, malformedf("call_id is longer than %d characters: send the PBX's id of the call only", maxCallID)
	}
	e.from, e.to = newParty(over(fieldFrom, path, body, query)), newParty(over(fieldTo, path, body, query))
	if e.state != screenpop.Terminated && !e.from.given && !e.to.given {
		return event{}, malformedf("from and to are missing: send the calling and the called number")
	}
	if d := get(fieldDirection); d != "" {
		if e.direction = directions[strings.ToLower(d)]; e.direction == "" {
			return event{}, malformedf("direction %s is not known: send inbound or outbound, or leave it out", quoted(d))
		}
	}
	for _, v := range over(fieldExtension, path, body, query) {
		if x := extensionOf(v); x != "" {
			e.extensions = append(e.extensions, x)
		}
	}
	e.queue, e.answeredBy = get(fieldQueue), get(fieldAnsweredBy)
	return e, nil
}

// extensionOf reads an extension the way the PBX may write it: plain, as
// account@domain or URI, with the star its call states put beside some.
func extensionOf(v string) screenpop.Extension {
	user, _ := numbering.UserPart(v)
	return screenpop.Extension(strings.Trim(user, "* "))
}
