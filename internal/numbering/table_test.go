package numbering

import (
	"slices"
	"testing"
)

// The tables of the written forms stand in one file per country: pbx rows are
// what a PBX sends, stored rows what a firm has typed. A row that fails in the
// field is added there, with where it was seen.

type pbxRow struct {
	party string
	want  string // canonical; empty: no number
	why   string
}

type storedRow struct {
	area, number string
	want         []string // canonical; nil: unusable
	why          string
}

func one(canonical ...string) []string { return canonical }

func mustPlan(t testing.TB, country, area string) *Plan {
	t.Helper()
	p, err := NewPlan(country, area)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func checkPBX(t *testing.T, p *Plan, rows []pbxRow) {
	for _, r := range rows {
		if got := p.Parse(r.party).Canonical; got != r.want {
			t.Errorf("%s: Parse(%q) = %q, want %q: %s", p.Country(), r.party, got, r.want, r.why)
		}
	}
}

func checkStored(t *testing.T, p *Plan, rows []storedRow) {
	for _, r := range rows {
		var got []string
		for _, n := range p.Stored(r.area, r.number) {
			got = append(got, n.Canonical)
		}
		if !slices.Equal(got, r.want) {
			t.Errorf("%s: Stored(%q, %q) = %q, want %q: %s", p.Country(), r.area, r.number, got, r.want, r.why)
		}
	}
}

// Parties that are no number are none in every country.
func TestParseNoNumber(t *testing.T) {
	for _, country := range []string{"US", "AU", "GB"} {
		checkPBX(t, mustPlan(t, country, ""), []pbxRow{
			{"", "", "empty"},
			{"   ", "", "blank"},
			{"anonymous", "", "withheld"},
			{"Anonymous", "", "withheld, as a trunk writes it"},
			{"Unknown", "", "trunk's word for no caller ID"},
			{"Restricted", "", "caller ID restricted"},
			{"Private", "", "caller ID restricted, other word"},
			{"unavailable", "", "no caller ID from abroad"},
			{`"Anonymous" <sip:anonymous@anonymous.invalid>`, "", "RFC 3323"},
			{"sip:restricted@firm.example.com", "", "withheld in a URI"},
			{"sip:firm.example.com", "", "a URI without user part"},
			{"sip:@firm.example.com", "", "an empty user part"},
			{`"6173998147"`, "", "a name alone is no address"},
			{"jane.smith@firm.example.com", "", "a SIP user name"},
			{"agent007@firm.example.com", "", "letters are not cut off a user name"},
			{"1800FLOWERS", "", "letters are not digits"},
			{"*97", "", "feature code"},
			{"*676173998147", "", "feature code before a number"},
			{"#31#6173998147", "", "feature code before a number"},
			{"+", "", "a plus alone"},
			{"123456789012345678901", "", "more digits than any number has"},
		})
	}
}

func TestNewPlan(t *testing.T) {
	for _, c := range []struct {
		country, area string
		want          string
		ok            bool
	}{
		{"US", "", "US", true},
		{"us", "617", "US", true},
		{"UK", "", "GB", true},
		{"gb", "", "GB", true},
		{"AU", "", "AU", true},
		{"CA", "416", "CA", true},
		{"", "", "", false},
		{"XX", "", "", false},
		{"001", "", "", false},
		{"AU", "02", "", false},
		{"US", "61", "", false},
		{"US", "61a", "", false},
	} {
		p, err := NewPlan(c.country, c.area)
		if (err == nil) != c.ok {
			t.Errorf("NewPlan(%q, %q): %v", c.country, c.area, err)
		}
		if err == nil && p.Country() != c.want {
			t.Errorf("NewPlan(%q, %q).Country() = %q, want %q", c.country, c.area, p.Country(), c.want)
		}
	}
}

func TestDisplay(t *testing.T) {
	for _, c := range []struct{ country, in, want string }{
		{"US", "16173998147", "(617) 399-8147"},
		{"US", "+61370640656", "+61 3 7064 0656"},
		{"US", "5551234567", "(555) 123-4567"},
		{"US", "911", "911"},
		{"AU", "61370640656", "(03) 7064 0656"},
		{"AU", "0412345678", "0412 345 678"},
		{"AU", "+61131114", "13 11 14"},
		{"AU", "1300655506", "1300 655 506"},
		{"AU", "+16173998147", "+1 617-399-8147"},
		{"GB", "442079460000", "020 7946 0000"},
		{"GB", "101", "101"},
	} {
		if got := mustPlan(t, c.country, "").Parse(c.in).Display; got != c.want {
			t.Errorf("%s: display of %q is %q, want %q", c.country, c.in, got, c.want)
		}
	}
}

func TestPublicShort(t *testing.T) {
	for country, digits := range map[string]map[bool][]string{
		"US": {true: {"911", "112", "411", "211", "311", "611", "711", "811", "988"},
			false: {"", "101", "201", "504", "1001", "2009", "4003", "24273", "6173998147", "+911", "*97", "9a1"}},
		"AU": {true: {"000", "112", "106", "1194", "131114", "132221"},
			false: {"101", "201", "504", "2009", "225", "733", "1300655506", "0412345678"}},
		"GB": {true: {"999", "112", "101", "105", "111", "118118", "116123"},
			false: {"201", "504", "2009", "4003", "08457484950"}},
		"NZ": {true: {"111", "018"}, false: {"201", "2009"}},
	} {
		p := mustPlan(t, country, "")
		for want, list := range digits {
			for _, d := range list {
				if got := p.PublicShort(d); got != want {
					t.Errorf("%s: PublicShort(%q) = %v", country, d, got)
				}
			}
		}
	}
}
