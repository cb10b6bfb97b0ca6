package smokeball

import "time"

// Matter is a case of a firm.
type Matter struct {
	ID, Number, Title string
	Status            string // Open, Pending, Closed, Deleted, Cancelled
	Lead              bool   // not yet a matter
	Opened            time.Time
}

type wireMatter struct {
	ID          text `json:"id"`
	Number      text `json:"number"`
	Title       text `json:"title"`
	Description text `json:"description"`
	Status      text `json:"status"`
	IsLead      flag `json:"isLead"`
	OpenedDate  text `json:"openedDate"`
}

func (w wireMatter) matter() Matter {
	m := Matter{
		ID: string(w.ID), Number: clean(w.Number), Status: clean(w.Status), Lead: bool(w.IsLead),
		Title: firstOf(clean(w.Title), clean(w.Description), clean(w.Number)),
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, string(w.OpenedDate)); err == nil {
			m.Opened = t
			break
		}
	}
	return m
}

// Staff is somebody who works at the firm. UserID is empty for one who cannot
// sign in.
type Staff struct {
	ID, UserID, Name, Email string
	Enabled, Former         bool
}

type wireStaff struct {
	ID        text `json:"id"`
	UserID    text `json:"userId"`
	FirstName text `json:"firstName"`
	LastName  text `json:"lastName"`
	Email     text `json:"email"`
	Enabled   flag `json:"enabled"`
	Former    flag `json:"former"`
}

func (w wireStaff) staff() Staff {
	return Staff{
		ID: string(w.ID), UserID: string(w.UserID), Email: clean(w.Email),
		Name: firstOf(clean(w.FirstName+" "+w.LastName), clean(w.Email)), Enabled: bool(w.Enabled), Former: bool(w.Former),
	}
}

// FirmUser ties a user, who signs in, to a member of staff.
type FirmUser struct {
	StaffID, UserID string
	Former          bool
}

type wireFirmUser struct {
	StaffID      text `json:"staffId"`
	UserID       text `json:"userId"`
	IsFormerUser flag `json:"isFormerUser"`
}

// User is somebody who signs in at Smokeball.
type User struct{ ID, Email string }

type wireUser struct {
	UserID text `json:"userId"`
	Email  text `json:"email"`
}

// Firm is whose account it is. Owner is the brand it was sold under.
type Firm struct{ ID, Name, Owner string }

type wireFirm struct {
	ID    text `json:"id"`
	Name  text `json:"name"`
	Owner text `json:"owner"`
}
