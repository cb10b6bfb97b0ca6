package lookup_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// Shapes of answers that real accounts have given, with invented people: what
// a search answers is given in full, whatever was asked.
func TestSampleAnswers(t *testing.T) {
	const id, id2 = "5b0e3a52-8f1c-4f3b-9a57-0c2f7d1e4a10", "5b0e3a52-8f1c-4f3b-9a57-0c2f7d1e4a11"
	for _, c := range []struct {
		name, country string
		rows          string // of the answer's value
		caller        string
		want          []string // names, the best first
	}{
		{"AU: whole numbers, the same in several fields, empty strings for blanks", "AU", `
			{"href":"https://stagingapi.smokeball.com.au/contacts/` + id + `","id":"` + id + `","versionId":"` + id2 + `",
			 "person":{"title":"","firstName":"Wren","lastName":"Coldbrook",
			  "residentialAddress":{"buildingLevel":"","unitNumber":"","country":"Australia"},
			  "phone":{"areaCode":"","number":""},"phone2":{"extension":"","areaCode":"","number":"0255501236"},
			  "cell":{"areaCode":"","number":"0255501236"},"email":"wren@mail.example"},
			 "isDeleted":false,"lastUpdated":639074233716654000},
			{"href":"https://stagingapi.smokeball.com.au/contacts/` + id2 + `","id":"` + id2 + `",
			 "company":{"name":"Coldbrook Tiling","type":"","phone":{"areaCode":"","number":"0255501236"},"fax":{"areaCode":"","number":""},
			  "email":"","businessAddress":{"country":"Australia"},"staff":[],"directors":[],"staffIds":[]},
			 "isDeleted":false,"lastUpdated":639074238392527000}`,
			"61255501236", []string{"Wren Coldbrook", "Coldbrook Tiling"}},
		{"AU: all fields blank", "AU", `{"id":"` + id + `","person":{"firstName":"Wren","lastName":"Coldbrook",
			"phone":{"areaCode":"","number":""},"phone2":{"extension":"","areaCode":"","number":""},"cell":{"areaCode":"","number":""}},"isDeleted":false,"lastUpdated":639074233716654000}`,
			"61255501236", nil},
		{"US: split", "US", `{"id":"` + id + `","person":{"firstName":"Ida","lastName":"Hartford","phone":{"areaCode":"617","number":"555-0162"},"email":"ida@mail.example"},"isDeleted":false,"lastUpdated":639074233716654000}`,
			"16175550162", []string{"Ida Hartford"}},
		{"US: split, with an extension in its box", "US", `{"id":"` + id + `","person":{"firstName":"Ida","lastName":"Hartford","phone2":{"areaCode":"617","number":"5550162","extension":"12"}}}`,
			"+16175550162", []string{"Ida Hartford"}},
		{"US: split, another area", "US", `{"id":"` + id + `","person":{"firstName":"Ida","lastName":"Hartford","phone":{"areaCode":"508","number":"555-0162"}}}`,
			"16175550162", nil},
		{"US: a trust", "US", `{"id":"` + id + `","trust":{"name":"The Hartford Trust","status":"Active","phone":{"areaCode":"617","number":"555-0162"},"fax":{},"trustees":[{"name":"Ida Hartford","type":"Individual"}],"contacts":[]}}`,
			"6175550162", []string{"The Hartford Trust"}},
		{"no areaCode, an empty object", "US", `{"id":"` + id + `","person":{"firstName":"Ida","lastName":"Hartford","phone":{"number":"6175550162"},"cell":{}}}`,
			"6175550162", []string{"Ida Hartford"}},
		{"a number that is none, as in the description's staff sample", "US", `{"id":"` + id + `","person":{"firstName":"Ida","lastName":"Hartford","phone":{"number":"200617555016"},"cell":{}}}`,
			"6175550162", nil},
		{"the description's own split", "US", `{"id":"` + id + `","person":{"firstName":"Ida","phone":{"areaCode":"555","number":"1234567"}}}`,
			"5551234567", []string{"Ida"}},
		{"null for what is blank", "US", `{"id":"` + id + `","externalSystemId":null,"person":{"title":null,"firstName":null,"lastName":"Hartford","email":null,
			"phone":null,"phone2":{"areaCode":null,"number":null,"extension":null},"cell":{"areaCode":null,"number":"617-555-0162"},"fax":null},
			"company":null,"trust":null,"groupOfPeople":null,"isDeleted":null,"lastUpdated":null,"tags":null}`,
			"16175550162", []string{"Hartford"}},
		{"the number in the area code's box, number null", "US", `{"id":"` + id + `","person":{"lastName":"Hartford","phone":{"areaCode":"6175550162","number":null}}}`,
			"16175550162", []string{"Hartford"}},
		{"nothing but null and {} beside one who has it", "US", `null, {}, {"id":null}, {"id":"` + id2 + `"}, {"id":"` + id2 + `","person":{}}, {"id":"` + id2 + `","person":null},
			{"id":"` + id + `","person":{"lastName":"Hartford","cell":{"areaCode":"617","number":"5550162"}}}`,
			"16175550162", []string{"Hartford"}},
		{"fields that are not there", "US", `{"id":"` + id + `","company":{"phone":{"areaCode":"617","number":"555-0162"},"tradingName":"Hartford Glass"}}`,
			"16175550162", []string{"Hartford Glass"}},
		{"fields that came later", "US", `{"id":"` + id + `","person":{"lastName":"Hartford","cell":{"areaCode":"617","number":"5550162","verified":{"on":[1]}},"utbmsDetails":{"a":[{}]}},"self":{"href":"x"},"relation":"Contacts","method":"GET"}`,
			"16175550162", []string{"Hartford"}},
		{"links with rel", "US", `{"id":"` + id + `","self":{"href":"https://api.smokeball.com/contacts/` + id + `","rel":"Contacts","method":"GET"},
			"company":{"name":"Hartford Glass","phone":{"areaCode":"617","number":"555-0162"},"staff":[{"id":"` + id2 + `","href":"https://api.smokeball.com/contacts/` + id2 + `","rel":"Contacts"}]}}`,
			"16175550162", []string{"Hartford Glass"}},
		{"links with relation, as the description has them", "US", `{"id":"` + id + `","self":{"href":"https://api.smokeball.com/contacts/` + id + `","relation":"Contacts","method":"GET"},
			"company":{"name":"Hartford Glass","phone":{"areaCode":"617","number":"555-0162"},"staff":[{"id":"` + id2 + `","href":"https://api.smokeball.com/contacts/` + id2 + `","relation":"Contacts"}]}}`,
			"16175550162", []string{"Hartford Glass"}},
		{"lastUpdated beyond 2^53: one tick is newer, though a float64 does not see it", "US", `
			{"id":"` + id + `","person":{"firstName":"Ada","lastName":"Older","cell":{"areaCode":"617","number":"5550162"}},"lastUpdated":639074233716654000},
			{"id":"` + id2 + `","person":{"firstName":"Zoe","lastName":"Newer","cell":{"areaCode":"617","number":"5550162"}},"lastUpdated":639074233716654001}`,
			"16175550162", []string{"Zoe Newer", "Ada Older"}},
		{"isDeleted", "US", `{"id":"` + id + `","person":{"lastName":"Hartford","cell":{"areaCode":"617","number":"5550162"}},"isDeleted":true,"lastUpdated":639074233716654000}`,
			"16175550162", nil},
		{"a group, its people as links with and without id, beside one of them", "US", `
			{"href":"https://api.smokeball.com/contacts/` + id2 + `","id":"` + id2 + `","groupOfPeople":{"people":[
			  {"href":"https://api.smokeball.com/contacts/` + id + `"},{"id":"` + id + `","href":"https://api.smokeball.com/contacts/` + id + `","rel":"Contacts"}],
			  "residentialAddress":{"addressLine1":"12 Fairgate Street","city":"Boston","state":"MA"}}},
			{"id":"` + id + `","person":{"firstName":"Ida","lastName":"Hartford","cell":{"areaCode":"617","number":"5550162"}}}`,
			"16175550162", []string{"Ida Hartford"}},
		{"no row at all", "AU", ``, "61255501236", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				firm := simulator.NewFirm()
				firm.Country, firm.AreaCode = c.country, ""
				h := build(t, setup{firm: firm})
				var rows []json.RawMessage
				if err := json.Unmarshal([]byte("["+c.rows+"]"), &rows); err != nil {
					t.Fatal(err)
				}
				h.wire.handler = answering(t, rows)
				checkFound(t, h, c.caller, c.want)
			})
		})
	}
}

