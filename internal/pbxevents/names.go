package pbxevents

import (
	"fmt"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// FieldAliases are further names of one field, beside the built-in ones. Field
// is the field's first built-in name, such as "call_id".
type FieldAliases struct {
	Field string
	Names []string
}

// EventNames are a tenant's names for the three states, beside the built-in
// ones. Case does not matter.
type EventNames struct {
	Ringing    []string
	Connected  []string
	Terminated []string
}

// maxAliases bounds the further names of one field.
const maxAliases = 32

// firstAlias is the place of a field's first alias: behind every built-in name.
const firstAlias = 8

// alias is what a tenant's own name stands for.
type alias struct {
	id    fieldID
	place int
}

// names are the names a tenant's PBX uses. Built-in ones are found without
// them, so they cost nothing to whoever has none. They never change once made.
type names struct {
	fields map[string]alias
	events map[string]screenpop.State
}

// newNames refuses names that mean something else already, by key path.
func newNames(fields []FieldAliases, events EventNames) (*names, error) {
	n := &names{fields: map[string]alias{}, events: map[string]screenpop.State{}}
	for _, f := range fields {
		id := fieldNamed(f.Field)
		if id == unknownField {
			return nil, fmt.Errorf("pbx.aliases.%s: there is no such field", f.Field)
		}
		if len(f.Names) > maxAliases {
			return nil, fmt.Errorf("pbx.aliases.%s: has %d names, at most %d are supported", f.Field, len(f.Names), maxAliases)
		}
		for i, name := range f.Names {
			key, at := strings.ToLower(name), fmt.Sprintf("pbx.aliases.%s[%d]", f.Field, i)
			builtIn, _ := builtInField(key)
			other, taken := n.fields[key]
			switch {
			case key == "":
				return nil, fmt.Errorf("%s: is empty: write the name the PBX sends, or leave it out", at)
			case builtIn == id, taken && other.id == id:
				continue // it has this meaning already
			case builtIn != unknownField:
				return nil, fmt.Errorf("%s: %q is a built-in name of the field %s: let the PBX send another name", at, name, fieldNames[builtIn])
			case taken:
				return nil, fmt.Errorf("%s: %q is an alias of the field %s already", at, name, fieldNames[other.id])
			}
			n.fields[key] = alias{id, firstAlias + i}
		}
	}
	for _, s := range []struct {
		state screenpop.State
		names []string
	}{{screenpop.Ringing, events.Ringing}, {screenpop.Connected, events.Connected}, {screenpop.Terminated, events.Terminated}} {
		for i, name := range s.names {
			key, at := strings.ToLower(name), fmt.Sprintf("pbx.event_names.%s[%d]", s.state, i)
			builtIn, other := builtInState(key), n.events[key]
			switch {
			case key == "":
				return nil, fmt.Errorf("%s: is empty: write the name the PBX sends, or leave it out", at)
			case builtIn == s.state || other == s.state:
				continue
			case builtIn != "":
				return nil, fmt.Errorf("%s: %q is a built-in name of %s", at, name, builtIn)
			case other != "":
				return nil, fmt.Errorf("%s: %q is a name of %s already", at, name, other)
			}
			n.events[key] = s.state
		}
	}
	return n, nil
}

// field returns the field a key names and the key's place among the field's
// names.
func (n *names) field(key string) (fieldID, int) {
	id, place := builtInField(key)
	if id != unknownField || n == nil || len(n.fields) == 0 {
		return id, place
	}
	if a, ok := n.fields[lower(key)]; ok {
		return a.id, a.place
	}
	return unknownField, 0
}

// state returns the state an event's name stands for, or "".
func (n *names) state(event string) screenpop.State {
	s := builtInState(event)
	if s != "" || n == nil || len(n.events) == 0 {
		return s
	}
	return n.events[lower(event)]
}
