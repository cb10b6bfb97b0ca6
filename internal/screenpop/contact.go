package screenpop

import "log/slog"

// ContactKind is what a contact is.
type ContactKind string

// The kinds Smokeball knows.
const (
	Person  ContactKind = "person"
	Company ContactKind = "company"
	Trust   ContactKind = "trust"
	Group   ContactKind = "group"
)

// Contact is one entry of the firm's address book that has the call's number.
// It lives in memory only.
type Contact struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Kind    ContactKind `json:"kind"`
	Company string      `json:"company"`
	Email   string      `json:"email"`
	Matched string      `json:"matched"` // the field that holds the number: phone, phone2, cell, fax
	URL     string      `json:"url"`     // the record in Smokeball's web app
	Matters []Matter    `json:"matters"` // never nil on the wire
	// Direct: the number reaches this contact alone, as far as the field tells;
	// it is no switchboard. Such contacts may change places by their matters.
	Direct bool `json:"-"`
}

// LogValue keeps everything but the record's id out of logs.
func (c Contact) LogValue() slog.Value { return slog.StringValue("contact " + c.ID) }

// Matter is a case of the firm that a contact takes part in.
type Matter struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	Title  string `json:"title"`
	Status string `json:"status"`
	URL    string `json:"url"`
}

// Match is the answer to "who is this number?": the contacts that have it,
// best first. More counts those beyond the tenant's limit.
type Match struct {
	Contacts []Contact
	More     int
}
