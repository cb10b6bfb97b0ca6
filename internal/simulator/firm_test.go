package simulator_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	. "github.com/smokepop/smokepop/internal/simulator"
)

// Every number people call from has to be a valid one to libphonenumber, and
// one that nobody has.
func TestCallersNumbersAreValidAndFictitious(t *testing.T) {
	for _, f := range []*Firm{NewFirm(), NewAustralianFirm()} {
		lines := []Line{f.Main}
		for _, c := range f.Callers {
			lines = append(lines, c.Line)
		}
		for _, l := range lines {
			for _, written := range []string{l.E164(), l.Domestic()} {
				n, err := phonenumbers.Parse(written, map[string]string{"1": "US", "61": "AU", "44": "GB"}[l.CountryCode])
				if err != nil || !phonenumbers.IsValidNumber(n) || phonenumbers.Format(n, phonenumbers.E164) != l.E164() {
					t.Errorf("%s of %+v: %v, %v", written, l, n, err)
				}
			}
			if shown := strings.NewReplacer("(", "", ")", "", " ", "", "-", "").Replace(l.Shown); shown != l.Domestic() {
				t.Errorf("%+v is shown as %q", l, l.Shown)
			}
			if !fictitious(l) {
				t.Errorf("%+v may be somebody's number", l)
			}
		}
	}
}

func fictitious(l Line) bool {
	n := l.National
	switch l.CountryCode {
	case "1":
		return n[3:8] == "55501"
	case "61":
		return n[1:5] == "5550" || n[1:5] == "7010" || slices.Contains([]string{"491570006", "491570156"}, n)
	case "44":
		return strings.HasPrefix(n, "2079460")
	}
	return false
}

func TestTheFirmHoldsTogether(t *testing.T) {
	for _, f := range []*Firm{NewFirm(), NewAustralianFirm()} {
		ids, named := map[string]bool{}, map[string]bool{}
		kinds := map[string]int{}
		for _, c := range f.Contacts {
			if ids[c.ID] {
				t.Errorf("%s: two contacts with the id %s", f.Name, c.ID)
			}
			ids[c.ID] = true
			kinds[c.Kind()]++
			if !c.Deleted {
				named[c.Name()] = true
			}
			if int64(float64(c.LastUpdated)) == c.LastUpdated {
				t.Errorf("%s: lastUpdated %d fits a float64, and so tests nothing", c.Name(), c.LastUpdated)
			}
		}
		for _, m := range f.Matters {
			for _, id := range append(slices.Clone(m.Clients), m.OtherSides...) {
				if !ids[id] {
					t.Errorf("%s: matter %s names an unknown contact", f.Name, m.Number)
				}
			}
		}
		for _, c := range f.Callers {
			for _, n := range c.Names {
				if !named[n] {
					t.Errorf("%s: the caller %q is no contact", f.Name, n)
				}
			}
		}
		if f.Country == "US" && (kinds["Person"] < 10 || kinds["Organisation"] < 3 || kinds["Trust"] < 1 || kinds["GroupOfPeople"] < 2) {
			t.Errorf("%s: %v", f.Name, kinds)
		}
		signIn := map[string]bool{}
		for _, s := range f.Staff {
			signIn[s.Email] = s.UserID != ""
		}
		mismatched := 0
		for _, a := range f.Agents {
			if !signIn[a.Email] {
				mismatched++
			}
		}
		if want := map[string]int{"US": 1, "AU": 0}[f.Country]; mismatched != want {
			t.Errorf("%s: %d agents without a Smokeball user of their e-mail, want %d", f.Name, mismatched, want)
		}
	}
	a, b := NewFirm(), NewFirm()
	if a.Contacts[0].ID != b.Contacts[0].ID || a.Staff[3].UserID != b.Staff[3].UserID {
		t.Error("ids differ from one start to the next")
	}
}

// The four ways of leaving something blank, as they are on the wire.
func TestBlanksOnTheWire(t *testing.T) {
	for blanks, want := range map[Blanks]string{
		BlankMissing: `{"cell":{"number":"0255501234"},"lastName":"Tran"}`,
		BlankEmpty:   `{"cell":{"areaCode":"","number":"0255501234"},"customName":"","email":"","fax":{"areaCode":"","number":""},"firstName":"","lastName":"Tran","middleName":"","nameSuffix":"","occupation":"","phone":{"areaCode":"","number":""},"phone2":{"areaCode":"","extension":"","number":""},"title":""}`,
		BlankNull:    `{"cell":{"areaCode":null,"number":"0255501234"},"customName":null,"email":null,"fax":null,"firstName":null,"lastName":"Tran","middleName":null,"nameSuffix":null,"occupation":null,"phone":null,"phone2":null,"title":null}`,
		BlankObject:  `{"cell":{"number":"0255501234"},"fax":{},"lastName":"Tran","phone":{},"phone2":{}}`,
	} {
		c := Contact{ID: "0855eddc-f152-44b5-8dad-f687cab9a922", Person: &Person{LastName: "Tran", Cell: Phone{Number: "0255501234"}}, Blanks: blanks, LastUpdated: 639074233716654001}
		w := newWorld(t, func(o *Options) { o.Firm.Contacts = []Contact{c} })
		m := w.get(w.pair(priya).access, "/contacts/"+c.ID).json(t)
		if got, _ := json.Marshal(m["person"]); string(got) != want {
			t.Errorf("%d:\n got %s\nwant %s", blanks, got, want)
		}
		if m["lastUpdated"] != json.Number("639074233716654001") {
			t.Errorf("lastUpdated %v", m["lastUpdated"])
		}
	}
}

func TestGeneratedBookIsBigAndTheSameEachTime(t *testing.T) {
	const n = 100_000
	contacts := GenerateContacts(7, n, "US")
	if again := GenerateContacts(7, 50, "US"); len(contacts) != n || again[49].Name() != contacts[49].Name() || again[49].ID != contacts[49].ID {
		t.Fatal("the same seed gave another book")
	}
	var with *Contact
	for i := range contacts {
		c := &contacts[i]
		if !c.Deleted && c.Person != nil && c.Person.Cell.AreaCode != "" && len(c.Person.Cell.Number) == 7 {
			with = c
			break
		}
	}
	w := newWorld(t, func(o *Options) { o.Firm.Contacts = contacts })
	p := w.pair(priya)
	cell := with.Person.Cell
	found := w.names(p.access, url.Values{"Search": {"phone:" + cell.AreaCode + cell.Number}})
	if !slices.Contains(found, with.Name()) {
		t.Errorf("%+v finds %q, not %q", cell, found, with.Name())
	}
	for _, c := range contacts {
		if strings.Contains(c.Name(), "  ") || c.Name() == "" {
			t.Fatalf("a contact without a name: %+v", c)
		}
	}
}

func BenchmarkSearchIn100000(b *testing.B) {
	w := NewSmokeball(Options{Firm: &Firm{Contacts: GenerateContacts(7, 100_000, "US")}})
	b.ReportAllocs()
	for b.Loop() {
		SearchForBench(w, "phone:*0142*")
	}
}
