package smokeball

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"unicode"
)

func TestLenientContacts(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing at all", `{}`, "Unnamed contact/"},
		{"all null", `{"id":null,"person":null,"company":null,"isDeleted":null,"lastUpdated":null}`, "Unnamed contact/"},
		{"empty objects beside the real one", `{"person":{},"company":{"name":"C","phone":{"number":"1"}}}`, "C/phone=|1|"},
		{"blank texts for objects", `{"person":"","company":"","trust":{"name":"T","phone":"","fax":{"number":"2"}}}`, "T/fax=|2|"},
		{"numbers for texts", `{"person":{"firstName":7,"lastName":"B","cell":{"areaCode":617,"number":3998147}}}`, "7 B/cell=617|3998147|"},
		{"odd kinds for texts", `{"person":{"firstName":["x"],"lastName":{"y":1},"customName":true,"email":"e@x.example","phone":{"number":{}}}}`, "e@x.example/"},
		{"the number in the wrong box", `{"person":{"firstName":"A","phone":{"areaCode":"6173998147"}}}`, "A/phone=6173998147||"},
		{"first name only", `{"person":{"firstName":" A ","lastName":null}}`, "A/"},
		{"last name only", `{"person":{"lastName":"B"}}`, "B/"},
		{"custom name", `{"person":{"firstName":"","lastName":"  ","customName":"Jo"}}`, "Jo/"},
		{"no name", `{"person":{"title":"Mr","email":""}}`, "Unnamed person/"},
		{"trading name", `{"company":{"name":"","tradingName":"T"}}`, "T/"},
		{"nameless company", `{"company":{"phone":{"number":"1"}}}`, "Unnamed company/phone=|1|"},
		{"nameless trust", `{"trust":{"phone":{"number":"1"}}}`, "Unnamed trust/phone=|1|"},
		{"nameless group", `{"groupOfPeople":{"people":null,"name":null,"residentialAddress":{}}}`, "Unnamed group/"},
		{"unknown fields", `{"voodoo":[1,{"x":null}],"person":{"firstName":"A","phone3":{"number":"9"}}}`, "A/"},
		{"two kinds", `{"company":{"name":"C"},"person":{"firstName":"A"}}`, "A/"},
		{"control and bidi characters", `{"person":{"firstName":"A\u0000\u202e\u0007","lastName":"\u00a0B\n\tC"}}`, "A B C/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p wireContactPage
			if err := decode(EndpointContacts, []byte(`{"value":[`+c.in+`,{"company":{"name":"the next"}}]}`), &p); err != nil {
				t.Fatal(err)
			}
			rows := p.page().Contacts
			if rows[len(rows)-1].Name != "the next" {
				t.Errorf("the next contact is lost: %+v", rows)
			}
			if c.in == `{}` {
				return // an empty object is no row
			}
			got := rows[0].Name + "/"
			for _, f := range rows[0].Phones {
				got += f.Field + "=" + f.AreaCode + "|" + f.Number + "|" + f.Extension
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestTicks(t *testing.T) {
	for in, want := range map[string]int64{
		`637847425252027400`:     637847425252027400,
		`637847425252027401`:     637847425252027401, // a float64 cannot hold it
		`"637847425252027401"`:   637847425252027401,
		`9223372036854775807`:    math.MaxInt64,
		`9223372036854775808`:    0,
		`6.3784742525202742e17`:  637847425252027392, // the nearest float64
		`637847425252027401.0`:   637847425252027392,
		`1e999`:                  0,
		`null`:                   0,
		`""`:                     0,
		`{}`:                     0,
		`"2026-01-01T00:00:00Z"`: 0,
	} {
		var got ticks
		if err := json.Unmarshal([]byte(in), &got); err != nil || int64(got) != want {
			t.Errorf("%s: %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, in := range []string{"", " ", "null", "[]", `"x"`, "7", "<html>", "{", `{"value":[}`, `{} {}`, `{}x`, "\x00", `{"value":[{"id":"a"}`} {
		var p wireContactPage
		if err := decode(EndpointContacts, []byte(in), &p); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
	for _, in := range []string{`{}`, " \r\n{}\n", "\ufeff{}", `{"value":null}`, `{"value":{}}`, `{"value":[null,1,"x",[],{}]}`} {
		var p wireContactPage
		if err := decode(EndpointContacts, []byte(in), &p); err != nil || len(p.Value) != 0 {
			t.Errorf("%q: %v, %d rows", in, err, len(p.Value))
		}
	}
}

func FuzzContactPage(f *testing.F) {
	for _, name := range []string{"contacts_au.json", "contacts_us.json", "staff.json", "matters.json"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"size":"3","value":[{"person":""},{"company":{"phone":{"number":7}}},{"groupOfPeople":{"people":[{"href":"/"}]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var w wireContactPage
		if decode(EndpointContacts, b, &w) != nil {
			return
		}
		p := w.page()
		if p.Size < 0 || len(p.Contacts) != p.Rows {
			t.Errorf("size %d, %d rows, %d contacts", p.Size, p.Rows, len(p.Contacts))
		}
		for _, c := range p.Contacts {
			if c.Name == "" || len([]rune(c.Name)) > maxName+1 || strings.ContainsFunc(c.Name, unicode.IsControl) {
				t.Errorf("name %q", c.Name)
			}
			for _, f := range c.Phones {
				if f.Number == "" && f.AreaCode == "" {
					t.Error("an empty phone")
				}
			}
			for _, id := range c.Members {
				if !ValidID(id) {
					t.Errorf("member %q", id)
				}
			}
		}
	})
}
