package pbxevents

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/numbering"
)

// shape is what a value looks like, without what it is. It is made for each field
// of each event and only seldom read, so that it is put into words when it is.
type shape struct {
	kind   shapeKind
	plus   bool
	digits uint16  // of a number; 0: there is none
	tail   [2]byte // its last digits; zero: not shown
	length uint16  // of text, in characters
	word   string  // a template's variable, or a word of ours
}

type shapeKind uint8

const (
	shapeEmpty shapeKind = iota
	shapeWord            // word tells it all
	shapeText
	shapeDigits
	shapeList
	shapeObject
	shapeTemplate
	shapeName // with a URI behind it
	shapeTel
	shapeSIP
	shapeAccount
)

var shapeWords = [...]string{
	shapeEmpty: "empty", shapeList: "list", shapeObject: "object",
	shapeName: "quoted-name+uri", shapeTel: "tel-uri", shapeSIP: "sip-uri", shapeAccount: "account",
}

// shapeOf looks at a value. Of numbers of five digits or more the last two are
// kept, where tail is set.
func shapeOf(s string, tail bool) shape {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return shape{}
	case unfilled(s):
		return shape{kind: shapeTemplate, word: templateOf(s)}
	case s == "null" || s == "true" || s == "false":
		return shape{kind: shapeWord, word: strings.Clone(s)}
	case s[0] == '[':
		return shape{kind: shapeList}
	case s[0] == '{':
		return shape{kind: shapeObject}
	case digits(s):
		return digitsShape(shapeDigits, s, len(s), tail) // most are
	}
	user, name := numbering.UserPart(s)
	kind := shapeText
	switch {
	case strings.Contains(s, "<") && name != "":
		kind = shapeName
	case hasScheme(s, "tel:"):
		kind = shapeTel
	case hasScheme(s, "sip:"), hasScheme(s, "sips:"), s[0] == '<':
		kind = shapeSIP
	case strings.Count(s, "@") == 1 && number(s[:strings.IndexByte(s, '@')]) > 0:
		kind = shapeAccount
	}
	if kind != shapeText {
		if n := number(user); n > 0 {
			return digitsShape(kind, user, n, tail)
		}
		return shape{kind: kind}
	}
	if n := number(s); n > 0 {
		return digitsShape(shapeDigits, s, n, tail)
	}
	return shape{kind: shapeText, length: uint16(min(utf8.RuneCountInString(s), math.MaxUint16))}
}

func hasScheme(s, scheme string) bool {
	return len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme)
}

// String puts a shape into words: "+digits(11) ending in 47", "sip-uri of digits(10)",
// "template {call-id}".
func (s shape) String() string {
	switch s.kind {
	case shapeWord:
		return s.word
	case shapeTemplate:
		return "template " + s.word
	case shapeText:
		return "text(" + strconv.Itoa(int(s.length)) + ")"
	case shapeDigits:
		return s.number()
	}
	if s.digits > 0 {
		return shapeWords[s.kind] + " of " + s.number()
	}
	return shapeWords[s.kind]
}

func (s shape) number() string {
	out := "digits(" + strconv.Itoa(int(s.digits)) + ")"
	if s.plus {
		out = "+" + out
	}
	if s.tail != ([2]byte{}) {
		out += " ending in " + string(s.tail[:])
	}
	return out
}

// templateOf shows a variable that was not filled, if it is one indeed.
func templateOf(s string) string {
	inside := s[1 : len(s)-1]
	if len(inside) > 64 || !word(inside) {
		return "in braces"
	}
	return strings.Clone(s) // whatever s is a part of need not be kept
}

// word tells whether s is a name as of a variable, an event or a field, and not
// what somebody says or is called by: no blanks, hardly digits.
func word(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '.':
		case c >= '0' && c <= '9':
			digits++
		default:
			return false
		}
	}
	return s != "" && digits <= 2
}

// number returns how many digits a number has, or 0 for what is none.
func number(s string) (n int) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n++
		case strings.IndexByte("+-.() ", c) < 0:
			return 0
		}
	}
	return n
}

func digitsShape(kind shapeKind, s string, n int, tail bool) shape {
	out := shape{kind: kind, digits: uint16(min(n, math.MaxUint16)), plus: strings.HasPrefix(strings.TrimSpace(s), "+")}
	if tail && n >= 5 {
		for i, left := len(s)-1, 1; i >= 0 && left >= 0; i-- {
			if s[i] >= '0' && s[i] <= '9' {
				out.tail[left] = s[i]
				left--
			}
		}
	}
	return out
}
