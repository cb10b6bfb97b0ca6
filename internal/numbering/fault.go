package numbering

// Fault is why a stored phone field holds no number that a caller's could be
// compared with.
type Fault string

// The faults, in the order they are told: of several that fit, the first.
const (
	FaultUnreadable    Fault = "unreadable"      // too long to be looked at
	FaultNoDigits      Fault = "no-digits"       // words or signs alone
	FaultOnlyExtension Fault = "only-extension"  // digits behind "ext", and no number before them
	FaultLetters       Fault = "letters"         // letters, and too few digits beside them
	FaultNoCountryCode Fault = "no-country-code" // would be a foreign number with a plus before it
	FaultNoAreaCode    Fault = "no-area-code"
	FaultTooShort      Fault = "too-short"
	FaultTooLong       Fault = "too-long" // or several numbers run together
	FaultNoSuchNumber  Fault = "no-such-number"
)

// Faults lists every fault.
func Faults() []Fault {
	return []Fault{
		FaultUnreadable, FaultNoDigits, FaultOnlyExtension, FaultLetters, FaultNoCountryCode, FaultNoAreaCode,
		FaultTooShort, FaultTooLong, FaultNoSuchNumber,
	}
}

// minStored is the least number of digits that people take for a number without
// its area code.
const minStored = 6

// Fault tells why [Plan.Stored] finds nothing in a phone field. It is empty for a
// field that has a number.
func (p *Plan) Fault(areaCode, number string) Fault {
	if len(p.Stored(areaCode, number)) > 0 {
		return ""
	}
	t, ok := scan(number)
	area, okArea := scan(areaCode)
	if !ok || !okArea {
		return FaultUnreadable
	}
	digits, plus := longest(t)
	before, _ := longest(area)
	if digits == "" {
		digits, before = before, ""
	}
	n := len(before) + len(digits)
	short := n <= maxExtension
	switch {
	case n == 0:
		return FaultNoDigits
	case short && (t.bare || area.bare):
		return FaultOnlyExtension
	case short && t.words:
		return FaultLetters
	case !plus && before == "" && n >= minForeign && p.behindPlus(digits):
		return FaultNoCountryCode
	case !plus && before == "" && p.local(digits):
		return FaultNoAreaCode
	case n < p.shortest():
		return FaultTooShort
	case n > p.longest():
		return FaultTooLong
	}
	return FaultNoSuchNumber
}

// longest returns the digits of the piece that has the most.
func longest(t text) (digits string, plus bool) {
	for _, pc := range t.pieces {
		if d := pc.digits(); len(d) > len(digits) {
			digits, plus = d, pc.plus
		}
	}
	return digits, plus
}

// behindPlus tells whether digits are a valid number of another country.
func (p *Plan) behindPlus(digits string) bool {
	if digits[0] == '0' {
		return false
	}
	_, g := p.international(digits)
	return g == valid
}

// local tells whether digits look like a number that is dialled within its area.
func (p *Plan) local(digits string) bool {
	if p.nanp {
		return len(digits) == nanpLocal
	}
	return len(digits) >= minStored && len(digits) < p.shortest() && (p.trunk == "" || digits[:1] != p.trunk[:1])
}

// shortest is how many digits a whole number of the country has at least.
func (p *Plan) shortest() int {
	switch {
	case p.nanp:
		return nanpNational
	case p.national > 0:
		return p.national
	}
	return minForeign - 1
}

// longest is how many a number has at most, as it is written in the country.
func (p *Plan) longest() int {
	switch {
	case p.nanp:
		return len(p.callingCode) + nanpNational
	case p.national > 0:
		return len(p.trunk) + len(p.callingCode) + p.national
	}
	return maxE164
}
