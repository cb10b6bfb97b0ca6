package numbering

import (
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func canonicals(numbers []screenpop.Number) (list []string) {
	for _, n := range numbers {
		list = append(list, n.Canonical)
	}
	return list
}

func fuzzPlans(f *testing.F) []*Plan {
	return []*Plan{mustPlan(f, "US", ""), mustPlan(f, "US", "617"), mustPlan(f, "AU", ""), mustPlan(f, "GB", ""), mustPlan(f, "IT", ""), mustPlan(f, "AR", "")}
}

// wellFormed holds of every canonical number, whatever it was read from.
func wellFormed(t *testing.T, p *Plan, n screenpop.Number, from string) {
	t.Helper()
	if strings.Trim(strings.TrimPrefix(n.Canonical, "+"), "0123456789") != "" || n.Canonical == "+" || len(n.Canonical) > maxDigits+1 {
		t.Errorf("%s: %q has the canonical form %q", p.country, from, n.Canonical)
	}
	if again := p.parse(n.Canonical); again != n {
		t.Errorf("%s: %q is %q (%q), which in turn is %q (%q)", p.country, from, n.Canonical, n.Display, again.Canonical, again.Display)
	}
}

func FuzzParse(f *testing.F) {
	plans := fuzzPlans(f)
	for _, s := range []string{"+16173998147", "0061370640656", `"J \" <x>" <sip:%2B61(0)3%207064;ext=1@h>;tag=1`, "tel:399-8147;phone-context=+1-617", "131114", "+61131114", "*97", "１２３", "+0412345678", "+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		UserPart(s)
		for _, p := range plans {
			n := p.Parse(s)
			if n.IsZero() {
				if n.Display != "" {
					t.Errorf("no number, but shown as %q", n.Display)
				}
				continue
			}
			wellFormed(t, p, n, s)
			p.PublicShort(s)
		}
	})
}

func FuzzStored(f *testing.F) {
	plans := fuzzPlans(f)
	for _, s := range [][2]string{{"617", "399-8147 x12"}, {"", "+61 (0)2 9374 4000 / 0412 345 678"}, {"(02)", "9374 4000 or 9374 4001"}, {"44", "20 7946 0000"}, {"", "1-800-FLOWERS"}, {"", "13 11 14 (Lifeline)"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, area, number string) {
		for _, p := range plans {
			for _, n := range p.Stored(area, number) {
				if n.IsZero() {
					t.Errorf("%s: Stored(%q, %q) holds a number that is none", p.country, area, number)
				}
				wellFormed(t, p, n, area+"|"+number)
			}
		}
	})
}
