package lookup

import (
	"context"
	"fmt"
	"net/http"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Access is what an agent's authorisation opens at Smokeball.
type Access struct {
	Firm   string   // the account's name, where it may be read
	Scopes []string // of the token, where it names any
	Doors  []Door
}

// Door is one question that smokepop asks of Smokeball, and what came of it.
type Door struct {
	Scope string // what it needs
	// Status is that of the answer; 404 is a door that is open and leads
	// nowhere. 0: there was no answer.
	Status int
	Err    error // why there was no answer
}

// Open tells whether the authorisation is good for what is behind the door.
func (d Door) Open() bool { return d.Status == http.StatusOK || d.Status == http.StatusNotFound }

// What is asked for to see whether it may be: nobody has them.
const (
	noNumber = "00000000000000000000"
	noRecord = "00000000-0000-0000-0000-000000000000"
	noEmail  = "nobody@smokepop.invalid"
)

// Access tries every kind of question with an agent's token, behind everybody
// whose phone rings. Nothing is changed, and what is refused here leaves the
// agent's pairing as it is. The errors are those of Find for an agent without a
// token; what Smokeball answers is in the doors.
func (f *Finder) Access(ctx context.Context, agent screenpop.AgentID) (Access, error) {
	t := f.tenant(agent.Tenant)
	if t == nil {
		return Access{}, fmt.Errorf("%w: the tenant is not configured", screenpop.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(smokeball.WithPriority(ctx, smokeball.Priority{Class: smokeball.Background}), experimentTime)
	defer cancel()
	token, err := f.creds.Token(ctx, agent)
	if err != nil {
		return Access{}, credentialsError(ctx, err)
	}
	asker := &asker{finder: f, agent: agent, token: token, beside: true}
	var a Access
	try := func(scope string, ask func(screenpop.Secret) error) {
		d := Door{Scope: scope, Status: http.StatusOK}
		if err := asker.ask(ctx, ask); err != nil {
			d.Status = status(err)
			if d.Status == 0 {
				d.Err = err
			}
		}
		a.Doors = append(a.Doors, d)
	}
	try("firm/read", func(token screenpop.Secret) error {
		firm, err := t.API.Firm(ctx, token)
		a.Firm = firm.Name
		return err
	})
	try("contacts/read", func(token screenpop.Secret) error {
		_, err := t.API.SearchContacts(ctx, token, smokeball.ContactQuery{Phone: noNumber, Limit: 1})
		return err
	})
	try("matters/read", func(token screenpop.Secret) error {
		_, err := t.API.Matters(ctx, token, noRecord, 1)
		return err
	})
	try("staff/read", func(token screenpop.Secret) error {
		_, err := t.API.StaffByEmail(ctx, token, noEmail)
		return err
	})
	try("firmusers/read", func(token screenpop.Secret) error {
		_, err := t.API.FirmUser(ctx, token, noRecord)
		return err
	})
	a.Scopes = smokeball.ReadClaims(asker.token).Scopes // of the newest
	return a, nil
}
