package lookup_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

var bookSeed = flag.Uint64("lookup.books", 0, "seed of the property tests' address books; 0 draws one")

// The few British numbers that are nobody's would all be shared by many in a
// larger book.
var bookSize = map[string]int{"US": 100_000, "AU": 100_000, "UK": 20_000}

// Whoever calls a firm with 100,000 contacts is shown as who has the number and
// as nobody else, and whoever has it and came back from the plan's searches is
// shown. Half of the callers are somebody's number with one digit changed.
func TestNobodyElseAndNobodyMissed(t *testing.T) {
	t.Parallel()
	seed := *bookSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("the books of -lookup.books=%d", seed)
	countries := []string{"US", "AU", "UK"}
	offices := map[string]*office{}
	var typing sync.WaitGroup
	for _, country := range countries {
		o := &office{book: simulator.NewFirm()}
		offices[country] = o
		o.book.Country, o.book.AreaCode, o.book.Matters = country, "", nil
		typing.Go(func() { o.book.Contacts, o.owners = typedBook(country, seed, bookSize[country]) })
	}
	typing.Wait()
	synctest.Test(t, func(t *testing.T) {
		for _, o := range offices {
			o.open(t)
		}
		rapid.Check(bubbled{t}, func(t *rapid.T) {
			// Tails of three digits bring ten times as much to read.
			country := rapid.SampledFrom([]string{"US", "US", "US", "AU", "UK"}).Draw(t, "country")
			o := offices[country]
			national := o.owners.numbers[rapid.IntRange(0, len(o.owners.numbers)-1).Draw(t, "whose")]
			if rapid.Bool().Draw(t, "stranger") {
				national = oneDigitOff(t, national)
			}
			party := rapid.SampledFrom(presentations[country]).Draw(t, "presentation")(national)
			m, narrowed := o.look(t, party)
			shown := map[string]bool{}
			for _, c := range m.Contacts {
				shown[c.ID] = true
				if !slices.ContainsFunc(o.owners.of[national], func(w owner) bool { return w.id == c.ID }) {
					t.Fatalf("%q is shown as who does not have it: %s", party, o.typed(c.ID))
				}
			}
			for _, w := range o.owners.of[national] {
				if !shown[w.id] && (slices.Contains(o.returned, w.id) || w.together && !narrowed) {
					t.Fatalf("%q: who has it is not shown: %s", party, o.typed(w.id))
				}
			}
		})
	})
}

// office is a firm with many contacts, and who of them has which number.
type office struct {
	*house
	book     *simulator.Firm
	owners   ledger
	returned []string // the contacts that the searches for the last caller brought
}

func (o *office) open(t *testing.T) {
	o.house = build(t, setup{firm: o.book, tenant: TenantConfig{Cache: -1, MaxContacts: len(o.book.Contacts)}})
	o.wire.handler = listening(o.wire.handler, &o.returned)
}

// look looks a party up. narrowed tells that a tail had to be made longer than
// the plan has it: it may then fall apart in how a number is typed.
func (o *office) look(t *rapid.T, party string) (m screenpop.Match, narrowed bool) {
	n := o.plan.Parse(party)
	if n.IsZero() {
		t.Fatalf("%q is no number", party)
	}
	o.returned = o.returned[:0]
	o.sim.Forget()
	m, err := o.finder.Find(o.t.Context(), o.first(), call(n))
	if outcome := screenpop.OutcomeOf(err); outcome != screenpop.OutcomeMatched && outcome != screenpop.OutcomeNoMatch || m.More != 0 {
		t.Fatalf("%q: %v, %d more", party, err, m.More)
	}
	narrowed = slices.ContainsFunc(o.searches(), func(s string) bool {
		return strings.HasPrefix(s, "*") && len(s) > len("**")+DefaultPlan(o.book.Country)[0].Digits
	})
	return m, narrowed
}

func (o *office) typed(id string) string {
	for _, c := range o.book.Contacts {
		if c.ID == id {
			return fmt.Sprintf("%s %+v %+v %+v", id, c.Person, c.Company, c.Trust)
		}
	}
	return id
}

