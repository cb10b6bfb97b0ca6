package numbering

import "testing"

func TestUserPart(t *testing.T) {
	for _, c := range []struct{ party, user, name string }{
		{"101", "101", ""},
		{" 101 ", "101", ""},
		{"101@firm.example.com", "101", ""},
		{"sip:101@firm.example.com", "101", ""},
		{"sip:101@firm.example.com;transport=tls", "101", ""},
		{`"Tom Jones" <sip:504@firm.example.com>`, "504", "Tom Jones"},
		{"Tom Jones <sip:504@firm.example.com>", "504", "Tom Jones"},
		{`"Jones, \"Tom\"" <sip:504@firm.example.com>;tag=1`, "504", `Jones, "Tom"`},
		{`"a < b" <sip:504@h>`, "504", "a < b"},
		{"<sip:504@h>", "504", ""},
		{"<504>", "504", ""},
		{"sip:%2A97@h", "*97", ""},
		{"%2B1617", "+1617", ""},
		{"100%", "100%", ""},
		{"*97", "*97", ""},
		{"sip:504:pw@h", "504", ""},
		{"sip:504;a=b@h", "504", ""},
		{"tel:+1-617", "+1-617", ""},
		{"tel:504;phone-context=h", "504", ""},
		{"sip:firm.example.com", "", ""},
		{`"Tom" <sip:firm.example.com>`, "", "Tom"},
		{`"Tom"`, "", "Tom"},
		{"", "", ""},
	} {
		user, name := UserPart(c.party)
		if user != c.user || name != c.name {
			t.Errorf("UserPart(%q) = %q, %q; want %q, %q", c.party, user, name, c.user, c.name)
		}
	}
}
