package lookup_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// Everybody who calls the demo's firms is found, however the number is stored
// and presented, and nobody else.
func TestEveryCallerOfTheFirms(t *testing.T) {
	for name, firm := range map[string]*simulator.Firm{"US": simulator.NewFirm(), "AU": simulator.NewAustralianFirm()} {
		for index, options := range map[string]simulator.Options{
			"likeliest":   {},
			"stripped":    {PhoneIndex: simulator.PhoneIndex{StripPunctuation: true}},
			"number only": {PhoneIndex: simulator.PhoneIndex{Join: simulator.NumberOnly}},
			"separate":    {PhoneIndex: simulator.PhoneIndex{Join: simulator.Separate}},
		} {
			t.Run(name+" "+index, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := build(t, setup{firm: firm, options: options})
					for _, c := range firm.Callers {
						for _, dialled := range []string{c.E164(), c.E164()[1:], c.Domestic()} {
							n := h.plan.Parse(dialled)
							if n.Canonical != c.E164() {
								continue // a foreigner's domestic form
							}
							m, err := h.finder.Find(t.Context(), h.first(), call(n))
							want := slices.Sorted(slices.Values(c.Names))
							if !slices.Equal(names(m), want) || (len(want) == 0) != (screenpop.OutcomeOf(err) == screenpop.OutcomeNoMatch) {
								t.Errorf("%s: %v, %v; want %v", dialled, names(m), err, want)
							}
						}
					}
				})
			})
		}
	}
}

const (
	maria    = "+16175550142"
	stranger = "+16175559999"
)

func TestWhatIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		m, err := h.find(maria)
		if err != nil || len(m.Contacts) != 1 || m.More != 0 {
			t.Fatalf("%+v, %v", m, err)
		}
		got := m.Contacts[0]
		want := screenpop.Contact{
			ID: got.ID, Name: "Maria Castellanos", Kind: screenpop.Person, Email: "maria.castellanos@mail.example", Matched: "cell",
			URL: "https://app.smokeball.com/#/billing/view-contact/" + got.ID + "/details", Matters: []screenpop.Matter{}, Direct: true,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v\nwant %+v", got, want)
		}
		r := h.sim.Requests(simulator.ContactsEndpoint)
		if len(r) != 1 || r[0].Query.Get("ExcludeDeletedContacts") != "true" || r[0].User != "priya@firm.example" {
			t.Errorf("asked %+v", r)
		}
	})
}

// The plan begins with tail, then exact on a miss; once tail has been seen to
// find somebody, a miss costs one request.
func TestThePlanLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		h.wants(stranger, screenpop.ErrNoMatch)
		if got := h.searches(); !slices.Equal(got, []string{"*9999*", "6175559999", "16175559999"}) {
			t.Errorf("before: %q", got)
		}
		h.wants(maria, nil)
		h.searches()
		h.wants("+16175559998", screenpop.ErrNoMatch)
		if got := h.searches(); !slices.Equal(got, []string{"*9998*"}) {
			t.Errorf("after: %q", got)
		}
	})
}

func TestTheFormsOfACountry(t *testing.T) {
	for _, c := range []struct {
		country, number string
		want            []string
	}{
		{"AU", "0255509999", []string{"*999*", "0255509999", "61255509999", "255509999"}},
		{"AU", "131114", []string{"*131114*", "131114"}},
		{"GB", "02079469999", []string{"*999*", "02079469999", "442079469999", "2079469999"}},
		{"GB", "101", []string{"101"}},
		{"US", "+442079469999", []string{"*999*", "442079469999"}},
	} {
		t.Run(c.country+" "+c.number, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				firm := simulator.NewFirm()
				firm.Country, firm.AreaCode = c.country, ""
				h := build(t, setup{firm: firm})
				h.wants(c.number, screenpop.ErrNoMatch)
				if got := h.searches(); !slices.Equal(got, c.want) {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

// A Smokeball whose wildcards mean nothing still finds who is stored plainly.
func TestWithoutWildcards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{options: simulator.Options{PhoneIndex: simulator.PhoneIndex{NoWildcards: true}}})
		h.wants(maria, nil)
		h.wants(stranger, screenpop.ErrNoMatch)
		h.searches()
		h.wants("+16175559998", screenpop.ErrNoMatch)
		if got := h.searches(); len(got) != 3 {
			t.Errorf("%q: tail is believed though it has found nobody", got)
		}
	})
}