// answering gives the rows to every search, in the envelope of a real answer.
func answering(t *testing.T, rows []json.RawMessage) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/contacts" {
			t.Errorf("asked for %s", r.URL.Path)
			http.NotFound(w, r)
			return
		}
		page := map[string]any{
			"href": "https://api.smokeball.com/contacts", "offset": 0, "limit": 200, "size": len(rows), "value": append([]json.RawMessage{}, rows...),
			"first": map[string]string{"href": "https://api.smokeball.com/contacts?limit=200"},
			"last":  map[string]string{"href": "https://api.smokeball.com/contacts?limit=200", "rel": "collection"},
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if err := json.NewEncoder(w).Encode(page); err != nil {
			t.Error(err)
		}
	})
}

// What is around the rows may be blank too.
func TestSampleEnvelopes(t *testing.T) {
	const row = `{"id":"5b0e3a52-8f1c-4f3b-9a57-0c2f7d1e4a10","person":{"firstName":"Ida","lastName":"Hartford","cell":{"areaCode":"617","number":"555-0162"}}}`
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"value alone":     {`{"value":[` + row + `]}`, []string{"Ida Hartford"}},
		"size null":       {`{"size":null,"offset":null,"first":null,"last":null,"value":[` + row + `]}`, []string{"Ida Hartford"}},
		"next is null":    {`{"size":1,"next":null,"previous":null,"value":[` + row + `]}`, []string{"Ida Hartford"}},
		"next leads away": {`{"size":1,"next":{"href":"https://attacker.example/contacts","relation":"collection"},"value":[` + row + `]}`, []string{"Ida Hartford"}},
		"value is null":   {`{"size":0,"value":null}`, nil},
		"an empty object": {`{}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, setup{})
				h.wire.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Host != "127.0.0.1" || r.URL.Path != "/contacts" {
						t.Errorf("asked %s for %s", r.Host, r.URL.Path)
					}
					w.Header().Set("Content-Type", "application/json")
					io.WriteString(w, c.body)
				})
				checkFound(t, h, "+16175550162", c.want)
			})
		})
	}
}

// The same shapes where the search decides too: what the index holds brings a
// record, and the record as it was answered is what counts.
func TestSampleRecordsAreSearched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		firm := simulator.NewAustralianFirm()
		record := func(id, number, raw string) simulator.Contact {
			return simulator.Contact{
				ID: id, Raw: json.RawMessage(strings.ReplaceAll(raw, "ID", id)),
				Person: &simulator.Person{LastName: "indexed", Cell: simulator.Phone{Number: number}},
			}
		}
		const (
			wren = "5b0e3a52-8f1c-4f3b-9a57-0c2f7d1e4a10"
			gone = "5b0e3a52-8f1c-4f3b-9a57-0c2f7d1e4a11"
			left = "5b0e3a52-8f1c-4f3b-9a57-0c2f7d1e4a12"
		)
		firm.Contacts = append(firm.Contacts,
			record(wren, "0255509236", `{"id":"ID","person":{"firstName":"Wren","lastName":"Coldbrook","phone":{},"phone2":null,"cell":{"areaCode":"","number":"0255509236"}},"lastUpdated":639074233716654000}`),
			record(gone, "0255509236", `{"id":"ID","person":{"lastName":"Deleted since","cell":{"number":"0255509236"}},"isDeleted":true}`),
			record(left, "0255509236", `{"id":"ID","person":{"lastName":"Changed since","cell":{"number":"0255509237"}}}`),
		)
		h := build(t, setup{firm: firm})
		checkFound(t, h, "0255509236", []string{"Wren Coldbrook"})
		checkFound(t, h, "0255509237", nil)
	})
}

func checkFound(t *testing.T, h *house, caller string, want []string) {
	t.Helper()
	m, err := h.find(caller)
	var got []string
	for _, c := range m.Contacts {
		got = append(got, c.Name)
	}
	outcome := screenpop.OutcomeMatched
	if len(want) == 0 {
		outcome = screenpop.OutcomeNoMatch
	}
	if !slices.Equal(got, want) || screenpop.OutcomeOf(err) != outcome {
		t.Errorf("%s is %q, %v; want %q", caller, got, err, want)
	}
}
