package vodia

import (
	"encoding/json"
	"strings"
)

// maxRecords bounds a list.
const maxRecords = 20_000

// record is one item of a list, with the key it stood under, if it did.
type record struct {
	key   string
	value json.RawMessage
	object
}

// records finds the list in an answer: the answer itself, a list within it
// under one of names, or an object whose fields are the items. Items that are
// neither object nor text are left out. A false ok means that there is none.
func records(b []byte, names ...string) (list []record, ok bool) {
	if isList(b) {
		var items []json.RawMessage
		if json.Unmarshal(b, &items) != nil {
			return nil, false
		}
		list = make([]record, 0, len(items))
		for _, i := range items {
			list = appendRecord(list, "", i)
		}
		return list, true
	}
	whole := decodeObject(b)
	if whole == nil {
		return nil, false
	}
	for _, n := range names {
		switch inner := whole[fold(n)]; {
		case isList(inner), isObject(inner):
			return records(inner)
		case string(inner) == "null":
			return nil, true
		}
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(b, &raw) != nil {
		return nil, false
	}
	for _, k := range sortedKeys(raw) {
		if isObject(raw[k]) || names == nil {
			list = appendRecord(list, clean(k), raw[k])
		}
	}
	return list, len(list) > 0 || len(raw) == 0
}

func appendRecord(list []record, key string, value json.RawMessage) []record {
	o := decodeObject(value)
	if len(list) >= maxRecords || key == "" && o == nil && !named(value) {
		return list
	}
	return append(list, record{key, value, o})
}

// named tells whether a bare item can be the name of something: a string, or a
// number of digits alone.
func named(value json.RawMessage) bool {
	s := plain(value)
	return s != "" && (value[0] == '"' || strings.Trim(s, "0123456789") == "")
}
