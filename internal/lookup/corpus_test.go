package lookup_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// corpusRow is a line of testdata/corpus.tsv: a number as a PBX presents it,
// and as a firm may have typed it (or something like it) into Smokeball. The
// columns, in which Go's escapes stand for what cannot be seen:
//
//	country, area code  of the tenant
//	PBX form            what a PBX sends
//	number              whose form that is, canonical; empty: nobody's
//	stored area code, stored number, field
//	                    person.phone2;ext=12 has an extension in its own box,
//	                    person.cell;deleted is a deleted contact's
//	match               yes or no
//	search              what Smokeball's search has to do for a match: nothing
//	                    (as typed), "digits" (strip punctuation), "apart" (that,
//	                    and not run area code and number together) or "folded"
//	                    (take every script's digits for ASCII's)
//	reason              why the row is there, or where its form is from
//
// Sources named there: vodia.md and smokeball.md are the project's notes on the
// two contracts, names with a # are issues of other projects, in short.
type corpusRow struct {
	line                  int
	country, tenantArea   string
	pbx, number           string
	area, stored          string
	field                 string
	match                 bool
	search, reason, shape string
}

func readCorpus(t *testing.T) []corpusRow {
	t.Helper()
	f, err := os.Open("testdata/corpus.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []corpusRow
	in := bufio.NewScanner(f)
	for line := 1; in.Scan(); line++ {
		c := strings.Split(in.Text(), "\t")
		if len(c) != 10 || c[7] != "yes" && c[7] != "no" && line > 1 {
			t.Fatalf("line %d: %d columns, or neither yes nor no", line, len(c))
		}
		if line == 1 {
			continue // the columns' names
		}
		for i := range c {
			c[i] = unescaped(t, c[i])
		}
		shape := anyDigit.ReplaceAllString(strings.Join([]string{c[0], c[1], c[2], c[4], c[5], c[6]}, "\t"), "9")
		rows = append(rows, corpusRow{line, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7] == "yes", c[8], c[9], shape})
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

var anyDigit = regexp.MustCompile(`[0-9]`)

func unescaped(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for s != "" {
		r, _, tail, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		b.WriteRune(r)
		s = tail
	}
	return b.String()
}

func (r corpusRow) String() string {
	return fmt.Sprintf("line %d: %s%s, %q against %q %q: %s", r.line, r.country, r.tenantArea, r.pbx, r.area, r.stored, r.reason)
}

func (r corpusRow) deleted() bool { return strings.HasSuffix(r.field, ";deleted") }

func (r corpusRow) id() string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", r.line) }

// contact is the row's record. With folded, Smokeball's search reads digits of
// every script as ASCII's, and still answers what was typed.
func (r corpusRow) contact(t *testing.T, folded bool) simulator.Contact {
	t.Helper()
	field, options, _ := strings.Cut(r.field, ";")
	extension, _ := strings.CutPrefix(options, "ext=")
	if r.deleted() {
		extension = ""
	}
	typed := simulator.Phone{AreaCode: r.area, Number: r.stored, Extension: extension}
	c := simulator.Contact{ID: r.id(), Deleted: r.deleted(), LastUpdated: 639_000_000_000_000_000 + int64(r.line)}
	kind, name, _ := strings.Cut(field, ".")
	indexed := typed
	if folded {
		indexed.AreaCode, indexed.Number = asciiDigits.Replace(r.area), asciiDigits.Replace(r.stored)
		raw, err := json.Marshal(map[string]any{
			"id": c.ID, "isDeleted": c.Deleted, "lastUpdated": c.LastUpdated,
			kind: map[string]any{"name": "Row", "lastName": "Row", name: map[string]string{"areaCode": r.area, "number": r.stored, "extension": extension}},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Raw = raw
	}
	var p simulator.Person
	var o simulator.Company
	var u simulator.Trust
	at := map[string]*simulator.Phone{
		"person.phone": &p.Phone, "person.phone2": &p.Phone2, "person.cell": &p.Cell, "person.fax": &p.Fax,
		"company.phone": &o.Phone, "company.fax": &o.Fax, "trust.phone": &u.Phone, "trust.fax": &u.Fax,
	}[field]
	if at == nil {
		t.Fatalf("%v: there is no field %q", r, field)
	}
	*at = indexed
	switch kind {
	case "person":
		p.LastName = "Row"
		c.Person = &p
	case "company":
		o.Name = "Row"
		c.Company = &o
	case "trust":
		u.Name = "Row"
		c.Trust = &u
	}
	return c
}

var asciiDigits = strings.NewReplacer(
	"０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9",
	"٠", "0", "١", "1", "٢", "2", "٣", "3", "٤", "4", "٥", "5", "٦", "6", "٧", "7", "٨", "8", "٩", "9",
)

// The corpus is worth its name: many rows, each of another kind, each with a
// reason.
func TestCorpusIsOne(t *testing.T) {
	rows := readCorpus(t)
	seen, no := map[string]int{}, 0
	for _, r := range rows {
		if len(r.reason) < 4 {
			t.Errorf("%v: no reason", r)
		}
		if !r.match {
			no++ // which digit is another is what tells these apart
			continue
		}
		if before := seen[r.shape+r.reason]; before != 0 {
			t.Errorf("%v: like line %d", r, before)
		}
		seen[r.shape+r.reason] = r.line
	}
	if len(rows) < 420 || no < 60 {
		t.Errorf("%d rows, %d of them no match", len(rows), no)
	}
}

// Each side of a row is read as the number it is, whatever Smokeball's search
// makes of it.
func TestCorpusNumbers(t *testing.T) {
	plans := map[string]*numbering.Plan{}
	for _, r := range readCorpus(t) {
		p := plans[r.country+r.tenantArea]
		if p == nil {
			var err error
			if p, err = numbering.NewPlan(r.country, r.tenantArea); err != nil {
				t.Fatal(err)
			}
			plans[r.country+r.tenantArea] = p
		}
		if got := p.Parse(r.pbx).Canonical; got != r.number {
			t.Errorf("%v: called by %q, want %q", r, got, r.number)
		}
		var stored []string
		for _, n := range p.Stored(r.area, r.stored) {
			stored = append(stored, n.Canonical)
		}
		if got, want := slices.Contains(stored, r.number), r.match || r.deleted() && r.number != ""; got != want {
			t.Errorf("%v: %q is in %q: %v, want %v", r, r.number, stored, got, want)
		}
	}
}

// Every caller of the corpus, looked up in a book that holds all its country's
// rows among 200 others, brings exactly the rows that have the number and that
// Smokeball's search can return.
func TestCorpusIsFound(t *testing.T) {
	offices := map[[2]string][]corpusRow{}
	for _, r := range readCorpus(t) {
		k := [2]string{r.country, r.tenantArea}
		offices[k] = append(offices[k], r)
	}
	for office, rows := range offices {
		for _, smokeball := range []struct {
			searches string
			index    simulator.PhoneIndex
			reaches  []string // values of the column search
		}{
			{"as typed", simulator.PhoneIndex{}, []string{""}},
			{"digits", simulator.PhoneIndex{StripPunctuation: true}, []string{"", "digits"}},
			{"apart", simulator.PhoneIndex{StripPunctuation: true, Join: simulator.Separate}, []string{"", "digits", "apart"}},
			{"folded", simulator.PhoneIndex{StripPunctuation: true}, []string{"", "digits", "folded"}},
		} {
			t.Run(office[0]+office[1]+" "+smokeball.searches, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					firm := simulator.NewFirm()
					firm.Country, firm.AreaCode, firm.Matters = office[0], office[1], nil
					firm.Contacts = decoys(office[0])
					have := map[string][]string{}
					for _, r := range rows {
						firm.Contacts = append(firm.Contacts, r.contact(t, smokeball.searches == "folded"))
						if r.match && slices.Contains(smokeball.reaches, r.search) {
							have[r.number] = append(have[r.number], r.id())
						}
					}
					h := build(t, setup{firm: firm, options: simulator.Options{PhoneIndex: smokeball.index}, tenant: TenantConfig{Cache: -1, MaxContacts: 100}})
					for _, r := range rows {
						if r.search == "" && smokeball.searches != "as typed" {
							continue // what the weakest index brings, all do
						}
						m, err := h.finder.Find(t.Context(), h.first(), call(h.plan.Parse(r.pbx)))
						var got []string
						for _, c := range m.Contacts {
							got = append(got, c.ID)
						}
						slices.Sort(got)
						want := have[r.number]
						if !slices.Equal(got, want) {
							t.Errorf("%v: found %v, want %v", r, got, want)
						}
						if len(want) == 0 && !errors.Is(err, screenpop.ErrNoMatch) || len(want) > 0 && err != nil {
							t.Errorf("%v: %v", r, err)
						}
					}
				})
			})
		}
	}
}

// decoys are contacts who have none of the corpus's numbers.
func decoys(country string) []simulator.Contact {
	if country == "UK" {
		return britishContacts(12, 200)
	}
	return simulator.GenerateContacts(7, 200, country)
}
