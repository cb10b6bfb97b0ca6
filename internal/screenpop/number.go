package screenpop

import "log/slog"

// Number is a telephone number in the one form smokepop compares: two Numbers
// of one tenant are the same number exactly if their Canonical is the same.
// The zero Number is no number: withheld, anonymous, empty.
type Number struct {
	// Canonical is E.164 with the plus where the number has such a form, else
	// the digits as dialled (short service numbers such as 131114 or 101).
	Canonical string
	// Display is the number as people of the tenant's country write it.
	Display string
}

// IsZero tells whether there is no number.
func (n Number) IsZero() bool { return n.Canonical == "" }

// LogValue masks all but the last two digits, so that a number cannot reach a
// log by accident.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Masked()) }

// String masks like [Number.LogValue]; use Canonical where the number itself
// is meant.
func (n Number) String() string { return n.Masked() }

// Masked returns the number with all but its last two digits replaced, and a
// short number replaced wholly: "**********47".
func (n Number) Masked() string { return Mask(n.Canonical) }

// Mask replaces all but the last two characters of s by "*", and everything
// where s has four characters or fewer.
func Mask(s string) string {
	if masked, ok := maskASCII(s); ok {
		return masked
	}
	r := []rune(s)
	keep := 2
	if len(r) <= 4 {
		keep = 0
	}
	for i := range len(r) - keep {
		r[i] = '*'
	}
	return string(r)
}

const stars = "********************************"

// maskASCII is Mask for what is as short and plain as numbers are, with one object.
func maskASCII(s string) (string, bool) {
	if len(s) > len(stars) {
		return "", false
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return "", false
		}
	}
	if len(s) <= 4 {
		return stars[:len(s)], true
	}
	return stars[:len(s)-2] + s[len(s)-2:], true
}
