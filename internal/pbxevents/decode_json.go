package pbxevents

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// decodeJSON reads one JSON object. A name given twice, bytes after the object
// and anything but an object are refused: two readers of such a body could
// understand two different calls.
func decodeJSON(body []byte) (*fields, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, malformedf("the body is not a JSON object: send {\"event\": ..., \"call_id\": ..., ...}")
	}
	f := &fields{}
	seen := make(map[string]bool, 16)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		name := t.(string) // More and an open object: the next token is a name
		lower := strings.ToLower(name)
		if seen[lower] {
			return nil, malformedf("%s is given more than once in the body: send it once", quoted(name))
		}
		seen[lower] = true
		p, known := places[lower]
		if !known {
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return nil, notJSON(err)
			}
			continue
		}
		list, err := decodeValue(dec, p.field, name)
		if err != nil {
			return nil, err
		}
		f.set(p, splitList(p.field, list)...)
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformedf("something follows the JSON object: send one object and nothing else")
	}
	return f, nil
}

// decodeValue reads the value of a known field: a string, a number as its
// digits, null as absent, and for extensions a list of those.
func decodeValue(dec *json.Decoder, f field, name string) ([]string, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	if t == json.Delim('[') && f == fieldExtension {
		var list []string
		for dec.More() {
			t, err := dec.Token()
			if err != nil {
				return nil, notJSON(err)
			}
			s, ok := scalar(t)
			if !ok {
				return nil, malformedf("%s has a list with something that is no text: list extensions as text", quoted(name))
			}
			list = append(list, s)
		}
		if _, err := dec.Token(); err != nil {
			return nil, notJSON(err)
		}
		return list, nil
	}
	if t == nil { // null
		return nil, nil
	}
	s, ok := scalar(t)
	if !ok {
		return nil, malformedf("%s is no text: send it as a JSON string", quoted(name))
	}
	return []string{s}, nil
}

func scalar(t json.Token) (string, bool) {
	switch v := t.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case nil:
		return "", true
	}
	return "", false
}

func notJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return malformedf("the body is not valid JSON, at byte %d: check quotes and commas of the webhook's body", syntax.Offset)
	}
	return malformedf("the body is not valid JSON: it ends too early")
}
