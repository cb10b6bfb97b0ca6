package numbering

import (
	"slices"
	"testing"
)

func TestFault(t *testing.T) {
	for _, tc := range []struct {
		country, area, number string
		want                  Fault
	}{
		{"US", "617", "399-8147", ""},
		{"US", "", "(617) 399-8147 ext 12", ""},
		{"US", "", "911", ""},
		{"AU", "", "0412 345 678", ""},
		{"AU", "", "13 11 14", ""},

		{"US", "", "n/a", FaultNoDigits},
		{"US", "", "---", FaultNoDigits},
		{"US", "", "", FaultNoDigits},
		{"US", "", "ext. 204", FaultOnlyExtension},
		{"US", "", "x204", FaultOnlyExtension},
		{"GB", "", "#204", FaultOnlyExtension},
		{"US", "", "1-800-FLOWERS", FaultLetters},
		{"US", "", "room 101", FaultLetters},
		{"US", "", "399-8147", FaultNoAreaCode},
		{"AU", "", "9345 6789", FaultNoAreaCode},
		{"GB", "", "7946 0123", FaultNoAreaCode},
		{"US", "", "617-399-81", FaultTooShort},
		{"US", "", "12", FaultTooShort},
		{"AU", "", "0412 345", FaultTooShort},
		{"US", "", "493-012-3456-78", FaultNoCountryCode},
		{"US", "", "61739981476173998148", FaultTooLong},
		{"AU", "", "0412 345 678 9012 345", FaultTooLong},
		{"US", "", "000-000-0000", FaultNoSuchNumber},
		{"US", "", "017 399 8147", FaultNoSuchNumber},
	} {
		p, err := NewPlan(tc.country, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Fault(tc.area, tc.number); got != tc.want {
			t.Errorf("%s %q %q: %q, want %q", tc.country, tc.area, tc.number, got, tc.want)
		}
	}
	p, err := NewPlan("US", "617")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Fault("", "399-8147"); got != "" {
		t.Errorf("with the plan's own area code: %q", got)
	}
}

// A field has a fault exactly if no number is found in it, whatever it holds.
func FuzzFault(f *testing.F) {
	for _, s := range []string{"", "617", "+", "ext 12", "#", "399-8147", "00", "room 101", "+610", "٠٤١٢ ٣٤٥ ٦٧٨"} {
		f.Add("", s)
		f.Add(s, "8147")
	}
	var plans []*Plan
	for _, country := range []string{"US", "AU", "GB", "DE"} {
		p, err := NewPlan(country, "")
		if err != nil {
			f.Fatal(err)
		}
		plans = append(plans, p)
	}
	f.Fuzz(func(t *testing.T, area, number string) {
		for _, p := range plans {
			fault, found := p.Fault(area, number), p.Stored(area, number)
			if (fault == "") != (len(found) > 0) {
				t.Errorf("%s %q %q: fault %q, numbers %v", p.country, area, number, fault, found)
			}
			if fault != "" && !slices.Contains(Faults(), fault) {
				t.Errorf("%q is no fault", fault)
			}
		}
	})
}
