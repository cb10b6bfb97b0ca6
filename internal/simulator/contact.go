package simulator

import (
	"encoding/json"
	"strings"
)

// Contact is one record of the firm's address book as Smokeball keeps it:
// exactly one of Person, Company, Trust and Group is set.
type Contact struct {
	ID          string
	VersionID   string
	Person      *Person
	Company     *Company
	Trust       *Trust
	Group       *Group
	Deleted     bool
	LastUpdated int64 // .NET ticks, UTC; far beyond what a float64 holds
	// Blanks is how fields without a value look on the wire.
	Blanks Blanks
	// Raw, when set, is what the API answers for this contact, whatever the
	// other fields say. They still decide what a search finds.
	Raw json.RawMessage
}

// Phone is a stored number. US firms split it, AU firms put all of it into
// Number. The zero Phone is a blank one.
type Phone struct{ AreaCode, Number, Extension string }

// Person is a natural person.
type Person struct {
	Title, FirstName, MiddleName, LastName, NameSuffix, CustomName string
	Phone, Phone2, Cell, Fax                                       Phone
	Email, Occupation                                              string
	Address                                                        Address
}

// Company is an organisation.
type Company struct {
	Name, Type, TradingName, DoingBusinessAs string
	Phone, Fax                               Phone
	Email, Website                           string
	Address                                  Address
	Staff                                    []string // contact ids
}

// Trust is a trust; US firms only.
type Trust struct {
	Name, Status, Number string
	Phone, Fax           Phone
	Trustees             []Trustee
	Contacts             []string // contact ids
}

// Trustee is a name on a trust.
type Trustee struct{ Name, Type string }

// Group is several people as one client. It has no number of its own.
type Group struct {
	Name   string // some records have none
	People []string
	// HrefOnly leaves the members' ids out of their links, as one of
	// Smokeball's own samples does.
	HrefOnly bool
	Address  Address
}

// Address is a postal address; the zero Address is none.
type Address struct{ Line1, City, State, ZipCode, Country string }

// Blanks is how a contact's fields without a value look on the wire. Smokeball
// has all of these.
type Blanks int

// The ways to say nothing.
const (
	BlankMissing Blanks = iota // the key is not there
	BlankEmpty                 // "" and {"areaCode":"","number":""}
	BlankNull                  // null
	BlankObject                // the key of a string is not there, a phone is {}
)

// Kind is the contact's kind as the Type parameter spells it.
func (c *Contact) Kind() string {
	switch {
	case c.Person != nil:
		return "Person"
	case c.Company != nil:
		return "Organisation"
	case c.Trust != nil:
		return "Trust"
	default:
		return "GroupOfPeople"
	}
}

// Name is the name a screen pop is expected to show: first and last name of a
// person, else the record's name.
func (c *Contact) Name() string {
	switch {
	case c.Person != nil:
		return strings.TrimSpace(c.Person.FirstName + " " + c.Person.LastName)
	case c.Company != nil:
		return c.Company.Name
	case c.Trust != nil:
		return c.Trust.Name
	case c.Group != nil:
		return c.Group.Name
	}
	return ""
}

func (c *Contact) email() string {
	switch {
	case c.Person != nil:
		return c.Person.Email
	case c.Company != nil:
		return c.Company.Email
	}
	return ""
}

// field is a phone of a contact with the names an index may know it by.
type field struct {
	name  string // phone, phone2, cell, fax
	full  string // person.phone, company.fax, ...
	phone Phone
}

func (c *Contact) phones() []field {
	switch {
	case c.Person != nil:
		p := c.Person
		return []field{
			{"phone", "person.phone", p.Phone}, {"phone2", "person.phone2", p.Phone2},
			{"cell", "person.cell", p.Cell}, {"fax", "person.fax", p.Fax},
		}
	case c.Company != nil:
		return []field{{"phone", "company.phone", c.Company.Phone}, {"fax", "company.fax", c.Company.Fax}}
	case c.Trust != nil:
		return []field{{"phone", "trust.phone", c.Trust.Phone}, {"fax", "trust.fax", c.Trust.Fax}}
	}
	return nil
}
