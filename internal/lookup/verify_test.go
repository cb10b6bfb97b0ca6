package lookup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/smokeball"
)

func planOf(t testing.TB, country, area string) *numbering.Plan {
	t.Helper()
	p, err := numbering.NewPlan(country, area)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func with(phones ...smokeball.Phone) smokeball.Contact {
	return smokeball.Contact{Kind: screenpop.Person, Phones: phones}
}

func TestVerify(t *testing.T) {
	us, au := planOf(t, "US", "617"), planOf(t, "AU", "")
	p := func(field, area, number string) smokeball.Phone {
		return smokeball.Phone{Field: field, AreaCode: area, Number: number}
	}
	for _, c := range []struct {
		name   string
		plan   *numbering.Plan
		number string
		in     smokeball.Contact
		want   string // the field; empty: no match
	}{
		{"split", us, "6173998147", with(p("phone", "617", "399-8147")), "phone"},
		{"the most direct field is named", us, "6173998147", with(p("fax", "617", "3998147"), p("phone2", "617", "3998147"), p("phone", "617", "3998147"), p("cell", "617", "3998147")), "cell"},
		{"the only field that has it", us, "6173998147", with(p("cell", "617", "3998148"), p("fax", "617", "3998147")), "fax"},
		{"one digit off", us, "6173998147", with(p("cell", "617", "3998148")), ""},
		{"same last ten, other country", us, "+16173998147", with(p("cell", "", "+44 617 399 8147")), ""},
		{"same subscriber number, other area", us, "6173998147", with(p("cell", "508", "3998147")), ""},
		{"no area code: the tenant's", us, "6173998147", with(p("cell", "", "399-8147")), "cell"},
		{"two in one field", us, "6173998148", with(p("cell", "", "6173998147 / 6173998148")), "cell"},
		{"words behind it", us, "4375551234", with(p("cell", "", "437-555-1234 (Jane's Number)")), "cell"},
		{"trunk 0", au, "+61242248120", with(p("cell", "", "02 4224 8120")), "cell"},
		{"bracketed 0", au, "0242248120", with(p("phone", "", "+61 (0)2 4224-8120")), "phone"},
		{"a digit short", au, "0242248120", with(p("phone", "", "4224 8120")), ""},
		{"service number", au, "131114", with(p("phone", "", "13 11 14")), "phone"},
		{"within a longer one", au, "131114", with(p("phone", "", "02 4131 1141")), ""},
		{"deleted", us, "6173998147", smokeball.Contact{Deleted: true, Phones: []smokeball.Phone{p("cell", "617", "3998147")}}, ""},
		{"no fields", us, "6173998147", with(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := verify(c.plan, c.plan.Parse(c.number), c.in)
			if ok != (c.want != "") || got.field != c.want {
				t.Errorf("%q, %v; want %q", got.field, ok, c.want)
			}
		})
	}
	if _, ok := verify(us, screenpop.Number{}, with(p("cell", "", ""), p("phone", "", "unknown"))); ok {
		t.Error("no number matches a field without one")
	}
}

func TestRank(t *testing.T) {
	person := func(name, field string, extension bool, updated int64) holding {
		return holding{contact: smokeball.Contact{Kind: screenpop.Person, Name: name, Updated: updated}, field: field, switchboard: extension}
	}
	organisation := func(name, field string, updated int64) holding {
		return holding{contact: smokeball.Contact{Kind: screenpop.Company, Name: name, Updated: updated}, field: field}
	}
	for _, c := range []struct {
		name string
		in   []holding
		want string
	}{
		{"last updated first", []holding{person("old", "cell", false, 1), person("new", "phone", false, 2)}, "new old"},
		{"direct before switchboard", []holding{person("behind", "phone2", true, 9), person("direct", "cell", false, 1)}, "direct behind"},
		{"company before whom it employs", []holding{person("employee", "phone2", false, 9), organisation("company", "phone", 1)}, "company employee"},
		{"person before the company's", []holding{organisation("company", "phone", 9), person("owner", "cell", false, 1)}, "owner company"},
		{"a work number that is nobody else's", []holding{person("a", "phone2", false, 1), person("b", "cell", false, 2)}, "b a"},
		{"fax last", []holding{organisation("fax", "fax", 9), person("behind", "phone2", true, 1)}, "behind fax"},
		{"a number of many is the organisation's", []holding{
			person("a", "cell", false, 5), person("b", "phone", false, 6), person("c", "cell", false, 7), organisation("court", "phone", 1),
		}, "court c b a"},
		{"by name where nothing else tells", []holding{person("b", "cell", false, 1), person("a", "cell", false, 1)}, "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				rank(c.in)
				var got []string
				for _, h := range c.in {
					got = append(got, h.contact.Name)
				}
				if s := strings.Join(got, " "); s != c.want {
					t.Errorf("%s, want %s", s, c.want)
				}
				slices.Reverse(c.in)
			}
		})
	}
}

