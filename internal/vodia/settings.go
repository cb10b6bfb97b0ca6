package vodia

import (
	"encoding/json"
	"errors"
)

// decodeSettings reads settings, which are the fields of one object, or a list
// of names and values, alone or as the field "settings". What is neither is
// nil.
func decodeSettings(b []byte) object {
	if isObject(b) {
		o := decodeObject(b)
		if inner := o["settings"]; isList(inner) || isObject(inner) {
			return decodeSettings(inner)
		}
		return o
	}
	if !isList(b) {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(b, &items) != nil {
		return nil
	}
	out := object{}
	for _, i := range items {
		o := decodeObject(i)
		if name := fold(o.text("name")); name != "" && len(out[name]) == 0 {
			out[name] = o["value"]
		}
	}
	if len(out) == 0 && len(items) > 0 {
		return nil
	}
	return out
}

// failed tells whether err is an answer of 500 or more.
func failed(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status >= 500
}
