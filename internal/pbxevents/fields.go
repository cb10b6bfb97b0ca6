package pbxevents

import "strings"

// fieldID names what an event may tell. The templates that send it are written
// by admins, so each goes by several names.
type fieldID int

const (
	fEvent fieldID = iota
	fCallID
	fPrimary
	fFrom
	fTo
	fExtension
	fDirection
	fFromName
	fTime
	fID
	fQueue
	fAnsweredBy
	fOther // the names of keys that are none of the above
	fieldCount
	unknownField fieldID = -1
)

// fieldNames are the fields' first names.
var fieldNames = [fieldCount]string{
	"event", "call_id", "primary_call_id", "from", "to", "extension", "direction", "from_name", "time", "id", "queue", "answered_by", "",
}

func fieldNamed(name string) fieldID {
	for id, n := range fieldNames {
		if n == name && n != "" {
			return fieldID(id)
		}
	}
	return unknownField
}

// builtInField returns the field a key names and the key's place among the
// field's names: where a sender uses several, the one with the lowest place that
// says something holds. A key's case does not matter.
func builtInField(key string) (fieldID, int) {
	switch lower(key) {
	case "event":
		return fEvent, 0
	case "state":
		return fEvent, 1
	case "type":
		return fEvent, 2
	case "call_id":
		return fCallID, 0
	case "call-id":
		return fCallID, 1
	case "callid":
		return fCallID, 2
	case "primary_call_id":
		return fPrimary, 0
	case "primary-call-id":
		return fPrimary, 1
	case "primarycallid":
		return fPrimary, 2
	case "from":
		return fFrom, 0
	case "from_number":
		return fFrom, 1
	case "caller":
		return fFrom, 2
	case "to":
		return fTo, 0
	case "to_number":
		return fTo, 1
	case "callee":
		return fTo, 2
	case "extension":
		return fExtension, 0
	case "ext":
		return fExtension, 1
	case "account":
		return fExtension, 2
	case "user":
		return fExtension, 3
	case "direction":
		return fDirection, 0
	case "dir":
		return fDirection, 1
	case "from_name":
		return fFromName, 0
	case "from-display":
		return fFromName, 1
	case "time":
		return fTime, 0
	case "id":
		return fID, 0
	case "queue":
		return fQueue, 0
	case "answered_by":
		return fAnsweredBy, 0
	}
	return unknownField, 0
}

// lower is strings.ToLower without its allocation for keys that are lower case
// already, as nearly all are.
func lower(key string) string {
	for i := range len(key) {
		if c := key[i]; c >= 'A' && c <= 'Z' || c >= 0x80 {
			return strings.ToLower(key)
		}
	}
	return key
}

// builtInName is the name of a field at a place: what builtInField reads.
func builtInName(id fieldID, place int) string {
	names := [fieldCount][]string{
		fEvent: {"event", "state", "type"}, fCallID: {"call_id", "call-id", "callid"},
		fPrimary: {"primary_call_id", "primary-call-id", "primarycallid"},
		fFrom:    {"from", "from_number", "caller"}, fTo: {"to", "to_number", "callee"},
		fExtension: {"extension", "ext", "account", "user"}, fDirection: {"direction", "dir"},
		fFromName: {"from_name", "from-display"}, fTime: {"time"}, fID: {"id"}, fQueue: {"queue"}, fAnsweredBy: {"answered_by"},
	}[id]
	if place < len(names) {
		return names[place]
	}
	return ""
}

// maxOther is how many names of unknown keys are kept.
const maxOther = 8

// other keeps the name of a key that is not known, if it is a name.
func (f *fields) other(key string) {
	v := &f[fOther]
	if len(v.list) >= maxOther {
		return
	}
	v.given = true
	if len(key) > 64 || !word(key) {
		key = "(not a name)"
	}
	v.list = append(v.list, strings.Clone(key))
}

// value is what one source says of a field. A field that is given but empty is
// told from one that is absent: an empty caller is a withheld one.
type value struct {
	text  string
	list  []string // of fExtension only
	place int
	given bool
	seen  uint64 // the names used, one bit each
}

func (v *value) empty() bool { return v.text == "" && len(v.list) == 0 }

// fields is what one source (path, body, query) says.
type fields [fieldCount]value

// set takes a value in and returns false when its name came before.
func (f *fields) set(id fieldID, place int, text string) bool {
	v := &f[id]
	if v.seen&(1<<place) != 0 {
		return false
	}
	v.seen |= 1 << place
	text = strings.TrimSpace(text)
	if unfilled(text) {
		return true
	}
	if id == fExtension {
		v.put(place, "", splitList(nil, text))
		return true
	}
	v.put(place, text, nil)
	return true
}

// setList is set for a list of extensions.
func (f *fields) setList(place int, texts []string) bool {
	v := &f[fExtension]
	if v.seen&(1<<place) != 0 {
		return false
	}
	v.seen |= 1 << place
	var list []string
	for _, t := range texts {
		if t = strings.TrimSpace(t); !unfilled(t) {
			list = splitList(list, t)
		}
	}
	v.put(place, "", list)
	return true
}

func (v *value) put(place int, text string, list []string) {
	empty := text == "" && len(list) == 0
	if !v.given || v.empty() && !empty || v.empty() == empty && place < v.place {
		v.text, v.list, v.place, v.given = text, list, place, true
	}
}

// under fills what f does not say from a source that f goes before. A party
// that is given but empty says something, any other empty field does not.
func (f *fields) under(g *fields) {
	for id := range f {
		party := fieldID(id) == fFrom || fieldID(id) == fTo
		if !f[id].given || f[id].empty() && !party {
			f[id] = g[id]
		}
	}
}

// unfilled tells whether a value is a template's variable that the PBX did not
// replace.
func unfilled(s string) bool {
	return len(s) >= 2 && s[0] == '{' && s[len(s)-1] == '}'
}

func splitList(to []string, s string) []string {
	for s != "" {
		var one string
		one, s, _ = strings.Cut(s, ",")
		if one = strings.TrimSpace(one); one != "" && !unfilled(one) {
			to = append(to, one)
		}
	}
	return to
}
