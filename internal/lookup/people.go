package lookup

import (
	"context"
	"net/http"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// maxMembers is how many people of groups a search asks for in all.
const maxMembers = 5

// peopleOfGroup is what the report calls the asking for a group's people.
const peopleOfGroup = "people of a group"

// people looks for the number among the people of the groups that a search has
// brought. A group has no number of its own: Smokeball has found it through
// somebody in it. Usually the same search brings that person too, and nobody
// has to be asked for.
func (s *search) people(ctx context.Context) error {
	groups := s.groups
	s.groups = nil
	for _, h := range s.found {
		if h.contact.Kind == screenpop.Person {
			return nil
		}
	}
	for _, g := range groups {
		asked, before, began := 0, len(s.found), s.asker.finder.now()
		for _, id := range g.Members {
			if s.seen[id] || s.members == maxMembers {
				continue
			}
			s.seen[id] = true
			s.members++
			asked++
			if err := s.member(ctx, g, id); err != nil {
				s.note(screenpop.TraceSearch{Search: peopleOfGroup, Result: screenpop.SearchFailed}, began)
				return err
			}
		}
		if asked > 0 {
			s.note(screenpop.TraceSearch{
				Search: peopleOfGroup, Result: screenpop.SearchAnswered, Read: asked, Hits: len(g.Members), Verified: len(s.found) - before,
			}, began)
		}
	}
	return nil
}

// member asks for one of a group's people. One who is gone, or is not for the
// agent to see, is nobody.
func (s *search) member(ctx context.Context, group smokeball.Contact, id string) error {
	var c smokeball.Contact
	gone := false
	err := s.asker.ask(ctx, func(token screenpop.Secret) (err error) {
		c, err = s.tenant.API.Contact(ctx, token, id)
		switch status(err) {
		case http.StatusForbidden, http.StatusNotFound:
			gone = true
			return nil
		}
		return err
	})
	if err != nil || gone || !sameID(c.ID, id) {
		return err
	}
	if h, ok := verify(s.tenant.Numbers, s.number, c); ok {
		if group.Name != smokeball.UnnamedGroup {
			h.group = group.Name
		}
		s.found = append(s.found, h)
	}
	return nil
}

// sameID tells whether two ids are of one record: a UUID's case means nothing.
func sameID(a, b string) bool { return strings.EqualFold(a, b) }
