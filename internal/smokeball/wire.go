package smokeball

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Smokeball writes a blank as null, "", {} or not at all, and what it writes
// has been seen to differ from what its description says. The types of this
// file take whatever comes: a value of an unexpected kind is a blank, never an
// error, so that one odd record cannot hide the others.

// text is a string; a number counts as its digits.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch {
	case len(b) > 0 && b[0] == '"':
		var s string
		if json.Unmarshal(b, &s) == nil {
			*t = text(strings.TrimSpace(s))
		}
	case len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9'):
		*t = text(b)
	}
	return nil
}

// flag is a boolean; the text "true" and the number 1 count as true.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	v := strings.ToLower(strings.Trim(string(b), `"`))
	*f = v == "true" || v == "1"
	return nil
}

// ticks is a .NET time stamp, beyond what a float64 holds exactly. It is used
// for ordering alone.
type ticks int64

func (t *ticks) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err == nil && math.Abs(f) < math.MaxInt64 {
			n = int64(f)
		} else {
			n = 0
		}
	}
	*t = ticks(n)
	return nil
}

// object is a T that may be absent. set tells whether anything was in it.
type object[T any] struct {
	v   T
	set bool
}

func (o *object[T]) UnmarshalJSON(b []byte) error {
	*o = object[T]{}
	if len(b) > 0 && b[0] == '{' && !bytes.Equal(b, []byte("{}")) {
		o.set = json.Unmarshal(b, &o.v) == nil
	}
	return nil
}

// list is an array of objects; what is no object is left out.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(b []byte) error {
	*l = nil
	if len(b) == 0 || b[0] != '[' {
		return nil
	}
	var all []object[T]
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, o := range all {
		if o.set {
			*l = append(*l, o.v)
		}
	}
	return nil
}

// link is a hypermedia link. Only the id is ever used: an href is never
// followed and never shown.
type link struct {
	ID   text `json:"id"`
	Href text `json:"href"`
}

// recordID returns the id of the record a link points to: real links often
// have an href and no id.
func (l link) recordID() string {
	if id := string(l.ID); ValidID(id) {
		return id
	}
	href := string(l.Href)
	if id := href[strings.LastIndexByte(href, '/')+1:]; ValidID(id) {
		return id
	}
	return ""
}
