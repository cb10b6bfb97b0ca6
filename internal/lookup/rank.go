package lookup

import (
	"cmp"
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// manyPeople is how many people have to share a number for it to be taken for
// an organisation's (a court, an insurer) rather than a household's.
const manyPeople = 3

// The places of those who have a number, best first.
const (
	placeOwner  = iota // the organisation of a number that many people share
	placePerson        // a person's own number
	placeOther         // an organisation's
	placeShared        // a person behind a switchboard
	placeFax
)

// rank sorts the best first: who can be meant by the number alone before who
// shares it, then who was last worked on. A number that many people share is
// first of all its organisation's.
func rank(found []holding) {
	people, organisation := 0, false
	for _, h := range found {
		if h.contact.Kind == screenpop.Person {
			people++
		} else if h.field != "fax" {
			organisation = true
		}
	}
	shared := people >= manyPeople
	for i, h := range found {
		person := h.contact.Kind == screenpop.Person
		switch {
		case h.field == "fax":
			found[i].place = placeFax
		case shared && !person:
			found[i].place = placeOwner
		case person && (h.switchboard || h.field == "phone2" && organisation):
			found[i].place = placeShared // the work number is the organisation's
		case person:
			found[i].place = placePerson
		default:
			found[i].place = placeOther
		}
	}
	slices.SortStableFunc(found, func(a, b holding) int {
		return cmp.Or(
			cmp.Compare(a.place, b.place),
			cmp.Compare(b.contact.Updated, a.contact.Updated),
			cmp.Compare(a.contact.Name, b.contact.Name),
			cmp.Compare(a.contact.ID, b.contact.ID),
		)
	})
}

// match turns what was found into what is shown: at most limit contacts, best
// first.
func match(found []holding, links smokeball.Links, limit int) screenpop.Match {
	rank(found)
	m := screenpop.Match{Contacts: []screenpop.Contact{}}
	for _, h := range found {
		url, ok := links.Contact(h.contact.ID)
		if !ok {
			continue
		}
		if len(m.Contacts) == limit {
			m.More++
			continue
		}
		m.Contacts = append(m.Contacts, screenpop.Contact{
			ID: h.contact.ID, Name: h.contact.Name, Kind: h.contact.Kind, Company: h.group, Email: h.contact.Email,
			Matched: h.field, URL: url, Matters: []screenpop.Matter{}, Direct: h.place < placeShared,
		})
	}
	return m
}

// own returns a copy of m that its receiver may change.
func own(m screenpop.Match) screenpop.Match {
	m.Contacts = slices.Clone(m.Contacts)
	for i := range m.Contacts {
		m.Contacts[i].Matters = []screenpop.Matter{}
	}
	return m
}
