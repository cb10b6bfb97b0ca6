package smokeball

import (
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Contact is an entry of a firm's address book, as far as smokepop looks at it.
type Contact struct {
	ID    string
	Kind  screenpop.ContactKind // empty for a kind that is not known here
	Name  string                // never empty
	Email string
	// Phones are the fields that hold something, in the order phone, phone2,
	// cell, fax, as somebody typed them.
	Phones  []Phone
	Members []string // the ids of a group's people
	Deleted bool
	Updated int64 // .NET ticks; for ordering alone
}

// UnnamedGroup is the name of a group that has none: Smokeball's own sample is
// one.
const UnnamedGroup = "Unnamed group"

// Phone is one phone field of a contact.
type Phone struct {
	Field     string // phone, phone2, cell, fax
	AreaCode  string
	Number    string
	Extension string
}

// ContactPage is one page of a search.
type ContactPage struct {
	Contacts []Contact
	Size     int // of the whole result, over all pages; 0 when Smokeball did not say
	// Rows is how many rows the page had, those left out of Contacts included.
	Rows int
}

type wirePhone struct {
	AreaCode  text `json:"areaCode"`
	Number    text `json:"number"`
	Extension text `json:"extension"`
}

type wireContact struct {
	ID     text `json:"id"`
	Person object[struct {
		FirstName  text              `json:"firstName"`
		LastName   text              `json:"lastName"`
		CustomName text              `json:"customName"`
		OtherNames text              `json:"otherNames"`
		Email      text              `json:"email"`
		Phone      object[wirePhone] `json:"phone"`
		Phone2     object[wirePhone] `json:"phone2"`
		Cell       object[wirePhone] `json:"cell"`
		Fax        object[wirePhone] `json:"fax"`
	}] `json:"person"`
	Company object[struct {
		Name                text              `json:"name"`
		TradingName         text              `json:"tradingName"`
		DoingBusinessAsName text              `json:"doingBusinessAsName"`
		Email               text              `json:"email"`
		Phone               object[wirePhone] `json:"phone"`
		Fax                 object[wirePhone] `json:"fax"`
	}] `json:"company"`
	Trust object[struct {
		Name  text              `json:"name"`
		Phone object[wirePhone] `json:"phone"`
		Fax   object[wirePhone] `json:"fax"`
	}] `json:"trust"`
	Group object[struct {
		Name   text       `json:"name"`
		People list[link] `json:"people"`
	}] `json:"groupOfPeople"`
	IsDeleted   flag  `json:"isDeleted"`
	LastUpdated ticks `json:"lastUpdated"`
}

type wireContactPage struct {
	Size  ticks             `json:"size"`
	Value list[wireContact] `json:"value"`
}

// contact brings the wire's shapes to one. Exactly one of person, company,
// trust and group is set; should there be more, the first of that order counts.
func (w wireContact) contact() Contact {
	c := Contact{ID: string(w.ID), Deleted: bool(w.IsDeleted), Updated: int64(w.LastUpdated)}
	switch {
	case w.Person.set:
		p := w.Person.v
		c.Kind, c.Email = screenpop.Person, clean(p.Email)
		c.Name = firstOf(clean(p.FirstName+" "+p.LastName), clean(p.CustomName), clean(p.OtherNames), c.Email, "Unnamed person")
		c.add("phone", p.Phone)
		c.add("phone2", p.Phone2)
		c.add("cell", p.Cell)
		c.add("fax", p.Fax)
	case w.Company.set:
		o := w.Company.v
		c.Kind, c.Email = screenpop.Company, clean(o.Email)
		c.Name = firstOf(clean(o.Name), clean(o.TradingName), clean(o.DoingBusinessAsName), c.Email, "Unnamed company")
		c.add("phone", o.Phone)
		c.add("fax", o.Fax)
	case w.Trust.set:
		c.Kind = screenpop.Trust
		c.Name = firstOf(clean(w.Trust.v.Name), "Unnamed trust")
		c.add("phone", w.Trust.v.Phone)
		c.add("fax", w.Trust.v.Fax)
	case w.Group.set:
		c.Kind = screenpop.Group
		c.Name = firstOf(clean(w.Group.v.Name), UnnamedGroup)
		for _, l := range w.Group.v.People {
			if id := l.recordID(); id != "" {
				c.Members = append(c.Members, id)
			}
		}
	default:
		c.Name = "Unnamed contact"
	}
	return c
}

func (c *Contact) add(field string, p object[wirePhone]) {
	if p.v.Number == "" && p.v.AreaCode == "" {
		return // the whole number may stand in the wrong box
	}
	c.Phones = append(c.Phones, Phone{field, string(p.v.AreaCode), string(p.v.Number), string(p.v.Extension)})
}

func (w wireContactPage) page() ContactPage {
	p := ContactPage{Rows: len(w.Value), Size: int(max(w.Size, 0))}
	for _, row := range w.Value {
		p.Contacts = append(p.Contacts, row.contact())
	}
	return p
}
