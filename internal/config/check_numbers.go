package config

import (
	"regexp"
	"strings"
)

// countryOf is the country of a region's firms, for tenants that name none.
func countryOf(region string) string {
	switch region {
	case "au":
		return "AU"
	case "uk":
		return "GB"
	}
	return "US"
}

var countryShape = regexp.MustCompile(`^[A-Z]{2}$`)

func (l *loader) checkNumbers(t *Tenant, path string) {
	p := &t.PBX
	if p.Country = strings.ToUpper(p.Country); p.Country == "" {
		p.Country = countryOf(t.Region)
	}
	if p.Country == "UK" {
		p.Country = "GB"
	}
	if !countryShape.MatchString(p.Country) {
		l.problem(path+".country", "%s is no ISO country code, such as US, AU or GB", quote(p.Country))
	}
	if strings.Trim(p.AreaCode, "0123456789") != "" {
		l.problem(path+".area_code", "%s must be digits only", quote(p.AreaCode))
	}
}