// A Smokeball that does not take wildcards at all is asked for exact forms.
func TestWildcardsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		wild := func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "%2A") }
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, When: wild, Status: 400})
		h.wants(maria, nil)
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 400})
		h.wants(stranger, screenpop.ErrUnavailable)
	})
}

// A tail that many share is read page by page; one that too many share is made
// longer, and whoever has the number is still found.
func TestLongTails(t *testing.T) {
	for _, c := range []struct {
		name     string
		people   int
		number   string // of each, by the area code
		searches []string
	}{
		{"one page", 100, "%d5550777", []string{"*0777*"}},
		{"three pages", 450, "%d5550777", []string{"*0777*", "*0777*", "*0777*"}},
		{"too many", 700, "%d5550777", []string{"*0777*", "*50777*", "*550777*", "*5550777*", "*75550777*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, setup{options: simulator.Options{RateLimit: simulator.RateLimit{Slack: -1}}})
				crowd(h, c.people, c.number)
				m, err := h.find("+12175550777")
				if err != nil || !slices.Equal(names(m), []string{"Crowd 17"}) {
					t.Errorf("%v, %v", names(m), err)
				}
				if got := h.searches(); !slices.Equal(got, c.searches) || h.sim.RateLimited() != 0 {
					t.Errorf("asked %q, %d of them too fast", got, h.sim.RateLimited())
				}
			})
		})
	}
}

// Last digits that stand in everybody's area code and exchange find everybody. Who
// has the number is still found, however it is typed, for a request or two more;
// a number that is nobody's costs the exact forms besides, and one whose last
// digits are not in the area code and exchange costs what it always did.
func TestTailInEverybodysExchange(t *testing.T) {
	const people = 3000
	for _, typed := range []struct{ area, number string }{
		{"919", "555-%04d"}, {"919", "555%04d"}, {"", "(919) 555-%04d"}, {"", "919-555-%04d"}, {"", "919.555.%04d"}, {"", "919 555 %04d"}, {"", "+1 919-555-%04d"}, {"", "919555%04d"},
	} {
		t.Run(typed.area+typed.number, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, setup{options: simulator.Options{RateLimit: simulator.RateLimit{Slack: -1}}})
				for i := range people {
					h.sim.PutContacts(simulator.Contact{
						ID:     fmt.Sprintf("00000000-0000-4000-8000-%012d", i),
						Person: &simulator.Person{FirstName: "Crowd", LastName: fmt.Sprint(i), Cell: simulator.Phone{AreaCode: typed.area, Number: fmt.Sprintf(typed.number, i)}},
					})
				}
				for _, c := range []struct{ who, most int }{{1234, 1}, {1955, 3}, {2999, 1}} {
					m, err := h.find(fmt.Sprintf("+1919555%04d", c.who))
					if err != nil || !slices.Equal(names(m), []string{fmt.Sprintf("Crowd %d", c.who)}) {
						t.Errorf("%d: %v, %v; %s", c.who, names(m), err, h.trace.last().Detail)
					}
					if asked := h.searches(); len(asked) > c.most {
						t.Errorf("%d: asked %q", c.who, asked)
					}
				}
				h.wants("+19195559555", screenpop.ErrNoMatch)
				if asked := h.searches(); len(asked) > 12 || h.sim.RateLimited() != 0 {
					t.Errorf("nobody's: asked %q, %d of them too fast", asked, h.sim.RateLimited())
				}
			})
		})
	}
}

// crowd fills the address book with people whose numbers end alike.
func crowd(h *house, n int, number string) {
	for i := range n {
		h.sim.PutContacts(simulator.Contact{
			ID:     fmt.Sprintf("00000000-0000-4000-8000-%012d", i),
			Person: &simulator.Person{FirstName: "Crowd", LastName: fmt.Sprint(i), Cell: simulator.Phone{Number: fmt.Sprintf(number, 200+i)}},
		})
	}
}

// When Smokeball fails after somebody was found, he is shown; but the answer
// may not be whole and is not kept.
func TestHalfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		crowd(h, 450, "%d5550777")
		h.sim.Inject(simulator.Statuses(simulator.ContactsEndpoint, 200, 500)...)
		h.wants("+12175550777", nil)
		if n := len(h.searches()); n != 2 {
			t.Errorf("%d requests", n)
		}
		h.wants("+12175550777", nil)
		if n := len(h.searches()); n != 3 {
			t.Errorf("%d requests: half an answer was kept", n)
		}
	})
}
