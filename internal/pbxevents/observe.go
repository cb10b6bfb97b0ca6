package pbxevents

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const maxCapturedFields = 64

// observation is a webhook as a capture sees it; nil where nobody captures.
type observation struct {
	body []byte // of a sender that was let in
}

// sent is one field as it was sent.
type sent struct{ source, name, text string }

// observe tells captures of a webhook that got its answer.
func (t *tenant) observe(o *observation, req *http.Request, path pathFields, m *message, v verdict, refused *refusal, at time.Time) {
	if o != nil {
		t.captures.put(t.look(o, req, path, m, v, refused, at))
	}
}

// look puts down what a webhook looks like and what became of it.
func (t *tenant) look(o *observation, req *http.Request, path pathFields, m *message, v verdict, refused *refusal, at time.Time) Captured {
	c := Captured{
		Time: at, Method: shorten(req.Method), ContentType: shorten(clean(req.Header.Get("Content-Type"))),
		Status: http.StatusOK, Verdict: string(v.result), Fields: []CapturedField{}, Extensions: []string{}, Hints: []string{},
	}
	switch {
	case refused != nil:
		c.Status, c.Verdict, c.Reason = refused.status, string(refused.result), refused.detail
	case v.result == skipped:
		c.Verdict, c.Reason = string(v.skip), explain(v.skip)
	case v.result == full:
		c.Status, c.Reason = http.StatusServiceUnavailable, "too many events were waiting: the PBX was told to send this one again"
	default:
		c.Status = http.StatusAccepted
	}
	extensions := v.extensions
	if len(extensions) == 0 && m != nil {
		extensions = m.extensions
	}
	for _, e := range extensions[:min(len(extensions), maxRecorded)] {
		c.Extensions = append(c.Extensions, t.maskUnlessOurs(e))
	}
	all := pathSent(path)
	all = append(all, bodySent(o.body)...)
	all = append(all, formSent("query", req.URL.RawQuery)...)
	var advice advisor
	for _, s := range all {
		id, _ := t.names.field(s.name)
		advice.look(t.names, id, s)
		if len(c.Fields) >= maxCapturedFields {
			c.More++
			continue
		}
		f := CapturedField{Source: s.source, Name: shorten(clean(s.name)), Shape: shapeOf(s.text, id != unknownField && masked(id)).String()}
		if id != unknownField {
			f.Field = fieldNames[id]
		}
		c.Fields = append(c.Fields, f)
	}
	c.Hints = advice.hints(req, refused)
	return c
}

// maskUnlessOurs shows extensions, and of what stands in their place the last
// digits.
func (t *tenant) maskUnlessOurs(e screenpop.Extension) string {
	if t.rules.ours(string(e)) {
		return shorten(clean(string(e)))
	}
	return shorten(clean(screenpop.Mask(string(e))))
}

// masked tells whether the last digits of a field's value are shown.
func masked(id fieldID) bool { return id == fFrom || id == fTo || id == fExtension || id == fQueue }

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

func pathSent(p pathFields) (all []sent) {
	if p.event != "" {
		all = append(all, sent{"path", "event", p.event})
	}
	if p.extension != "" {
		all = append(all, sent{"path", "extension", p.extension})
	}
	return all
}

// bodySent reads a body as whatever it is, also one whose type or content was
// refused.
func bodySent(body []byte) []sent {
	if len(body) == 0 {
		return nil
	}
	w := walker{body: body}
	if w.peek() != '{' {
		return formSent("body", string(body))
	}
	if !json.Valid(body) {
		return nil
	}
	w.open('{')
	var all []sent
	for !w.closed('}') {
		key := w.text()
		w.open(':')
		s := sent{source: "body", name: key}
		switch c := w.peek(); c {
		case '"':
			s.text = w.text()
		default:
			s.text = string(w.skip())
		}
		all = append(all, s)
	}
	return all
}

// formSent reads what a form or a query string says, as far as it can be read.
func formSent(source, form string) []sent {
	values, _ := url.ParseQuery(form) // what cannot be read was refused with a reason
	var all []sent
	for key, texts := range values {
		for _, text := range texts {
			all = append(all, sent{source, key, text})
		}
	}
	slices.SortFunc(all, func(a, b sent) int { return strings.Compare(a.name+"="+a.text, b.name+"="+b.text) })
	return all
}
