package pbxevents

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// decodeBody reads a body by its type. A body without a type is tried as JSON,
// then as a form.
func (n *names) decodeBody(contentType string, body []byte) (fields, *refusal) {
	if len(bytes.TrimSpace(body)) == 0 {
		return fields{}, nil
	}
	switch mediaType(contentType) {
	case "application/json", "text/json":
		return n.decodeJSON(body)
	case "application/x-www-form-urlencoded":
		return n.decodeForm(string(body), "the form")
	case "":
		f, notJSON := n.decodeJSON(body)
		if notJSON == nil {
			return f, nil
		}
		if f, err := n.decodeForm(string(body), "the form"); err == nil && f.any() {
			return f, nil
		}
		return fields{}, notJSON
	}
	return fields{}, &refusal{
		http.StatusUnsupportedMediaType, unsupportedType,
		"Send the body as application/json or application/x-www-form-urlencoded, or put the fields into the query string.",
	}
}

// mediaType returns the type without its parameters; what cannot be read is no
// type we know.
func mediaType(contentType string) string {
	switch contentType {
	case "", "application/json", "application/x-www-form-urlencoded":
		return contentType
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "unreadable"
	}
	if strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json") {
		return "application/json"
	}
	return t
}

func (f *fields) any() bool {
	for id := range f {
		if f[id].seen != 0 {
			return true
		}
	}
	return false
}

// decodeForm reads a form or a query string; what names it in refusals.
func (n *names) decodeForm(s, what string) (f fields, _ *refusal) {
	if s == "" {
		return f, nil
	}
	values, err := url.ParseQuery(s)
	if err != nil {
		return fields{}, bad("Encode " + what + " as key=value pairs joined by &, with special characters percent-encoded.")
	}
	for key, texts := range values {
		id, place := n.field(key)
		if id == fExtension {
			if !f.setList(place, texts) {
				return fields{}, twice(key)
			}
			continue
		}
		if len(texts) > 1 || id != unknownField && !f.set(id, place, texts[0]) {
			return fields{}, twice(key)
		}
		if id == unknownField {
			f.other(key)
		}
	}
	return f, nil
}

func twice(key string) *refusal {
	return bad(fmt.Sprintf("Send the field %q once: it is there twice.", shorten(key)))
}

func wrongType(id fieldID, key string) *refusal {
	if id == fExtension {
		return bad(fmt.Sprintf("Send the field %q as a string, a whole number, or a list of these.", shorten(key)))
	}
	return bad(fmt.Sprintf("Send the field %q as a string.", shorten(key)))
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// shorten keeps what a sender wrote from filling an answer or a log line.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// keySet finds keys that come twice. Events have a dozen keys; a body made to
// hurt has thousands.
type keySet struct {
	few  [24]string
	n    int
	many map[string]struct{}
}

func (k *keySet) add(key string) bool {
	for _, known := range k.few[:k.n] {
		if known == key {
			return false
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return true
	}
	if _, there := k.many[key]; there {
		return false
	}
	if k.many == nil {
		k.many = make(map[string]struct{})
	}
	k.many[key] = struct{}{}
	return true
}
