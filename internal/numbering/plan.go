package numbering

import (
	"fmt"
	"strconv"
	"strings"

	pn "github.com/nyaruka/phonenumbers"
)

// Plan reads numbers as they are meant in one country. What it answers never
// changes; it is safe for concurrent use.
type Plan struct {
	country     string // ISO 3166-1 alpha-2
	callingCode string // "1", "61", "44"
	trunk       string // digit dialled before a national number; empty in the NANP
	areaCode    string // for 7-digit NANP numbers; may be empty
	national    int    // digits of a national number, where fixed and mobile ones have as many; else 0
	nanp        bool
	prefixes    []string          // dialled or stored in place of a plus, longest first
	short       *pn.PhoneMetadata // the country's short services; may be nil
	recent      *memo
}

// NewPlan returns the plan of a country, named by its ISO code in any case;
// "UK" is accepted as GB. areaCode completes 7-digit numbers and is for
// countries of the North American plan only. The errors are sentences that fit
// behind a configuration key.
func NewPlan(country, areaCode string) (*Plan, error) {
	country = strings.ToUpper(strings.TrimSpace(country))
	if country == "UK" {
		country = "GB"
	}
	code := pn.GetCountryCodeForRegion(country)
	if code == 0 {
		return nil, fmt.Errorf("unknown country %q: an ISO code such as US, AU or GB is expected", country)
	}
	p := &Plan{country: country, callingCode: strconv.Itoa(code), nanp: code == nanpCode, areaCode: strings.TrimSpace(areaCode), recent: newMemo()}
	// The plan knows what the country dials before an international number;
	// 00 is what Vodia and address books write everywhere. Others are not
	// tried: 011 starts Sheffield's area code, 0011 may be a call to Boston.
	p.prefixes = []string{"00"}
	switch {
	case p.nanp:
		p.prefixes = []string{"011", "00"}
	default:
		p.trunk = pn.GetNddPrefixForRegion(country, true)
		fixed, mobile := exampleLength(country, pn.FIXED_LINE), exampleLength(country, pn.MOBILE)
		if p.trunk != "" && fixed == mobile {
			p.national = fixed
		}
		if country == "AU" {
			p.prefixes = []string{"0011", "00"}
		}
	}
	switch {
	case p.areaCode == "":
	case !p.nanp:
		return nil, fmt.Errorf("an area code is for countries of the North American plan only, not for %s", country)
	case len(p.areaCode) != nanpArea || !digitsOnly(p.areaCode):
		return nil, fmt.Errorf("area code %q: three digits are expected", areaCode)
	}
	services, err := pn.ShortNumberMetadataCollection()
	if err != nil {
		return nil, fmt.Errorf("read the short services: %w", err)
	}
	for _, s := range services.GetMetadata() {
		if s.GetId() == country {
			p.short = s
		}
	}
	return p, nil
}

// The North American Numbering Plan is the one plan whose numbers all have the
// same length.
const (
	nanpCode     = 1
	nanpArea     = 3
	nanpLocal    = 7
	nanpNational = nanpArea + nanpLocal
	nanpLowest   = 200_000_0000 // no area code begins with 0 or 1
)

// Country returns the ISO code of the plan's country.
func (p *Plan) Country() string { return p.country }

func exampleLength(country string, kind pn.PhoneNumberType) int {
	n := pn.GetExampleNumberForType(country, kind)
	if n == nil {
		return 0
	}
	return len(pn.GetNationalSignificantNumber(n))
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Example returns a landline's number as it is dialled within the country, of 7
// digits where the plan has an area code; empty where none is known. It is an
// example of the plan and nobody's number in particular.
func (p *Plan) Example() string {
	n := pn.GetExampleNumberForType(p.country, pn.FIXED_LINE)
	if n == nil {
		return ""
	}
	digits := pn.GetNationalSignificantNumber(n)
	if p.areaCode != "" && len(digits) > 7 {
		return digits[len(digits)-7:]
	}
	return p.trunk + digits
}
