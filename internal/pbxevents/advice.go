package pbxevents

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

const maxHints = 8

// advisor gathers what an admin should change, from the fields of one webhook.
type advisor struct {
	lines    []string
	have     [fieldCount]bool
	mistaken []struct {
		name string
		id   fieldID
	}
}

// look takes one field in. id is what the field is taken as.
func (a *advisor) look(n *names, id fieldID, s sent) {
	text := strings.TrimSpace(s.text)
	switch {
	case unfilled(text):
		a.say(fmt.Sprintf("The PBX did not fill the variable of %q (%s): take it out of the template, or correct its name.", shorten(clean(s.name)), templateOf(text)))
		return
	case id == fEvent && text != "" && n.state(text) == "" && word(text) && len(text) <= 32:
		a.say(fmt.Sprintf("The event %q is none that is known. If it is one of the three, add its line: pbx: { event_names: { %s: [%s] } }", text, likelyState(text), text))
	}
	if id != unknownField {
		a.have[id] = a.have[id] || text != ""
		return
	}
	if like := likelyField(s.name); like != unknownField && word(s.name) && len(s.name) <= 64 {
		a.mistaken = append(a.mistaken, struct {
			name string
			id   fieldID
		}{s.name, like})
	}
}

func (a *advisor) say(line string) {
	if len(a.lines) < maxHints && !slices.Contains(a.lines, line) {
		a.lines = append(a.lines, line)
	}
}

// hints returns what was found. A name that looks like a field is only worth a
// line where the field itself is missing.
func (a *advisor) hints(req *http.Request, refused *refusal) []string {
	for _, m := range a.mistaken {
		if !a.have[m.id] {
			a.say(fmt.Sprintf("The name %q is not known and looks like %s. To use it, add: pbx: { aliases: { %s: [%s] } }", m.name, fieldNames[m.id], fieldNames[m.id], m.name))
		}
	}
	if refused != nil && refused.status == http.StatusUnauthorized && req.Header.Get("Authorization") == "" && req.Header.Get(TokenHeader) == "" {
		a.say("The webhook came without credentials: set its user name and password, or its header, on the PBX.")
	}
	if a.lines == nil {
		return []string{}
	}
	return a.lines
}

// likelyField returns the field that an unknown name probably means: by the
// names in Vodia's call records and other PBXs' events, else by its letters.
func likelyField(name string) fieldID {
	plain := plainName(name)
	switch plain {
	case "callidentifier", "uniqueid", "sessionid", "calluuid", "uuid", "callref", "linkid":
		return fCallID
	case "primaryid", "linkedid", "parentcallid", "maincallid":
		return fPrimary
	case "remoteparty", "callerid", "callernumber", "fromuser", "fromuri", "cli", "ani", "src", "source", "calleridnum", "phone", "phonenumber":
		return fFrom
	case "touser", "touri", "did", "dnis", "called", "callednumber", "dst", "destination", "dialednumber", "diallednumber":
		return fTo
	case "localparty", "agent", "agentid", "extensionnumber", "member", "username":
		return fExtension
	case "calldirection", "inout":
		return fDirection
	case "callername", "fromdisplayname", "calleridname", "displayname":
		return fFromName
	case "timestamp", "timestart", "eventtime", "starttime":
		return fTime
	case "huntgroup", "ringgroup", "queuename", "group", "acd":
		return fQueue
	case "eventname", "eventtype", "callstate", "status", "action":
		return fEvent
	case "answeredbyname", "connectedto", "pickedupby":
		return fAnsweredBy
	}
	best, field := 3, unknownField // at most two letters off, of names that are long enough to tell
	for id, known := range fieldNames {
		k := plainName(known)
		if d := distance(plain, k); d < best && d*3 <= len(k) {
			best, field = d, fieldID(id)
		}
	}
	return field
}

func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(shorten(s)))
}

func likelyState(event string) string {
	e := strings.ToLower(event)
	for _, w := range []string{"end", "hang", "term", "disc", "bye", "down", "finish", "complet", "cdr", "release"} {
		if strings.Contains(e, w) {
			return "terminated"
		}
	}
	for _, w := range []string{"conn", "answ", "up", "pick", "talk", "accept"} {
		if strings.Contains(e, w) {
			return "connected"
		}
	}
	return "ringing"
}

// distance counts the letters to insert, drop or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
