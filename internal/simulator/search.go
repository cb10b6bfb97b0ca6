package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// term is one Search parameter: field, operator, value. Terms are ANDed.
type term struct {
	field string
	not   bool
	value string // lower case, wildcards and all
}

// parseTerm reads "field:value" and "field:!value". The order operators exist
// for numbers and dates only, and none of the fields here is one.
func parseTerm(s string, fields ...string) (term, error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		return term{}, fmt.Errorf("%q has no operator: write field:value", s)
	}
	t := term{field: strings.ToLower(name), value: strings.ToLower(value)}
	if !slices.Contains(fields, t.field) {
		return term{}, fmt.Errorf("%q cannot be searched: available are %s", name, strings.Join(fields, ", "))
	}
	if t.value, t.not = strings.CutPrefix(t.value, "!"); t.not {
		return t, nil
	}
	if strings.HasPrefix(t.value, ">") || strings.HasPrefix(t.value, "<") {
		return term{}, fmt.Errorf("%q is text: it has no order", name)
	}
	return t, nil
}

// pattern is a value with its wildcards taken off. A "*" counts at the start
// and at the end; in the middle it is a character.
type pattern struct {
	head, tail bool // may be anything before, after
	text       string
}

func wildcard(s string) pattern {
	var p pattern
	s, p.head = strings.CutPrefix(s, "*")
	s, p.tail = strings.CutSuffix(s, "*")
	p.text = s
	return p
}

func (p pattern) matches(value string) bool {
	switch {
	case value == "":
		return false
	case p.head && p.tail:
		return strings.Contains(value, p.text)
	case p.head:
		return strings.HasSuffix(value, p.text)
	case p.tail:
		return strings.HasPrefix(value, p.text)
	}
	return value == p.text
}
