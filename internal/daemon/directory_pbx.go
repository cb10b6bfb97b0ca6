package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/smokepop/smokepop/internal/directory"
	"github.com/smokepop/smokepop/internal/vodia"
)

// pbxSource reads the directory of a tenant's Vodia PBX.
type pbxSource struct{ client *vodia.Client }

func (s pbxSource) Read(ctx context.Context) (directory.Reading, error) {
	d, err := s.client.Directory(ctx)
	var refused *vodia.Error
	switch {
	case errors.As(err, &refused) && (refused.Kind == vodia.BadCredentials || refused.Kind == vodia.Forbidden):
		return directory.Reading{}, refusal{err}
	case err != nil:
		return directory.Reading{}, err
	}
	return readingOf(d), nil
}

// refusal is an error in its own words that is directory.ErrRefused.
type refusal struct{ error }

func (r refusal) Unwrap() []error { return []error{r.error, directory.ErrRefused} }

// readingOf puts what a PBX told into the directory's words.
func readingOf(d vodia.Directory) directory.Reading {
	r := directory.Reading{Shape: string(d.Shape)}
	unread := map[string]bool{}
	var emailError error
	for _, g := range d.Gaps {
		switch {
		case g.Extension != "":
			unread[g.Extension], emailError = true, g.Err
			continue
		case g.Part == "groups":
			r.GroupsUnknown = true
		default:
			r.OthersUnknown = true
		}
		r.Gaps = append(r.Gaps, g.Part+": "+g.Err.Error())
	}
	if n := len(unread); n > 0 {
		r.Gaps = append(r.Gaps, fmt.Sprintf("e-mails of %d extensions: %v", n, emailError))
	}
	for _, a := range d.Accounts {
		one := directory.Account{
			Number: a.Extension, Kind: directory.Kind(a.Kind), Name: a.Name, Email: a.Email, Aliases: a.Aliases, Unread: unread[a.Extension],
		}
		for _, g := range d.Groups {
			if !g.Has(a.Extension) {
				continue
			}
			if one.Groups = append(one.Groups, g.ID); g.Name != g.ID {
				one.Groups = append(one.Groups, g.Name)
			}
		}
		r.Accounts = append(r.Accounts, one)
	}
	return r
}