// What two forms are to each other does not depend on which of them the PBX
// sent, and numbers that differ in a digit are never the same.
func TestMatchingIsSymmetric(t *testing.T) {
	for _, country := range []string{"US", "AU", "UK"} {
		t.Run(country, func(t *testing.T) {
			plan, err := numbering.NewPlan(country, "")
			if err != nil {
				t.Fatal(err)
			}
			matches := func(pbx, stored string) bool {
				n := plan.Parse(pbx)
				return slices.ContainsFunc(plan.Stored("", stored), func(s screenpop.Number) bool { return s.Canonical == n.Canonical })
			}
			rapid.Check(t, func(t *rapid.T) {
				a := invented(country, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "number"), 3)))
				b := a
				if rapid.Bool().Draw(t, "another") {
					b = oneDigitOff(t, a)
				}
				one := rapid.SampledFrom(writings[country]).Draw(t, "one writing")(a)
				other := rapid.SampledFrom(writings[country]).Draw(t, "other writing")(b)
				if there, back := matches(one, other), matches(other, one); there != (a == b) || back != there {
					t.Fatalf("%q calls %q: %v; %q calls %q: %v", one, other, there, other, one, back)
				}
			})
		})
	}
}

// bubbled hides Deadline, which a bubble of testing/synctest does not have.
type bubbled struct{ testing.TB }

// listening keeps the ids of the contacts that an answer has.
func listening(next http.Handler, ids *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard := &overheard{ResponseWriter: w}
		next.ServeHTTP(heard, r)
		for body := heard.body; ; {
			_, after, ok := bytes.Cut(body, []byte(`"id":"`))
			if !ok || len(after) < 36 {
				return
			}
			*ids, body = append(*ids, string(after[:36])), after
		}
	})
}

type overheard struct {
	http.ResponseWriter
	body []byte
}

func (o *overheard) Write(b []byte) (int, error) {
	o.body = append(o.body, b...)
	return o.ResponseWriter.Write(b)
}

func oneDigitOff(t *rapid.T, national string) string {
	i := rapid.IntRange(0, len(national)-1).Draw(t, "digit")
	by := rapid.IntRange(1, 9).Draw(t, "by")
	return national[:i] + fmt.Sprint((int(national[i]-'0')+by)%10) + national[i+1:]
}

// ledger is who has which number: the truth, known from how a book was made
// and not from reading it.
type ledger struct {
	of      map[string][]owner // by national number
	numbers []string           // a number for each time it was typed
}

type owner struct {
	id       string
	together bool // the number's last digits stand side by side
}

func (l *ledger) note(national, id string, together bool) {
	l.of[national] = append(l.of[national], owner{id, together})
	l.numbers = append(l.numbers, national)
}

// typedBook is an address book that many hands have typed in, with who has
// which number.
func typedBook(country string, seed uint64, n int) ([]simulator.Contact, ledger) {
	r := rand.New(rand.NewPCG(seed, 17))
	l := ledger{of: make(map[string][]owner, n)}
	size := len(invented(country, r)) // numbers of one country are of one length here
	var book []simulator.Contact
	if country == "UK" {
		book = britishContacts(seed, n)
	} else {
		book = simulator.GenerateContacts(seed, n, country)
	}
	for _, c := range book {
		for _, p := range phonesOf(&c) {
			national := lastDigits(p.AreaCode+p.Number, size)
			if national == "" {
				continue
			}
			note := func(national string, together bool) {
				if !c.Deleted {
					l.note(national, c.ID, together)
				}
			}
			switch k := r.IntN(40); {
			case k < 26: // as it came
				note(national, true)
			case k < 34:
				form := writings[country][r.IntN(len(writings[country]))]
				*p = simulator.Phone{Number: form(national) + remarks[r.IntN(len(remarks))]}
				note(national, true)
			case k < 36:
				second := invented(country, r)
				form := writings[country][r.IntN(len(writings[country]))]
				*p = simulator.Phone{Number: form(national) + " / " + form(second)}
				note(national, true)
				note(second, true)
			case k < 38:
				*p = simulator.Phone{Number: apart[country](national)}
				note(national, false)
			case k < 39: // a digit too many: nobody's
				*p = simulator.Phone{Number: writings[country][0](national) + fmt.Sprint(r.IntN(10))}
			default:
				*p = simulator.Phone{Number: strings.ReplaceAll(junk[r.IntN(len(junk))], "9", national[len(national)-4:])}
			}
		}
	}
	return book, l
}

