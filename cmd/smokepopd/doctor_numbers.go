package main

import (
	"context"
	"regexp"
	"strings"

	"github.com/smokepop/smokepop/internal/config"
)

// homes are the countries whose firms each region of Smokeball has.
var homes = map[string][]string{"us": {"US", "CA"}, "au": {"AU", "NZ"}, "uk": {"GB", "IE", "JE", "GG", "IM"}}

// numberPlan reads a sample of the numbers that the PBX writes without a
// country code.
func (x *examination) numberPlan(_ context.Context, c *chart, t config.Tenant) {
	p := t.PBX
	sample := p.Numbers.Example()
	number := p.Numbers.Parse(sample)
	fits := false
	for _, country := range homes[t.Region] {
		fits = fits || country == p.Country
	}
	extension := p.Internal.Extensions
	switch {
	case !fits:
		c.warn("correct pbx.country or region, unless the office's telephones are really abroad",
			"the firm's Smokeball is of region %s, and its telephones of %s: %s is read as %s", t.Region, p.Country, sample, number.Canonical)
	case sample == "":
		c.skip("call and look with smokepopd trace", "there is no sample of numbers in %s", p.Country)
	case !strings.HasPrefix(number.Canonical, "+"):
		c.fail("correct pbx.country and pbx.area_code", "%s, a number as it is dialled in %s, cannot be read", sample, p.Country)
	case extension != nil && whole(extension, sample):
		c.fail("narrow it to what your extensions look like: such calls count as internal, and nobody gets a pop",
			"pbx.internal.extensions takes %s, a telephone number of %s, for an extension", sample, p.Country)
	default:
		c.ok("%s, a number as it is dialled in %s, is read as %s", sample, p.Country, number.Canonical)
	}
}

func whole(re *regexp.Regexp, s string) bool {
	all, err := regexp.Compile("^(?:" + re.String() + ")$")
	return err == nil && all.MatchString(s)
}