func TestMore(t *testing.T) {
	links, err := smokeball.NewLinks("https://app.smokeball.com", "", "")
	if err != nil {
		t.Fatal(err)
	}
	var found []holding
	for i := range 13 {
		found = append(found, holding{contact: smokeball.Contact{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Updated: int64(i), Name: "x"}, field: "cell"})
	}
	m := match(found, links, 10)
	if len(m.Contacts) != 10 || m.More != 3 || !strings.HasSuffix(m.Contacts[0].ID, "012") {
		t.Errorf("%d shown, %d more, first %s", len(m.Contacts), m.More, m.Contacts[0].ID)
	}
}

// contacts turns generated records into what the client returns.
func contacts(records []simulator.Contact) []smokeball.Contact {
	var out []smokeball.Contact
	for _, r := range records {
		c := smokeball.Contact{ID: r.ID, Name: r.Name(), Deleted: r.Deleted, Kind: screenpop.Person}
		add := func(field string, p simulator.Phone) {
			if p != (simulator.Phone{}) {
				c.Phones = append(c.Phones, smokeball.Phone{Field: field, AreaCode: p.AreaCode, Number: p.Number, Extension: p.Extension})
			}
		}
		switch {
		case r.Person != nil:
			add("phone", r.Person.Phone)
			add("phone2", r.Person.Phone2)
			add("cell", r.Person.Cell)
			add("fax", r.Person.Fax)
		case r.Company != nil:
			add("phone", r.Company.Phone)
		case r.Trust != nil:
			add("phone", r.Trust.Phone)
		}
		out = append(out, c)
	}
	return out
}

// national is the truth of the generated books, found out in another way than
// the code under test: their digits end with the national number.
func national(country string, p smokeball.Phone) string {
	digits := onlyDigits(p.AreaCode + p.Number)
	if country == "US" {
		return digits[len(digits)-10:]
	}
	return digits[len(digits)-9:]
}

// For random books and random callers, known and unknown and one digit off,
// exactly those match who have the number.
func TestNoFalseAndNoMissedMatch(t *testing.T) {
	plans := map[string]*numbering.Plan{"US": planOf(t, "US", ""), "AU": planOf(t, "AU", "")}
	rapid.Check(t, func(t *rapid.T) {
		country := rapid.SampledFrom([]string{"US", "AU"}).Draw(t, "country")
		book := contacts(simulator.GenerateContacts(rapid.Uint64().Draw(t, "seed"), 300, country))
		var known []string
		for _, c := range book {
			for _, p := range c.Phones {
				known = append(known, national(country, p))
			}
		}
		caller := rapid.SampledFrom(known).Draw(t, "caller")
		if rapid.Bool().Draw(t, "wrong") {
			i := rapid.IntRange(0, len(caller)-1).Draw(t, "digit")
			caller = caller[:i] + rapid.StringMatching(`[0-9]`).Draw(t, "other") + caller[i+1:]
		}
		prefix := map[string][]string{"US": {"", "1", "+1", "0111"}, "AU": {"0", "+61", "61", "001161"}}[country]
		n := plans[country].Parse(rapid.SampledFrom(prefix).Draw(t, "prefix") + caller)
		if n.IsZero() {
			return
		}
		for _, c := range book {
			truth := false
			for _, p := range c.Phones {
				truth = truth || !c.Deleted && national(country, p) == caller
			}
			if _, ok := verify(plans[country], n, c); ok != truth {
				t.Fatalf("caller %s as %s: verify says %v of %+v", caller, n.Canonical, ok, c.Phones)
			}
		}
	})
}

