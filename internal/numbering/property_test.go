package numbering

import (
	"strings"
	"testing"

	pn "github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"
)

// national draws a valid national significant number of the plan's country and
// returns it with its canonical form.
func national(t *rapid.T, p *Plan) (nsn, canonical string) {
	kind := rapid.SampledFrom([]pn.PhoneNumberType{pn.FIXED_LINE, pn.MOBILE, pn.TOLL_FREE}).Draw(t, "type")
	example := pn.GetNationalSignificantNumber(pn.GetExampleNumberForType(p.country, kind))
	digits := []byte(example)
	for i := max(0, len(digits)-6); i < len(digits); i++ {
		digits[i] = '0' + byte(rapid.IntRange(0, 9).Draw(t, "digit"))
	}
	nsn = string(digits)
	n, err := pn.Parse("+"+p.callingCode+nsn, p.country)
	if err != nil || !pn.IsValidNumber(n) || pn.GetNationalSignificantNumber(n) != nsn {
		t.Skip("not a number of the plan")
	}
	return nsn, "+" + p.callingCode + nsn
}

// dialled draws one of the ways to write the number without separators.
func dialled(t *rapid.T, p *Plan, nsn string) string {
	ways := []string{"+" + p.callingCode + nsn, p.callingCode + nsn, nsn, "00" + p.callingCode + nsn}
	if p.country == "AU" {
		ways = append(ways, "0011"+p.callingCode+nsn)
	}
	if p.nanp {
		ways = append(ways, "011"+p.callingCode+nsn)
	} else {
		ways = append(ways, p.trunk+nsn, "+"+p.callingCode+p.trunk+nsn)
	}
	return rapid.SampledFrom(ways).Draw(t, "way")
}

// decorated puts separators between the digits and perhaps an extension or a
// word behind them.
func decorated(t *rapid.T, digits string) string {
	var b strings.Builder
	gap := rapid.SampledFrom([]string{"", " ", "-", ".", "\u00a0", "\u2009", "–", ") ("})
	wide := rapid.Bool().Draw(t, "full-width")
	for i, r := range digits {
		if i > 1 && rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
			b.WriteString(gap.Draw(t, "gap"))
		}
		if wide && r >= '0' && r <= '9' {
			r = r - '0' + '０'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func forCountries(t *testing.T, prop func(*rapid.T, *Plan)) {
	for _, country := range []string{"US", "AU", "GB", "NZ", "IE", "CA"} {
		p := mustPlan(t, country, "")
		t.Run(country, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { prop(t, p) }) })
	}
}

func TestPropertyAnyFormIsTheSameNumber(t *testing.T) {
	forCountries(t, func(t *rapid.T, p *Plan) {
		nsn, canonical := national(t, p)
		written := decorated(t, dialled(t, p, nsn))
		if got := p.Parse(written).Canonical; got != canonical {
			t.Fatalf("Parse(%q) = %q, want %q", written, got, canonical)
		}
		uri := rapid.SampledFrom([]string{"sip:%s@h", `"x" <sip:%s@h;user=phone>`, "tel:%s", "<sips:%s@h>;tag=1"}).Draw(t, "uri")
		party := strings.Replace(uri, "%s", dialled(t, p, nsn), 1)
		if got := p.Parse(party).Canonical; got != canonical {
			t.Fatalf("Parse(%q) = %q, want %q", party, got, canonical)
		}
		field := written + rapid.SampledFrom([]string{"", " x12", " ext. 12", " (Jane's number)", " home", " #3"}).Draw(t, "tail")
		if got := p.Stored("", field); len(got) != 1 || got[0].Canonical != canonical {
			t.Fatalf("Stored(%q) = %q, want %q", field, canonicals(got), canonical)
		}
	})
}

func TestPropertyADigitChangedIsAnotherNumber(t *testing.T) {
	forCountries(t, func(t *rapid.T, p *Plan) {
		nsn, canonical := national(t, p)
		i := rapid.IntRange(0, len(nsn)-1).Draw(t, "at")
		by := rapid.IntRange(1, 9).Draw(t, "by")
		other := nsn[:i] + string('0'+(nsn[i]-'0'+byte(by))%10) + nsn[i+1:]
		b := dialled(t, p, other)
		if p.Parse(b) == p.Parse(canonical) {
			t.Fatalf("%q is %q", b, canonical)
		}
		for _, n := range p.Stored("", decorated(t, b)) {
			if n.Canonical == canonical {
				t.Fatalf("stored %q matches %q", b, canonical)
			}
		}
	})
}

func TestPropertySplitAreaCode(t *testing.T) {
	forCountries(t, func(t *rapid.T, p *Plan) {
		example := pn.GetExampleNumberForType(p.country, pn.FIXED_LINE)
		nsn := pn.GetNationalSignificantNumber(example)
		cut := pn.GetLengthOfGeographicalAreaCode(example)
		if cut == 0 {
			cut = nanpArea
		}
		digits := []byte(nsn)
		for i := len(digits) - 4; i < len(digits); i++ {
			digits[i] = '0' + byte(rapid.IntRange(0, 9).Draw(t, "digit"))
		}
		nsn = string(digits)
		area, local := nsn[:cut], nsn[cut:]
		box := rapid.SampledFrom([]string{area, p.trunk + area, "(" + p.trunk + area + ")"}).Draw(t, "box")
		field := rapid.SampledFrom([]string{local, area + local, p.trunk + area + local, "+" + p.callingCode + nsn}).Draw(t, "field")
		got := p.Stored(box, decorated(t, field))
		if len(got) != 1 || got[0].Canonical != "+"+p.callingCode+nsn {
			t.Fatalf("Stored(%q, %q) = %q, want +%s%s", box, field, canonicals(got), p.callingCode, nsn)
		}
	})
}

func TestPropertyTwoNumbersInOneField(t *testing.T) {
	forCountries(t, func(t *rapid.T, p *Plan) {
		a, canonicalA := national(t, p)
		b, canonicalB := national(t, p)
		if canonicalA == canonicalB {
			t.Skip("one number")
		}
		between := rapid.SampledFrom([]string{" / ", ", ", "; ", " or ", " & ", "\n", " | "}).Draw(t, "between")
		field := p.trunk + a + between + "+" + p.callingCode + b
		got := canonicals(p.Stored("", field))
		if len(got) != 2 || got[0] != canonicalA || got[1] != canonicalB {
			t.Fatalf("Stored(%q) = %q, want %q and %q", field, got, canonicalA, canonicalB)
		}
	})
}
