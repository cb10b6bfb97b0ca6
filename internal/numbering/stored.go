package numbering

import (
	"slices"
	"strconv"

	pn "github.com/nyaruka/phonenumbers"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Stored returns the numbers a firm has typed into a contact's phone field,
// with the area code in its own box or within the number, doubled, or absent.
// The field may hold several numbers, extensions and words; what is left over
// is never guessed at: letters are not turned into digits, and a number
// without its area code is no number (in the North American plan the plan's
// own area code completes it). It returns nil when the field is unusable.
func (p *Plan) Stored(areaCode, number string) []screenpop.Number {
	t, ok := scan(number)
	if !ok {
		return nil
	}
	area, ok := scan(areaCode)
	if !ok {
		return nil
	}
	if len(t.pieces) == 0 {
		t, area = area, text{} // the whole number in the wrong box
	}
	a := areaOf(area)
	var found []screenpop.Number
	add := func(n screenpop.Number) {
		if !slices.Contains(found, n) {
			found = append(found, n)
		}
	}
	for i, pc := range t.pieces {
		for _, r := range p.pieceNumbers(a, pc) {
			// A short service is believed only where the field is nothing else:
			// "room 101" and "DX 131114" are no numbers.
			short := len(r.Canonical) <= maxSpecial
			if short && (!t.first || i > 0 || t.words && p.service(r.Canonical)) {
				continue
			}
			add(r.Number)
		}
	}
	return found
}

// areaBox is what the box for the area code holds.
type areaBox struct {
	digits string
	plus   bool
}

func areaOf(t text) areaBox {
	if len(t.pieces) != 1 || t.words {
		return areaBox{}
	}
	return areaBox{t.pieces[0].digits(), t.pieces[0].plus}
}

type candidate struct {
	screenpop.Number
	grade
}

// pieceNumbers tells which number or numbers a piece is: as a whole, else cut
// at its slashes, else at its blanks, else as a whole of which the number plan
// is less sure: a foreign number, or one of a range it does not know.
func (p *Plan) pieceNumbers(a areaBox, pc piece) []candidate {
	if c := p.one(a, pc, false); c.grade >= service {
		return []candidate{c}
	}
	if pc.has(slash) {
		if found := p.partition(a, pc, slash); found != nil {
			return found
		}
		var found []candidate
		for _, part := range cut(pc) {
			found = append(found, p.pieceNumbers(a, part)...)
		}
		if found != nil {
			return found
		}
	} else if found := p.partition(a, pc, blank); found != nil {
		return found
	}
	if c := p.one(a, pc, p.ungrouped(pc)); c.grade >= plausible {
		return []candidate{c}
	}
	return nil
}

// ungrouped tells whether the writing leaves room for a foreign number without
// its plus. Digits that start with a group as long as an area code are meant
// to be a national number, if a wrong one: 437-555-1234567.
func (p *Plan) ungrouped(pc piece) foreign {
	return foreign(!p.nanp || len(pc.groups) == 1 || len(pc.groups[0].digits) != nanpArea)
}

// cut parts a piece at its slashes.
func cut(pc piece) []piece {
	parts := []piece{{plus: pc.plus}}
	for i, g := range pc.groups {
		if i > 0 && g.before == slash {
			parts = append(parts, piece{})
		}
		last := &parts[len(parts)-1]
		if len(last.groups) == 0 {
			g.before = tight
		}
		last.groups = append(last.groups, g)
	}
	return parts
}

// partition reads a piece as several numbers with nothing but the given gap
// between them, each of them whole and nothing left over. It returns nil when
// the piece cannot be read so. Slashes tell where a number ends better than
// blanks do: between them it may be of a range the plan does not know.
func (p *Plan) partition(a areaBox, pc piece, between gap) []candidate {
	if !pc.has(between) || len(pc.groups) > 24 {
		return nil
	}
	var found []candidate
	for from := 0; from < len(pc.groups); {
		best, end := candidate{}, from
		for to := len(pc.groups); to > from; to-- { // the most groups that make one number
			if to < len(pc.groups) && pc.groups[to].before != between {
				continue
			}
			c := p.one(a, piece{plus: pc.plus && from == 0, groups: pc.groups[from:to]}, false)
			if c.grade == valid && len(c.Canonical) > maxSpecial {
				best, end = c, to
				break
			}
			if c.grade == plausible && between == slash && end == from {
				best, end = c, to
			}
		}
		if end == from {
			return nil
		}
		found = append(found, best)
		from = end
	}
	return found
}

// one reads a piece as one number, with the area code or without: whichever
// the number plan believes more, and where it believes both, the reading that
// the writing suggests.
func (p *Plan) one(a areaBox, pc piece, abroad foreign) candidate {
	digits := pc.digits()
	if len(digits) > maxDigits {
		return candidate{}
	}
	n, g := p.resolve(digits, pc.plus, abroad)
	alone := candidate{n, g}
	if pc.plus || a.digits == "" || len(a.digits)+len(digits) > maxDigits {
		return alone
	}
	if p.nanp && len(a.digits) == nanpArea && len(a.digits)+len(digits) == nanpLocal {
		return alone // 617 and 8148 are half a number, not the local number 617-8148
	}
	n, g = p.resolve(a.digits+digits, a.plus, abroad || foreign(p.isCountryCode(a)))
	joined := candidate{n, g}
	if joined.grade > alone.grade || joined.grade == alone.grade && !p.complete(a, digits) {
		return joined
	}
	return alone
}

// isCountryCode tells whether the box for the area code may hold a country
// code: in the North American plan by its length, elsewhere by its value.
// Nothing is said against its being an area code as well: Cairo's country has
// London's 20.
func (p *Plan) isCountryCode(a areaBox) bool {
	if p.nanp {
		return len(a.digits) < nanpArea || a.digits[0] == '0'
	}
	code, err := strconv.Atoi(a.digits)
	return err == nil && a.digits[0] != '0' && pn.GetRegionCodeForCountryCode(code) != pn.UNKNOWN_REGION
}

// complete tells whether a number has its area code already, so that the one
// in the box only says it again.
func (p *Plan) complete(a areaBox, digits string) bool {
	if p.nanp {
		return len(digits) >= nanpNational && !p.isCountryCode(a)
	}
	if len(digits) > 0 && p.trunk != "" && digits[:1] == p.trunk[:1] {
		return true
	}
	bare := a.digits
	if p.trunk != "" && len(bare) > len(p.trunk) && bare[:len(p.trunk)] == p.trunk {
		bare = bare[len(p.trunk):]
	}
	return len(digits) > len(bare) && digits[:len(bare)] == bare
}
