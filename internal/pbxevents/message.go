package pbxevents

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// message is a call event as the PBX meant it.
type message struct {
	state      screenpop.State  // empty: an event that is none of ours
	call       screenpop.CallID // of the leg, where the PBX has one for each
	primary    screenpop.CallID // the call it belongs to; empty: not told
	from, to   party
	extensions []screenpop.Extension // named by the event itself, each once
	direction  screenpop.Direction   // empty: not told
	queue      string
	answeredBy string
	source     source // 0 is the webhook
	test       bool   // it is TestEvent

	came  *shapes  // for the trace; nil: it is of a list of live calls
	other []string // names of keys that are not known
}

// party is one side of a call.
type party struct {
	text  string // as it came
	user  string // its user part
	given bool   // false: the event does not tell; true and empty: withheld
}

const (
	maxField  = 1024 // bytes of a field's value; extensions count each
	maxCallID = 256
)

// read makes a message of an event's fields. It refuses what no event lacks:
// an event name and a call id. Whether parties may lack depends on the call.
func (m *message) read(f *fields, n *names) *refusal {
	if refused := check(f); refused != nil {
		return refused
	}
	if f[fEvent].text == "" {
		return bad(`Send the field "event": ringing, connected or terminated.`)
	}
	call := f[fCallID].text
	if call == "" {
		call = f[fID].text
	}
	if len(call) > maxCallID {
		return bad(fmt.Sprintf(`Send a "call_id" of at most %d bytes.`, maxCallID))
	}
	m.call = screenpop.CallID(call)
	if len(f[fPrimary].text) > maxCallID {
		return bad(fmt.Sprintf(`Send a "primary_call_id" of at most %d bytes.`, maxCallID))
	}
	m.primary = screenpop.CallID(f[fPrimary].text)
	if m.call == "" {
		m.call = m.primary
	}
	if m.state = n.state(f[fEvent].text); m.state == "" {
		m.test = f[fEvent].text == TestEvent
		return nil // not about a call: it need not have the rest
	}
	if m.call == "" {
		return bad(`Send the field "call_id" with the PBX's name of the call.`)
	}
	m.from = partyOf(&f[fFrom])
	m.to = partyOf(&f[fTo])
	m.extensions = extensionsOf(f[fExtension].list)
	m.direction = directionOf(f[fDirection].text)
	m.queue = f[fQueue].text
	m.answeredBy = f[fAnsweredBy].text
	return nil
}

// parties tells whether the event names any party, be it a withheld one.
func (m *message) parties() bool { return m.from.given || m.to.given }

// check refuses values that no PBX sends, whatever field they are in.
func check(f *fields) *refusal {
	for id := range f {
		if !sane(f[id].text) {
			return unfit(fieldID(id))
		}
		for _, e := range f[id].list {
			if !sane(e) {
				return unfit(fieldID(id))
			}
		}
	}
	return nil
}

func sane(s string) bool {
	if len(s) > maxField {
		return false
	}
	ascii := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(s)
}

func unfit(id fieldID) *refusal {
	return bad(fmt.Sprintf("Send the field %q as at most %d bytes of UTF-8 without control characters.", fieldNames[id], maxField))
}

func builtInState(event string) screenpop.State {
	switch lower(event) {
	case "newcall", "ringing", "alerting":
		return screenpop.Ringing
	case "connect", "connected", "answer":
		return screenpop.Connected
	case "call", "end", "hangup", "terminated", "disconnected":
		return screenpop.Terminated
	}
	return ""
}

// directionOf reads a direction; one that is neither is as good as none.
func directionOf(s string) screenpop.Direction {
	switch lower(s) {
	case "inbound", "in", "i":
		return screenpop.Inbound
	case "outbound", "out", "o":
		return screenpop.Outbound
	}
	return ""
}

func partyOf(v *value) party {
	p := party{text: v.text, given: v.given}
	p.user, _ = numbering.UserPart(v.text)
	return p
}

// extensionsOf reads the extensions an event names: accounts and URIs stand
// for their user part, and the star that Vodia puts beside some is not part of
// them.
func extensionsOf(list []string) []screenpop.Extension {
	if len(list) == 0 {
		return nil
	}
	named := make([]screenpop.Extension, 0, len(list))
	var known map[screenpop.Extension]struct{} // for lists too long to search
	if len(list) > 16 {
		known = make(map[screenpop.Extension]struct{}, len(list))
	}
	for _, s := range list {
		user, _ := numbering.UserPart(s)
		e := screenpop.Extension(strings.Trim(user, "* "))
		if e == "" || has(named, known, e) {
			continue
		}
		named = append(named, e)
		if known != nil {
			known[e] = struct{}{}
		}
	}
	return named
}

func has(list []screenpop.Extension, known map[screenpop.Extension]struct{}, e screenpop.Extension) bool {
	if known != nil {
		_, ok := known[e]
		return ok
	}
	for _, x := range list {
		if x == e {
			return true
		}
	}
	return false
}
