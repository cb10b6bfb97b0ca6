package lookup

import (
	"slices"

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
}

// fields in the order of how directly they reach somebody: where a number
// stands in several, the first of these is named.
var directness = []string{"cell", "phone", "phone2", "fax"}

// verify tells whether c has exactly the number n in one of its fields. What
// Smokeball's search thought of it does not count.
func verify(plan *numbering.Plan, n screenpop.Number, c smokeball.Contact) (holding, bool) {
	if c.Deleted || n.IsZero() {
		return holding{}, false
	}
	best := holding{contact: c}
	for _, p := range c.Phones {
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
