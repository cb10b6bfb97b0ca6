package lookup

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// maxMatters is how many of a contact's matters are asked for.
const maxMatters = 20

// Matters returns a contact's open and pending matters, newest first, as this
// agent may see them: matter access is per user, so nothing is shared or
// remembered. A contact whose matters are not for the agent has none. It is
// empty, never nil, and the errors are those of Find without ErrNoMatch.
func (f *Finder) Matters(ctx context.Context, agent screenpop.AgentID, contactID string) ([]screenpop.Matter, error) {
	none := []screenpop.Matter{}
	t := f.tenant(agent.Tenant)
	if t == nil || !t.Matters {
		return none, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	token, err := f.creds.Token(ctx, agent)
	if err != nil {
		return none, credentialsError(ctx, err)
	}
	asker := &asker{finder: f, agent: agent, token: token, beside: true}
	shown := none
	err = asker.ask(ctx, func(token screenpop.Secret) error {
		found, err := t.API.Matters(ctx, token, contactID, maxMatters)
		switch status(err) {
		case http.StatusForbidden, http.StatusNotFound:
			return nil // not for this agent, or gone: nothing to show and nobody's fault
		case http.StatusUnauthorized:
			// Also said for a missing scope. The pairing is not in question here:
			// contacts were found with it.
			if asker.renewed || !f.renewals.may(agent, f.now()) {
				return nil
			}
		}
		if err != nil {
			return err
		}
		slices.SortStableFunc(found, func(a, b smokeball.Matter) int {
			return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(b.Number, a.Number))
		})
		for _, m := range found {
			if url, ok := t.Links.Matter(m.ID); ok {
				shown = append(shown, screenpop.Matter{ID: m.ID, Number: m.Number, Title: m.Title, Status: m.Status, URL: url})
			}
		}
		return nil
	})
	if err != nil {
		return none, err
	}
	return shown, nil
}
