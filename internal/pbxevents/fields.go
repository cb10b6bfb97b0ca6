package pbxevents

import (
	"fmt"
	"strings"
)

// field is one of the things an event may tell.
type field int

const (
	fieldEvent field = iota
	fieldCallID
	fieldFrom
	fieldTo
	fieldExtension
	fieldDirection
	fieldFromName
	fieldTime
	fieldID
	fieldQueue
	fieldAnsweredBy
	fieldCount
)

// names are the names a field goes by, the documented one first; where a body
// gives several, the earlier name counts. "id" is the event's id and only
// stands in for a call id that is not given otherwise.
var names = [fieldCount][]string{
	fieldEvent:      {"event", "state", "type"},
	fieldCallID:     {"call_id", "call-id", "callid"},
	fieldFrom:       {"from", "from_number", "caller"},
	fieldTo:         {"to", "to_number", "callee"},
	fieldExtension:  {"extension", "ext", "account", "user"},
	fieldDirection:  {"direction", "dir"},
	fieldFromName:   {"from_name", "from-display"},
	fieldTime:       {"time"},
	fieldID:         {"id"},
	fieldQueue:      {"queue"},
	fieldAnsweredBy: {"answered_by"},
}

// place is where a name's value goes: the field, and how far down the list of
// its names it stands.
type place struct {
	field field
	rank  int
}

var places = func() map[string]place {
	m := make(map[string]place)
	for f, list := range names {
		for rank, name := range list {
			m[name] = place{field(f), rank}
		}
	}
	return m
}()

// fields are the values of one source: the path, the body or the query. Only an
// extension may have several.
type fields struct {
	values [fieldCount][]string
	ranks  [fieldCount]int
}

// set stores a value under the name it came by, if that name means anything and
// no better name has given one. Absent values change nothing. A party that is
// given and empty is a withheld number, not an absent one.
func (f *fields) set(p place, values ...string) {
	party := p.field == fieldFrom || p.field == fieldTo
	kept := values[:0:0]
	for _, v := range values {
		v = strings.TrimSpace(v)
		if v == "" && !party || unfilled(v) {
			continue
		}
		kept = append(kept, v)
	}
	if len(kept) == 0 {
		return
	}
	if had := f.values[p.field]; had != nil {
		better := p.rank < f.ranks[p.field]
		if had[0] != "" && (!better || kept[0] == "") || had[0] == "" && kept[0] == "" {
			return
		}
	}
	f.values[p.field], f.ranks[p.field] = kept, p.rank
}

// unfilled tells whether a value is still in template form: the PBX had nothing
// to put in its place.
func unfilled(v string) bool { return strings.HasPrefix(v, "{") && strings.HasSuffix(v, "}") }

// over returns the first of the sources that has the field.
func over(f field, sources ...*fields) []string {
	for _, s := range sources {
		if s.values[f] != nil {
			return s.values[f]
		}
	}
	return nil
}

// malformed is what a sender did wrong, in one sentence that says what to fix.
type malformed struct{ detail string }

func (m malformed) Error() string { return m.detail }

func malformedf(format string, args ...any) error { return malformed{fmt.Sprintf(format, args...)} }