func lastDigits(s string, n int) string {
	digits := make([]byte, n)
	for i := len(s) - 1; i >= 0 && n > 0; i-- {
		if '0' <= s[i] && s[i] <= '9' {
			n--
			digits[n] = s[i]
		}
	}
	return string(digits[n:])
}

func phonesOf(c *simulator.Contact) []*simulator.Phone {
	switch {
	case c.Person != nil:
		return []*simulator.Phone{&c.Person.Phone, &c.Person.Phone2, &c.Person.Cell}
	case c.Company != nil:
		return []*simulator.Phone{&c.Company.Phone}
	case c.Trust != nil:
		return []*simulator.Phone{&c.Trust.Phone}
	}
	return nil
}

var (
	remarks = []string{"", "", " x12", " ext. 204", " (Jane's number)", " home", ", after 6 pm", " #3"}
	junk    = []string{"see notes", "x9", "DOB 03/12/9", "9", "case 9/2026", "n/a", "PO Box 9", "-", "call 9 first"}
)

// form writes a national number (without trunk 0) in some way.
type form func(national string) string

// grouped writes the groups of a national number into a template of %s. sizes
// are those of the groups.
func grouped(template string, sizes ...int) form {
	return func(n string) string {
		var groups []any
		for _, s := range sizes {
			groups = append(groups, n[:s])
			n = n[s:]
		}
		return fmt.Sprintf(template, groups...)
	}
}

// writings are forms in which the last digits stand together, for a field or a
// PBX.
var writings = map[string][]form{
	"US": {
		grouped("%s-%s-%s", 3, 3, 4), grouped("(%s) %s-%s", 3, 3, 4), grouped("%s", 10), grouped("1%s", 10), grouped("+1%s", 10),
		grouped("+1 (%s) %s-%s", 3, 3, 4), grouped("1-%s-%s-%s", 3, 3, 4), grouped("%s/%s-%s", 3, 3, 4), grouped("%s.%s.%s", 3, 3, 4),
		grouped("%s\u00a0%s\u00a0%s", 3, 3, 4), grouped("%s %s", 3, 7), grouped("011 1 %s %s %s", 3, 3, 4), grouped("001%s", 10),
	},
	"AU": {
		grouped("(0%s) %s %s", 1, 4, 4), grouped("0%s", 9), grouped("+61%s", 9), grouped("61%s", 9), grouped("+61 (0)%s %s %s", 1, 4, 4),
		grouped("0%s-%s-%s", 1, 4, 4), grouped("0%s/%s %s", 1, 4, 4), grouped("0%s.%s.%s", 1, 4, 4), grouped("%s %s %s", 1, 4, 4),
		grouped("0%s\u2009%s\u2009%s", 1, 4, 4), grouped("0011 61 %s %s %s", 1, 4, 4), grouped("0061%s", 9), grouped("+61 0%s %s %s", 1, 4, 4),
	},
	"UK": {
		grouped("0%s %s %s", 3, 3, 4), grouped("0%s", 10), grouped("+44%s", 10), grouped("44%s", 10), grouped("+44 (0)%s %s %s", 3, 3, 4),
		grouped("(0%s) %s %s", 3, 3, 4), grouped("0%s-%s-%s", 3, 3, 4), grouped("0%s/%s %s", 3, 3, 4), grouped("0%s.%s.%s", 3, 3, 4),
		grouped("%s %s %s", 3, 3, 4), grouped("0%s %s", 4, 6), grouped("0044 %s %s %s", 3, 3, 4), grouped("+44 0%s %s %s", 3, 3, 4),
	},
}

