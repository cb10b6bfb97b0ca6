package lookup

import (
	"bytes"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// holding is a contact that has the number, and where.
type holding struct {
	contact smokeball.Contact
	field   string
	// switchboard: the field has an extension, so that the number is not the
	// contact's alone.
	switchboard bool
	// group is the name of the group of people that led to the contact.
	group string
	place int // set by rank
}

// directness has the fields in the order of how directly they reach somebody: where a number
// stands in several, the first of these is named.
var directness = []string{"cell", "phone", "phone2", "fax"}

// verify tells whether c has exactly the number n in one of its fields. What
// Smokeball's search thought of it does not count. A group of people has no
// numbers: its members are found as the persons they are.
func verify(plan *numbering.Plan, n screenpop.Number, c smokeball.Contact) (holding, bool) {
	if c.Deleted || n.IsZero() {
		return holding{}, false
	}
	best := holding{contact: c}
	ending := ending(n)
	for _, p := range c.Phones {
		if !mayHold(p, ending) {
			continue
		}
		if best.field != "" && slices.Index(directness, p.Field) > slices.Index(directness, best.field) {
			continue
		}
		for _, stored := range plan.Stored(p.AreaCode, p.Number) {
			if stored.Canonical == n.Canonical {
				best.field, best.switchboard = p.Field, p.Extension != ""
				break
			}
		}
	}
	return best, best.field != ""
}

// ending is the digits that a field with n has side by side once all else is
// taken off, however n is written there; but for what the box of the area code
// has of them.
func ending(n screenpop.Number) string {
	digits := strings.TrimPrefix(n.Canonical, "+")
	return digits[max(0, len(digits)-6):]
}

// mayHold is a quick no for most of what a tail brings: to read a field as a
// number takes a hundred times longer.
func mayHold(p smokeball.Phone, ending string) bool {
	var space [64]byte
	digits, area := space[:0], 0
	for box, s := range []string{p.AreaCode, p.Number} {
		for i := range len(s) {
			switch b := s[i]; {
			case b >= 0x80:
				return true // digits of another script, perhaps
			case '0' <= b && b <= '9':
				digits = append(digits, b)
			}
		}
		if box == 0 {
			area = len(digits)
		}
	}
	if bytes.Contains(digits, []byte(ending)) {
		return true
	}
	// A field may hold several numbers, of which a later one is short and goes
	// with the area code too.
	for k := 1; k <= min(area, len(ending)-1); k++ {
		if bytes.HasSuffix(digits[:area], []byte(ending[:k])) && bytes.Contains(digits[area:], []byte(ending[k:])) {
			return true
		}
	}
	return false
}
