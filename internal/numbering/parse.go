package numbering

import "github.com/smokepop/smokepop/internal/screenpop"

// Parse returns the number of a party as a PBX writes it: E.164 with or
// without plus, behind 00, 011 or 0011, national, 7 digits where the plan has
// an area code, with separators, in a SIP or tel URI, with a display name or
// without. A withheld, anonymous or empty party, and everything else that is
// no number, is the zero Number: user parts with letters in them, feature
// codes, two numbers in one, more digits than a number has.
//
// Digits the plan makes nothing of are returned as they are. Parse of a
// canonical form is that form.
func (p *Plan) Parse(s string) screenpop.Number {
	return p.recent.number(s, p.parse)
}

func (p *Plan) parse(s string) screenpop.Number {
	user, _, context := splitParty(s)
	if user == "" {
		return screenpop.Number{}
	}
	digits, plus := user, false
	if digits[0] == '+' {
		digits, plus = digits[1:], true
	}
	if !digitsOnly(digits) {
		t, ok := scan(user)
		if !ok || t.words || len(t.pieces) != 1 || hasCode(user) {
			return screenpop.Number{}
		}
		digits, plus = t.pieces[0].digits(), t.pieces[0].plus
	}
	if context != "" && !plus {
		if n, g := p.resolve(context+digits, true, true); g == valid {
			return n
		}
	}
	n, _ := p.resolve(digits, plus, true)
	return n
}

// hasCode tells whether a party holds a feature code: those are dialled at the
// PBX and reach nobody.
func hasCode(user string) bool {
	for _, r := range user {
		if r = narrow(r); r == '*' {
			return true
		}
		if r == '#' && firstIs(user, '#') {
			return true
		}
	}
	return false
}

func firstIs(s string, c rune) bool {
	for _, r := range s {
		return narrow(r) == c
	}
	return false
}