// presentations are what a PBX sends.
var presentations = map[string][]form{
	"US": {
		grouped("+1%s", 10), grouped("1%s", 10), grouped("%s", 10), grouped("sip:%s@firm.example", 10), grouped("sip:+1%s@firm.example;user=phone", 10),
		grouped(`"(%s) %[2]s-%[3]s" <sip:%[1]s%[2]s%[3]s@firm.example>`, 3, 3, 4), grouped("tel:+1-%s-%s-%s", 3, 3, 4), grouped("(%s) %s-%s", 3, 3, 4), grouped("001%s", 10),
	},
	"AU": {
		grouped("+61%s", 9), grouped("61%s", 9), grouped("0%s", 9), grouped("sip:0%s@firm.example", 9), grouped("sip:+61%s@firm.example;user=phone", 9),
		grouped("001161%s", 9), grouped("0061%s", 9), grouped("tel:+61-%s-%s-%s", 1, 4, 4), grouped("(0%s) %s %s", 1, 4, 4),
	},
	"UK": {
		grouped("+44%s", 10), grouped("44%s", 10), grouped("0%s", 10), grouped("sip:0%s@firm.example", 10), grouped("sip:+44%s@firm.example;user=phone", 10),
		grouped("0044%s", 10), grouped("tel:+44-%s-%s-%s", 3, 3, 4), grouped("0%s %s %s", 3, 3, 4), grouped(`"Caller" <sip:0%s@firm.example>`, 10),
	},
}

// apart writes a number so that its last digits do not stand together.
var apart = map[string]form{
	"US": grouped("%s %s %s %s", 3, 3, 2, 2), "AU": grouped("0%s %s %s %s", 1, 4, 2, 2), "UK": grouped("0%s %s %s %s", 3, 3, 2, 2),
}

// invented draws a national number that nobody has.
func invented(country string, r *rand.Rand) string {
	switch country {
	case "US":
		return []string{"617", "212", "415", "305", "808"}[r.IntN(5)] + fmt.Sprintf("555%04d", r.IntN(10_000))
	case "AU":
		return []string{"2", "3", "7", "8"}[r.IntN(4)] + []string{"5550", "7010"}[r.IntN(2)] + fmt.Sprintf("%04d", r.IntN(10_000))
	}
	return numbersForDrama[r.IntN(len(numbersForDrama))] + fmt.Sprintf("%03d", r.IntN(1_000))
}

// numbersForDrama are what Ofcom keeps free of subscribers, without the last
// three digits: London, Bristol, Newcastle, Cardiff, Belfast, freephone, the
// whole country, mobiles, and an area that is none.
var numbersForDrama = []string{"2079460", "1174960", "1914980", "2920180", "2896496", "8081570", "3069990", "7700900", "1632960"}

// britishContacts is a British firm's book. Its numbers are so few that several
// contacts of a large one share most of them.
func britishContacts(seed uint64, n int) []simulator.Contact {
	r := rand.New(rand.NewPCG(seed, 44))
	book := make([]simulator.Contact, n)
	number := func() simulator.Phone {
		national := invented("UK", r)
		if r.IntN(4) == 0 {
			return simulator.Phone{AreaCode: "0" + national[:3], Number: national[3:6] + " " + national[6:]}
		}
		return simulator.Phone{Number: writings["UK"][r.IntN(len(writings["UK"]))](national)}
	}
	for i := range book {
		c := simulator.Contact{ID: fmt.Sprintf("00000000-0000-4444-8000-%012d", i), Deleted: r.IntN(200) == 0, LastUpdated: r.Int64N(1 << 59)}
		switch r.IntN(5) {
		case 0:
			c.Company = &simulator.Company{Name: "Pemberwick Builders", Phone: number()}
		case 1, 2:
			c.Person = &simulator.Person{FirstName: "Nina", LastName: "Thornley", Phone: number()}
		default:
			c.Person = &simulator.Person{FirstName: "Otto", LastName: "Fairwick", Phone2: number(), Cell: number()}
		}
		book[i] = c
	}
	return book
}
