package numbering

import (
	"strconv"
	"strings"

	pn "github.com/nyaruka/phonenumbers"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// grade tells how sure the number plan is of a number. Only plausible numbers
// and better are worth comparing with what a firm has stored.
type grade int

const (
	none      grade = iota // no number at all
	asDialled              // digits the plan cannot make a number of
	plausible              // the right length, in a range the plan does not know (yet)
	service                // a short public service
	valid
)

const (
	maxDigits  = 20 // E.164 allows 15; a dialling prefix before them at most 5
	maxE164    = 15
	minForeign = 10 // digits, below which a missing plus cannot be guessed
)

// foreign says whether digits may be read as another country's number written
// without its plus.
type foreign bool

// resolve makes the canonical number of ASCII digits; plus says that a plus
// stood before them. The order of the readings is what keeps two numbers
// apart: a number that is valid as it stands is never read in another way.
func (p *Plan) resolve(digits string, plus bool, abroad foreign) (screenpop.Number, grade) {
	switch {
	case digits == "" || len(digits) > maxDigits:
		return screenpop.Number{}, none
	case plus && digits[0] != '0': // no country code starts with 0: what does is national, whatever a trunk put before it
		return p.international(digits)
	case len(digits) <= maxSpecial && p.service(digits):
		return screenpop.Number{Canonical: digits, Display: digits}, service
	}
	if p.nanp && len(digits) == nanpLocal && p.areaCode != "" {
		digits = p.areaCode + digits
	}
	if n, err := pn.Parse(digits, p.country); err == nil && pn.IsValidNumber(n) {
		if !special(n) || len(digits) <= maxSpecial {
			return p.number(n), valid
		}
	}
	for _, prefix := range p.prefixes {
		if rest, ok := strings.CutPrefix(digits, prefix); ok {
			if n, g := p.international(rest); g == valid {
				return n, g
			}
		}
	}
	own := strings.HasPrefix(digits, p.callingCode)
	if own && len(digits) > maxSpecial+len(p.callingCode) || bool(abroad) && p.maybeForeign(digits) {
		if n, g := p.international(digits); g == valid {
			return n, g
		}
	}
	return p.unallocated(digits)
}

// international resolves digits that are written behind a plus.
func (p *Plan) international(digits string) (screenpop.Number, grade) {
	if len(digits) > maxE164+1 { // one for a trunk 0 in brackets
		return screenpop.Number{}, none
	}
	written := screenpop.Number{Canonical: "+" + digits, Display: "+" + digits}
	n, err := pn.Parse(written.Canonical, p.country)
	switch {
	case err != nil:
		return written, asDialled
	case pn.IsValidNumber(n):
		return p.number(n), valid
	case n.GetCountryCode() == nanpCode && n.GetNationalNumber() < nanpLowest:
		return written, asDialled // zeros of a withheld caller, or that fill a field
	case pn.IsPossibleNumberWithReason(n) == pn.IS_POSSIBLE:
		// Nothing tells where to group the digits, but in one plan.
		at := pn.INTERNATIONAL
		if p.nanp && n.GetCountryCode() == nanpCode {
			at = pn.NATIONAL
		}
		number := screenpop.Number{Canonical: pn.Format(n, pn.E164), Display: pn.Format(n, at)}
		if len(number.Canonical) < len(written.Canonical) {
			return p.international(number.Canonical[1:]) // one trunk 0 of several was taken off
		}
		return number, plausible
	}
	return written, asDialled
}

// unallocated resolves digits that are no valid number in any reading. Number
// plans grow faster than libraries are updated, so what has the length of a
// national number is taken for one.
func (p *Plan) unallocated(digits string) (screenpop.Number, grade) {
	readings := make([]string, 0, 4)
	if p.nanp {
		switch {
		case len(digits) == nanpNational:
			readings = append(readings, p.callingCode+digits)
		case len(digits) == nanpNational+1 && digits[0] == '1':
			readings = append(readings, digits)
		}
	} else {
		if rest, ok := strings.CutPrefix(digits, p.trunk); ok && p.trunk != "" && !strings.HasPrefix(rest, p.trunk) {
			readings = append(readings, p.callingCode+rest)
		}
		if strings.HasPrefix(digits, p.callingCode) {
			readings = append(readings, digits)
		}
		if len(digits) == p.national && !strings.HasPrefix(digits, p.trunk) {
			readings = append(readings, p.callingCode+digits)
		}
	}
	for _, prefix := range p.prefixes {
		if rest, ok := strings.CutPrefix(digits, prefix); ok {
			readings = append(readings, rest)
		}
	}
	for _, r := range readings {
		if len(r) < minForeign {
			continue // too short to be told from a local number
		}
		if n, g := p.international(r); g == plausible {
			return n, g
		}
	}
	return screenpop.Number{Canonical: digits, Display: digits}, asDialled
}

// maybeForeign tells whether digits that are no national number may be a
// foreign one without its plus.
func (p *Plan) maybeForeign(digits string) bool {
	if p.nanp {
		return len(digits) > nanpNational && digits[0] != '0' && digits[0] != '1'
	}
	return len(digits) >= minForeign && digits[0] != '0'
}

// number writes a valid number in its canonical form, and as people of the
// country write it.
func (p *Plan) number(n *pn.PhoneNumber) screenpop.Number {
	at := pn.INTERNATIONAL
	if strconv.Itoa(int(n.GetCountryCode())) == p.callingCode {
		at = pn.NATIONAL
		if special(n) {
			return screenpop.Number{Canonical: pn.GetNationalSignificantNumber(n), Display: pn.Format(n, at)}
		}
	}
	return screenpop.Number{Canonical: pn.Format(n, pn.E164), Display: pn.Format(n, at)}
}
