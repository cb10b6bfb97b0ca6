package pbxevents

import (
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// shapes are the fields of one event as they came, for the trace. They hold no
// value, and are put into words when somebody reads them.
type shapes struct {
	names  *names
	fields []fieldShape
}

type fieldShape struct {
	shape shape
	id    int8 // a fieldID: thousands are kept
	place uint8
}

// shapesOf looks at what an event tells.
func (n *names) shapesOf(f *fields) *shapes {
	count := 0
	for id := range fOther {
		if f[id].given {
			count++
		}
	}
	s := &shapes{names: n, fields: make([]fieldShape, 0, count)}
	for id := range fOther {
		v := &f[id]
		if !v.given {
			continue
		}
		one := fieldShape{id: int8(id), place: uint8(v.place)}
		switch {
		case id == fEvent && n.state(v.text) != "", id == fDirection && directionOf(v.text) != "":
			one.shape = shape{kind: shapeWord, word: ownWord(v.text)} // of a closed set
		case len(v.list) == 1:
			one.shape = shapeOf(v.list[0], masked(id))
		case len(v.list) > 1:
			one.shape = shape{kind: shapeList}
		default:
			one.shape = shapeOf(v.text, masked(id))
		}
		s.fields = append(s.fields, one)
	}
	return s
}

// ownWord returns s without what it may be a part of: the usual ones cost nothing.
func ownWord(s string) string {
	for _, usual := range [...]string{"ringing", "connected", "terminated", "newcall", "connect", "call", "inbound", "outbound"} {
		if s == usual {
			return usual
		}
	}
	return strings.Clone(s)
}

// TraceFields implements what [screenpop.FieldsOf] wants.
func (s *shapes) TraceFields() []screenpop.TraceField {
	all := make([]screenpop.TraceField, 0, len(s.fields))
	for _, f := range s.fields {
		id := fieldID(f.id)
		one := screenpop.TraceField{Name: s.names.nameAt(id, int(f.place)), Shape: f.shape.String()}
		if taken := fieldNames[id]; taken != one.Name {
			one.Field = taken
		}
		all = append(all, one)
	}
	return all
}

// nameAt is the name that a field goes by at a place, which may be one of the
// tenant's own.
func (n *names) nameAt(id fieldID, place int) string {
	if place < firstAlias {
		return builtInName(id, place)
	}
	if n != nil {
		for name, a := range n.fields {
			if a.id == id && a.place == place {
				return name
			}
		}
	}
	return fieldNames[id]
}
