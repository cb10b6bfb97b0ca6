package pbxevents

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/numbering"
)

// shapeOf says what a value looks like without saying what it is. Of numbers of
// five digits or more the last two are shown, where tail is set.
func shapeOf(s string, tail bool) string {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "empty"
	case unfilled(s):
		return "template " + templateOf(s)
	case s == "null" || s == "true" || s == "false":
		return s
	case s[0] == '[':
		return "list"
	case s[0] == '{':
		return "object"
	}
	user, name := numbering.UserPart(s)
	kind := ""
	lower := strings.ToLower(s)
	switch {
	case strings.Contains(s, "<") && name != "":
		kind = "quoted-name+uri"
	case strings.HasPrefix(lower, "tel:"):
		kind = "tel-uri"
	case strings.HasPrefix(lower, "sip:"), strings.HasPrefix(lower, "sips:"), strings.HasPrefix(s, "<"):
		kind = "sip-uri"
	case strings.Count(s, "@") == 1 && number(strings.SplitN(s, "@", 2)[0]) > 0:
		kind = "account"
	}
	if kind != "" {
		if n := number(user); n > 0 {
			return kind + " of " + digitsShape(user, n, tail)
		}
		return kind
	}
	if n := number(s); n > 0 {
		return digitsShape(s, n, tail)
	}
	return fmt.Sprintf("text(%d)", utf8.RuneCountInString(s))
}

// templateOf shows a variable that was not filled, if it is one indeed.
func templateOf(s string) string {
	inside := s[1 : len(s)-1]
	if len(inside) > 64 || !word(inside) {
		return "in braces"
	}
	return s
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

func digitsShape(s string, n int, tail bool) string {
	sign := ""
	if strings.HasPrefix(strings.TrimSpace(s), "+") {
		sign = "+"
	}
	out := fmt.Sprintf("%sdigits(%d)", sign, n)
	if tail && n >= 5 {
		var last []byte
		for i := len(s) - 1; i >= 0 && len(last) < 2; i-- {
			if s[i] >= '0' && s[i] <= '9' {
				last = append([]byte{s[i]}, last...)
			}
		}
		out += " ending in " + string(last)
	}
	return out
}
