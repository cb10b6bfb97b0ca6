package numbering

import pn "github.com/nyaruka/phonenumbers"

// PublicShort tells whether digits are a public service of the country that is
// called by a short number: emergency, directory, police, N11, 13xxxx. Such a
// number is not an extension just because it is short.
//
// Codes that take text messages only are not meant, and where the list of
// short codes does not tell them apart (it names thousands of four-digit ones
// in the US and in New Zealand, which would swallow every extension) three
// digits are asked for in the North American plan, and a leading 0 or 1
// elsewhere.
func (p *Plan) PublicShort(digits string) bool {
	if len(digits) < 3 || len(digits) > maxSpecial || !digitsOnly(digits) {
		return false
	}
	if p.service(digits) {
		return true
	}
	n, err := pn.Parse(digits, p.country)
	return err == nil && special(n) && pn.IsValidNumberForRegion(n, p.country)
}

// maxSpecial is the length up to which a service number counts as short: the
// longest that people call short (13 11 14, 116 123).
const maxSpecial = 6

// service tells whether digits are a short service that has no E.164 form.
func (p *Plan) service(digits string) bool {
	if p.short == nil {
		return false
	}
	if matches(digits, p.short.GetEmergency()) {
		return true
	}
	if !matches(digits, p.short.GetShortCode()) {
		return false
	}
	if p.nanp {
		return len(digits) == 3
	}
	return (digits[0] == '0' || digits[0] == '1') && !matches(digits, p.short.GetCarrierSpecific()) && !matches(digits, p.short.GetSmsServices())
}

func matches(digits string, d *pn.PhoneNumberDesc) bool {
	return d != nil && d.GetNationalNumberPattern() != "" && pn.MatchNationalNumber(digits, d, false)
}

// special tells whether a valid number is a national service such as 13 11 14:
// the number plan has it, but it is dialled without area or country code and
// cannot be reached from abroad, so that E.164 would only be a second name.
func special(n *pn.PhoneNumber) bool {
	if len(pn.GetNationalSignificantNumber(n)) > maxSpecial {
		return false
	}
	switch pn.GetNumberType(n) {
	case pn.TOLL_FREE, pn.PREMIUM_RATE, pn.SHARED_COST, pn.UAN:
		return true
	}
	return false
}
