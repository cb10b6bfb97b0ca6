package numbering

import (
	"strings"
	"testing"
)

func TestHardeningTenThousandDigits(t *testing.T) {
	p := mustPlan(t, "US", "")
	long := strings.Repeat("6173998147", 1000)
	for _, s := range []string{long, "+" + long, "sip:" + long + "@h", "tel:" + long, "%2B" + long} {
		if n := p.Parse(s); !n.IsZero() {
			t.Errorf("a number of %d characters was made of %d", len(n.Canonical), len(s))
		}
		if user, name := UserPart(s); user != "" || name != "" {
			t.Errorf("a user part of %d bytes", len(user))
		}
	}
	if got := p.Stored("", long); got != nil {
		t.Errorf("Stored made %q of it", canonicals(got))
	}
	if got := p.Stored(long, "6173998147"); got != nil {
		t.Errorf("Stored made %q of an area code of 10,000 digits", canonicals(got))
	}
}

// Half of a field that is cut off could read as a number that is not in it.
func TestHardeningLongFieldIsNotCut(t *testing.T) {
	p := mustPlan(t, "US", "")
	field := strings.Repeat(" ", maxRunes-10) + "617399814712"
	if got := p.Stored("", field); got != nil {
		t.Errorf("Stored made %q of a field that is too long", canonicals(got))
	}
}

// A field of many groups costs no more than a field of few.
func TestHardeningManyGroups(t *testing.T) {
	p := mustPlan(t, "US", "617")
	for _, s := range []string{strings.Repeat("1 ", 120), strings.Repeat("617 ", 60), strings.Repeat("1/", 120), strings.Repeat("399 8147 ", 12)} {
		if allocs := testing.AllocsPerRun(1, func() { p.Stored("617", s) }); allocs > 50_000 {
			t.Errorf("Stored(%.20q...) allocates %v times", s, allocs)
		}
	}
}

func TestHardeningBrokenParties(t *testing.T) {
	p := mustPlan(t, "US", "")
	for _, s := range []string{
		"sip:%zz@h", "sip:%@h", "<", ">", "<>", `"`, `"\`, `"<sip:6173998147@h>`, "sip:;;;@h", "tel:;phone-context=+", "@", "@@", "\x00", "\xff\xfe", "sip::@h",
	} {
		if n := p.Parse(s); !n.IsZero() {
			t.Errorf("Parse(%q) = %q", s, n.Canonical)
		}
	}
}

// A control character is no way around a feature code or a length.
func TestHardeningControlCharacters(t *testing.T) {
	p := mustPlan(t, "US", "")
	for _, s := range []string{"*\x0097", "%2A97", "%2a6173998147", "＊97", "6173998147\r\nX-Evil: 1"} {
		if n := p.Parse(s); !n.IsZero() {
			t.Errorf("Parse(%q) = %q", s, n.Canonical)
		}
	}
}
