package vodia

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// The PBX writes a blank as null, "" or not at all, numbers as strings and the
// other way round, and names of fields with dashes, underscores or capitals.
// What has an unexpected kind is a blank here, never an error, so that one odd
// value cannot hide the others.

// maxText bounds a name or a number, in bytes.
const maxText = 256

// object is a JSON object by folded names of fields.
type object map[string]json.RawMessage

// fold makes from-number, from_number, fromNumber and FromNumber one name.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// decodeObject reads a JSON object; what is none is nil. Of two fields with
// one folded name the first by spelling that is not blank counts.
func decodeObject(b []byte) object {
	var raw map[string]json.RawMessage
	if !isObject(b) || json.Unmarshal(b, &raw) != nil {
		return nil
	}
	o := make(object, len(raw))
	for _, name := range sortedKeys(raw) {
		if k := fold(name); len(o[k]) == 0 || plain(o[k]) == "" && !isObject(o[k]) && !isList(o[k]) {
			o[k] = raw[name]
		}
	}
	return o
}

// text returns the first of the fields that is not blank.
func (o object) text(names ...string) string {
	for _, n := range names {
		if s := plain(o[fold(n)]); s != "" {
			return s
		}
	}
	return ""
}

// texts returns the first of the fields that holds a list with something in
// it, or a string of several.
func (o object) texts(names ...string) []string {
	for _, n := range names {
		if list := texts(o[fold(n)]); len(list) > 0 {
			return list
		}
	}
	return nil
}

// flag tells whether a field is true, and whether it says so at all.
func (o object) flag(name string) (value, said bool) {
	switch strings.ToLower(plain(o[fold(name)])) {
	case "true", "1", "yes":
		return true, true
	case "false", "0", "no":
		return false, true
	}
	return false, false
}

// plain returns a string, number or boolean as one clean line of text.
func plain(b json.RawMessage) string {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return ""
	}
	switch b[0] {
	case '"':
		var s string
		if json.Unmarshal(b, &s) != nil {
			return ""
		}
		return clean(s)
	case '{', '[', 'n':
		return ""
	}
	return clean(string(b))
}

// clean makes s a line of bounded length that can be shown.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") // may end within a character
	}
	return strings.TrimSpace(s)
}

// texts returns the items of a list that are text, or the words of a string.
func texts(b json.RawMessage) []string {
	var out []string
	if isList(b) {
		var items []json.RawMessage
		if json.Unmarshal(b, &items) != nil {
			return nil
		}
		for _, i := range items {
			if s := plain(i); s != "" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		return out
	}
	for _, s := range strings.FieldsFunc(plain(b), func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func isObject(b []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) }
func isList(b []byte) bool   { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) }

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