// What is verified has the caller's last digits somewhere in the field.
func FuzzVerify(f *testing.F) {
	for _, s := range [][3]string{
		{"617", "399-8147", "6173998147"}, {"", "437-555-1234 (Jane's Number)", "+14375551234"}, {"", "6173998147 / 6173998148", "6173998148"},
		{"02", "4224 8120 ext. 5", "0242248120"}, {"", "６１７３９９８１４７", "6173998147"}, {"", "13 11 14", "131114"}, {"", "Unknown", "Unknown"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	us, au := planOf(f, "US", "617"), planOf(f, "AU", "")
	f.Fuzz(func(t *testing.T, area, number, caller string) {
		for _, plan := range []*numbering.Plan{us, au} {
			n := plan.Parse(caller)
			for _, stored := range plan.Stored(area, number) {
				if !mayHold(smokeball.Phone{AreaCode: area, Number: number}, ending(stored)) {
					t.Errorf("%q is in %q %q, and thrown out unread", stored.Canonical, area, number)
				}
			}
			h, ok := verify(plan, n, with(smokeball.Phone{Field: "cell", AreaCode: area, Number: number}))
			if !ok {
				continue
			}
			want := strings.TrimPrefix(n.Canonical, "+")
			want = want[max(0, len(want)-4):]
			if h.field != "cell" || n.IsZero() || !strings.Contains(foldedDigits(area+number), want) {
				t.Errorf("%q has %q %q", n.Canonical, area, number)
			}
		}
	})
}

// foldedDigits is the digits of s, those of every script as ASCII's.
func foldedDigits(s string) string {
	var b strings.Builder
	for _, r := range s {
		if d := digitValue(r); d >= 0 {
			b.WriteByte(byte('0' + d))
		}
	}
	return b.String()
}

func digitValue(r rune) int {
	if !unicode.Is(unicode.Nd, r) {
		return -1
	}
	zero := r
	for unicode.Is(unicode.Nd, zero-1) && r-zero < 9 {
		zero--
	}
	if zero > '9' { // blocks of digits stand in tens, some side by side
		for d := range rune(10) {
			if !unicode.Is(unicode.Nd, r-d-1) {
				return int(d)
			}
		}
	}
	return int(r - zero)
}

func BenchmarkVerify100k(b *testing.B) {
	plan := planOf(b, "US", "617")
	book := contacts(simulator.GenerateContacts(1, 100_000, "US"))
	n := plan.Parse("+16175550142")
	b.ReportAllocs()
	for b.Loop() {
		found := 0
		for _, c := range book {
			if _, ok := verify(plan, n, c); ok {
				found++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(book)), "ns/contact")
}

// Whom a matter may move ahead: those whom the number reaches by itself.
func TestDirect(t *testing.T) {
	links, err := smokeball.NewLinks("https://app.smokeball.com", "", "")
	if err != nil {
		t.Fatal(err)
	}
	id := func(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }
	person := func(i int) smokeball.Contact { return smokeball.Contact{ID: id(i), Kind: screenpop.Person} }
	m := match([]holding{
		{contact: person(1), field: "cell"},
		{contact: smokeball.Contact{ID: id(2), Kind: screenpop.Company}, field: "phone"},
		{contact: person(3), field: "phone2", switchboard: true},
		{contact: smokeball.Contact{ID: id(4), Kind: screenpop.Company}, field: "fax"},
	}, links, 10)
	for i, want := range []bool{true, true, false, false} {
		if c := m.Contacts[i]; c.ID != id(i+1) || c.Direct != want {
			t.Errorf("%+v, want direct %v", c, want)
		}
	}
}
