package smokeball

import (
	"strings"
	"unicode"
)

// maxName bounds what a page has to show; nobody's name is longer.
const maxName = 200

// clean makes a name or an e-mail fit to be shown in one line: blanks of every
// kind become single spaces, control characters and those that turn the
// writing direction of what stands around them go. It is still only text: the
// page must never take it for markup.
func clean(t text) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar,
			r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F, r == 0xFEFF:
			return -1
		}
		return r
	}, string(t))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName]) + "…"
	}
	return s
}

func firstOf(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}
