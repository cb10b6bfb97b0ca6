package pbxevents

import (
	"encoding/json"
	"errors"
	"fmt"
)

// decodeJSON reads one JSON object. It is strict where leniency would guess
// (keys twice, bytes behind the object) and lenient where a template's author
// could not know better (unknown fields, numbers for strings, null).
//
// encoding/json says whether the body is JSON; walking over what is known to be
// valid then costs a fraction of its Decoder, which also does not see keys that
// come twice.
func (n *names) decodeJSON(body []byte) (f fields, _ *refusal) {
	if !json.Valid(body) {
		return fields{}, notJSON(body)
	}
	w := walker{body: body}
	if !w.open('{') {
		return fields{}, bad(`Send one JSON object, such as {"event":"ringing","call_id":"..."}.`)
	}
	var keys keySet
	for !w.closed('}') {
		key := w.text()
		if !keys.add(key) {
			return fields{}, twice(key)
		}
		w.open(':')
		id, place := n.field(key)
		if id == unknownField {
			w.skip()
			f.other(key)
			continue
		}
		if refused := f.decodeValue(&w, id, place, key); refused != nil {
			return fields{}, refused
		}
	}
	return f, nil
}

func (f *fields) decodeValue(w *walker, id fieldID, place int, key string) *refusal {
	ok := true
	switch c := w.peek(); {
	case c == '"':
		ok = f.set(id, place, w.text())
	case c == '-' || c >= '0' && c <= '9':
		number := string(w.skip())
		if id != fTime && !digits(number) {
			return bad(fmt.Sprintf("Send the field %q as a string or a whole number.", shorten(key)))
		}
		ok = f.set(id, place, number)
	case c == 'n': // null
		w.skip()
	case c == '[' && id == fExtension:
		list, refused := decodeList(w, key)
		if refused != nil {
			return refused
		}
		ok = f.setList(place, list)
	default:
		return wrongType(id, key)
	}
	if !ok {
		return twice(key)
	}
	return nil
}

func decodeList(w *walker, key string) (list []string, _ *refusal) {
	w.open('[')
	for !w.closed(']') {
		switch c := w.peek(); {
		case c == '"':
			list = append(list, w.text())
		case c >= '0' && c <= '9':
			number := string(w.skip())
			if !digits(number) {
				return nil, wrongType(fExtension, key)
			}
			list = append(list, number)
		default:
			return nil, wrongType(fExtension, key)
		}
	}
	return list, nil
}

// notJSON says where a body stops being JSON.
func notJSON(body []byte) *refusal {
	var (
		any json.RawMessage
		at  *json.SyntaxError
	)
	if err := json.Unmarshal(body, &any); errors.As(err, &at) {
		if n := int(at.Offset); n > 0 && n <= len(body) && json.Valid(body[:n-1]) {
			return bad("Send one JSON object and nothing behind it.")
		}
		return bad(fmt.Sprintf("Send valid JSON: it breaks off or goes wrong at byte %d.", at.Offset))
	}
	return bad("Send valid JSON.")
}

// walker walks over JSON that is known to be valid.
type walker struct {
	body []byte
	at   int
}

// peek returns the next byte that is no blank, or 0 at the end.
func (w *walker) peek() byte {
	for ; w.at < len(w.body); w.at++ {
		switch c := w.body[w.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// open steps over c and returns whether it was there.
func (w *walker) open(c byte) bool {
	if w.peek() != c {
		return false
	}
	w.at++
	return true
}

// closed steps over a comma, or over the end c of an object or a list and
// returns true.
func (w *walker) closed(c byte) bool {
	w.open(',')
	return w.open(c) || w.at >= len(w.body)
}

// text returns the string that comes next.
func (w *walker) text() string {
	raw := w.skip()
	plain := raw[1 : len(raw)-1]
	for i := range len(plain) {
		if c := plain[i]; c == '\\' || c >= 0x80 {
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return "" // a valid string always unmarshals
			}
			return s
		}
	}
	return string(plain)
}

// skip steps over the value that comes next and returns it, as it stands in the
// body.
func (w *walker) skip() []byte {
	w.peek()
	start, depth := w.at, 0
	for w.at < len(w.body) {
		switch w.body[w.at] {
		case '"':
			w.quoted()
		case '{', '[':
			depth++
			w.at++
		case '}', ']':
			if depth == 0 {
				return w.body[start:w.at] // a number before its object's end
			}
			depth--
			w.at++
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return w.body[start:w.at]
			}
			w.at++
			continue
		default:
			w.at++
			continue // the inside of a number, true, false or null; a colon
		}
		if depth == 0 {
			break
		}
	}
	return w.body[start:w.at]
}

func (w *walker) quoted() {
	for w.at++; w.at < len(w.body); w.at++ {
		switch w.body[w.at] {
		case '\\':
			w.at++
		case '"':
			w.at++
			return
		}
	}
}
