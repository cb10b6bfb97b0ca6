package pbxevents

import (
	"bytes"
	"errors"
	"mime"
	"net/url"
	"strings"
)

// errType is returned for a body of a type we do not read.
var errType = errors.New("unsupported media type")

// decodeBody reads a body by its Content-Type. A body without one is tried as
// JSON and then as a form; an empty body tells nothing, whatever its type.
func decodeBody(contentType string, body []byte) (*fields, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return &fields{}, nil
	}
	if contentType == "" {
		if body[0] == '{' || body[0] == '[' || body[0] == '"' {
			return decodeJSON(body)
		}
		if f, err := decodeJSON(body); err == nil {
			return f, nil
		}
		return decodeForm(string(body), "body")
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return nil, errType
	case media == "application/json", media == "text/json", strings.HasSuffix(media, "+json"):
		return decodeJSON(body)
	case media == "application/x-www-form-urlencoded":
		return decodeForm(string(body), "body")
	}
	return nil, errType
}

// decodeForm reads a form or a query string; where names it in errors.
func decodeForm(raw, where string) (*fields, error) {
	f := &fields{}
	if raw == "" {
		return f, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, malformedf("the %s is not form-encoded: escape special characters with %%", where)
	}
	seen := make(map[string]bool, len(values))
	for name, list := range values {
		lower := strings.ToLower(name)
		p, known := places[lower]
		if seen[lower] || len(list) > 1 && p.field != fieldExtension {
			return nil, malformedf("%s is given more than once in the %s: send it once", quoted(name), where)
		}
		seen[lower] = true
		if known {
			f.set(p, splitList(p.field, list)...)
		}
	}
	return f, nil
}

// splitList splits a comma-separated extension list; other fields stay whole.
func splitList(f field, list []string) []string {
	if f != fieldExtension {
		return list
	}
	var all []string
	for _, v := range list {
		all = append(all, strings.Split(v, ",")...)
	}
	return all
}

// quoted shows a name the sender chose, cut where it is long.
func quoted(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return `"` + strings.ToValidUTF8(s, "?") + `"`
}
