package smokeball

import (
	"context"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// ContactQuery is a search for contacts by number. Phone is digits, with "*"
// in front or behind for any text there.
type ContactQuery struct {
	Phone  string
	Limit  int // 1 to 500; 0 means DefaultLimit
	Offset int
}

// DefaultLimit is the length of a page where none was asked for.
const DefaultLimit = 50

// pattern keeps a search from matching everybody: what comes from a caller's
// number is digits, and there are some.
var pattern = regexp.MustCompile(`^\*?[0-9]{2,20}\*?$`)

// SearchContacts returns the contacts that Smokeball says have the number, a
// page of them. Which fields and which ways of writing it looks at is not
// documented: whoever shows a contact has to check the number again. It returns
// ErrSearch, and sends nothing, when q.Phone is anything but digits and
// asterisks around them. Deleted contacts are asked not to come, and some may.
func (c *Client) SearchContacts(ctx context.Context, token screenpop.Secret, q ContactQuery) (ContactPage, error) {
	if !pattern.MatchString(q.Phone) {
		return ContactPage{}, ErrSearch
	}
	query := url.Values{"Search": {"phone:" + q.Phone}, "ExcludeDeletedContacts": {"true"}}
	page(query, q.Limit, q.Offset)
	var w wireContactPage
	if err := c.get(ctx, EndpointContacts, "/contacts", query, token, &w); err != nil {
		return ContactPage{}, err
	}
	return w.page(), nil
}

// Contacts returns a page of all contacts that the token's user may see, in no
// order that can be relied on: one that is changed meanwhile may come twice, or
// not at all. limit is 1 to 500; 0 means DefaultLimit.
func (c *Client) Contacts(ctx context.Context, token screenpop.Secret, limit, offset int) (ContactPage, error) {
	query := url.Values{"ExcludeDeletedContacts": {"true"}}
	page(query, limit, offset)
	var w wireContactPage
	if err := c.get(ctx, EndpointContacts, "/contacts", query, token, &w); err != nil {
		return ContactPage{}, err
	}
	return w.page(), nil
}

// Contact returns a contact. A *StatusError of 404 tells that it is gone.
func (c *Client) Contact(ctx context.Context, token screenpop.Secret, id string) (Contact, error) {
	if !ValidID(id) {
		return Contact{}, ErrID
	}
	var w wireContact
	if err := c.get(ctx, EndpointContact, "/contacts/"+id, nil, token, &w); err != nil {
		return Contact{}, err
	}
	return w.contact(), nil
}

// Matters returns a contact's open and pending matters as the token's user may
// see them, in no order that can be relied on.
func (c *Client) Matters(ctx context.Context, token screenpop.Secret, contactID string, limit int) ([]Matter, error) {
	if !ValidID(contactID) {
		return nil, ErrID
	}
	query := url.Values{"ContactId": {contactID}, "Status": {"Open", "Pending"}}
	page(query, limit, 0)
	var w struct {
		Value list[wireMatter] `json:"value"`
	}
	if err := c.get(ctx, EndpointMatters, "/matters", query, token, &w); err != nil {
		return nil, err
	}
	matters := make([]Matter, 0, len(w.Value))
	for _, m := range w.Value {
		matters = append(matters, m.matter())
	}
	return matters, nil
}

// StaffByEmail returns the members of staff who have exactly this e-mail, but
// for case. It returns ErrSearch, and sends nothing, for one that would be
// taken for a pattern.
func (c *Client) StaffByEmail(ctx context.Context, token screenpop.Secret, email string) ([]Staff, error) {
	if !searchableEmail(email) {
		return nil, ErrSearch
	}
	query := url.Values{"Search": {"email:" + email}}
	page(query, DefaultLimit, 0)
	var w struct {
		Value list[wireStaff] `json:"value"`
	}
	if err := c.get(ctx, EndpointStaff, "/staff", query, token, &w); err != nil {
		return nil, err
	}
	var found []Staff
	for _, s := range w.Value {
		if strings.EqualFold(string(s.Email), email) {
			found = append(found, s.staff())
		}
	}
	return found, nil
}

// Staff returns a member of staff.
func (c *Client) Staff(ctx context.Context, token screenpop.Secret, staffID string) (Staff, error) {
	if !plainID.MatchString(staffID) {
		return Staff{}, ErrID
	}
	var w wireStaff
	if err := c.get(ctx, EndpointOneStaff, "/staff/"+staffID, nil, token, &w); err != nil {
		return Staff{}, err
	}
	return w.staff(), nil
}

// FirmUser returns who a user is among the staff. The id may be a user's or a
// member of staff's.
func (c *Client) FirmUser(ctx context.Context, token screenpop.Secret, id string) (FirmUser, error) {
	if !plainID.MatchString(id) {
		return FirmUser{}, ErrID
	}
	var w wireFirmUser
	if err := c.get(ctx, EndpointFirmUser, "/firmusers/"+id, nil, token, &w); err != nil {
		return FirmUser{}, err
	}
	return FirmUser{string(w.StaffID), string(w.UserID), bool(w.IsFormerUser)}, nil
}

// User returns a user.
func (c *Client) User(ctx context.Context, token screenpop.Secret, userID string) (User, error) {
	if !ValidID(userID) {
		return User{}, ErrID
	}
	var w wireUser
	if err := c.get(ctx, EndpointUser, "/users/"+userID, nil, token, &w); err != nil {
		return User{}, err
	}
	return User{string(w.UserID), clean(w.Email)}, nil
}

// Firm returns whose account the token is for: the cheapest question there is.
func (c *Client) Firm(ctx context.Context, token screenpop.Secret) (Firm, error) {
	var w wireFirm
	if err := c.get(ctx, EndpointFirm, "/firm", nil, token, &w); err != nil {
		return Firm{}, err
	}
	return Firm{string(w.ID), clean(w.Name), clean(w.Owner)}, nil
}

func page(query url.Values, limit, offset int) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	query.Set("Limit", strconv.Itoa(min(limit, 500)))
	if offset > 0 {
		query.Set("Offset", strconv.Itoa(offset))
	}
}

// plainID is an id that the API describes as a mere string.
var plainID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)

// emailChars are those of an address without the asterisk, which would make it
// a pattern, and without quoting.
var emailChars = regexp.MustCompile(`^[0-9A-Za-z.!#$%&'+/=?^_{|}~-]+@[0-9A-Za-z.-]+$`)

func searchableEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && emailChars.MatchString(s)
}
