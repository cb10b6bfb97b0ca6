package config

import "github.com/smokepop/smokepop/internal/numbering"

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

// checkNumbers finds the tenant's number plan and reads its ignored numbers
// with it.
func (l *loader) checkNumbers(t *Tenant, path string) {
	p := &t.PBX
	if p.Country == "" {
		p.Country = countryOf(t.Region)
	}
	if l.known(path + ".country") {
		return
	}
	plan, err := numbering.NewPlan(p.Country, "")
	if err != nil {
		l.problem(path+".country", "%s", err)
		return
	}
	p.Country = plan.Country()
	p.Numbers = plan
	if local, err := numbering.NewPlan(p.Country, p.AreaCode); err == nil {
		p.Numbers = local
	} else if !l.known(path + ".area_code") {
		l.problem(path+".area_code", "%s", err)
	}
	for i, written := range p.IgnoreNumbers {
		n := p.Numbers.Parse(written)
		if n.IsZero() {
			l.problem(index(path+".ignore_numbers", i), "%s is no telephone number of %s", quote(written), p.Country)
			continue
		}
		p.Ignore = append(p.Ignore, n)
	}
}
