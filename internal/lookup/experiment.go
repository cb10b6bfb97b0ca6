package lookup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// ErrNotSearchable: what was given is no number, or no contact's id. Smokeball
// was not asked.
var ErrNotSearchable = errors.New("lookup: not a number or an id that can be searched for")

// ErrNoSuchContact: the agent sees no contact with this id at Smokeball.
var ErrNoSuchContact = errors.New("lookup: no such contact")

// Experiment is what became of trying the ways to search.
type Experiment struct {
	// Number is the number that was searched for.
	Number screenpop.Number
	// Field is where the named contact has it, as far as it can be read: empty
	// when no contact was named, or when it does not have the number.
	Field  string
	Trials []Trial
	// Plan is what to configure; empty when no trial has found the contact.
	Plan Plan
}

// Trial is one search. Its name tells of the search without a digit of the
// number.
type Trial struct {
	Name string
	Step Step // what a plan would have to have for it; zero for one that no plan makes
	Hits int  // contacts Smokeball says it has for this search
	// Verified is how many of those that were read have the number.
	Verified int
	// Found: the named contact was among those read or, where none was named,
	// one that has the number was.
	Found    bool
	Accepted bool // Smokeball took the search for one
	Took     time.Duration
}

const (
	// experimentTime is all the time an experiment has.
	experimentTime = 25 * time.Second
	// shortestTail and longestTail are what is tried. Two digits are whole in
	// every grouping and find a hundredth of the address book; more than five
	// fall apart in most.
	shortestTail, longestTail = 2, 5
	// preferredTail is the shortest that is practical: shorter ones bring pages
	// of strangers.
	preferredTail = 3
)

// Experiment finds out which searches find a contact that has number, and so
// which plan suits the account. It asks with the agent's own token, behind
// everybody whose phone rings, and changes nothing. contactID names the contact
// to be found; when it is empty, any that has the number will do. The errors
// are those of Find without ErrNoMatch, ErrNotSearchable and ErrNoSuchContact;
// what was tried until then is returned with them.
func (f *Finder) Experiment(ctx context.Context, agent screenpop.AgentID, number, contactID string) (Experiment, error) {
	t := f.tenant(agent.Tenant)
	if t == nil {
		return Experiment{}, fmt.Errorf("%w: the tenant is not configured", screenpop.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(smokeball.WithPriority(ctx, smokeball.Priority{Class: smokeball.Background}), experimentTime)
	defer cancel()
	e := Experiment{Number: t.Numbers.Parse(number)}
	if e.Number.IsZero() || contactID != "" && !smokeball.ValidID(contactID) {
		return e, ErrNotSearchable
	}
	token, err := f.creds.Token(ctx, agent)
	if err != nil {
		return e, credentialsError(ctx, err)
	}
	asker := &asker{finder: f, agent: agent, token: token}
	if contactID != "" {
		var c smokeball.Contact
		err := asker.ask(ctx, func(token screenpop.Secret) (err error) {
			c, err = t.API.Contact(ctx, token, contactID)
			if status(err) == http.StatusNotFound {
				return nil
			}
			return err
		})
		if err != nil {
			return e, err
		}
		if c.ID == "" || c.Deleted {
			return e, ErrNoSuchContact
		}
		h, _ := verify(t.Numbers, e.Number, c)
		e.Field = h.field
	}
	for _, trial := range trials(e.Number) {
		done, err := trial.run(ctx, t, asker, e.Number, contactID)
		if err != nil {
			return e, err
		}
		e.Trials = append(e.Trials, done)
	}
	e.Plan = suited(e.Trials, DefaultPlan(t.Numbers.Country())[0].Digits)
	return e, nil
}

// trial is a search that has not been made.
type trial struct {
	name, pattern string
	step          Step
}

// trials lists what is tried for a number.
func trials(n screenpop.Number) []trial {
	var all []trial
	if !isShort(n) {
		for digits := longestTail; digits >= shortestTail; digits-- {
			pattern, _ := tail(n, digits)
			all = append(all, trial{fmt.Sprintf("contains the last %d digits", digits), pattern, Step{Kind: Tail, Digits: digits}})
		}
	}
	whole := onlyDigits(n.Display)
	international := onlyDigits(n.Canonical)
	for _, form := range exact(n) {
		name := "without the trunk 0"
		switch {
		case form == international && strings.HasPrefix(n.Canonical, "+"):
			name = "with the country code"
		case form == whole:
			name = "as dialled in the country"
		}
		all = append(all,
			trial{"is the number " + name, form, Step{Kind: Exact}},
			trial{"ends with the number " + name, "*" + form, Step{}},
			trial{"contains the number " + name, "*" + form + "*", Step{}},
		)
	}
	return all
}

func (try trial) run(ctx context.Context, t *tenant, a *asker, n screenpop.Number, contactID string) (Trial, error) {
	s := &search{tenant: t, asker: a, number: n, seen: make(map[string]bool)}
	start := a.finder.now()
	_, err := s.pages(ctx, try.pattern, try.name)
	done := Trial{
		Name: try.name, Step: try.step, Hits: s.hits, Verified: len(s.found), Accepted: s.answered, Took: a.finder.now().Sub(start),
	}
	if contactID != "" {
		for id := range s.seen {
			done.Found = done.Found || sameID(id, contactID)
		}
	} else {
		done.Found = len(s.found) > 0
	}
	return done, err
}

// suited chooses the plan: the tail that is usual in the country if it has
// found the contact, else the nearest shorter one, which survives more ways of
// writing, else a longer one. Exact comes first only where no practical tail
// does it.
func suited(all []Trial, usual int) Plan {
	var tails []int
	var wasExact bool
	for _, t := range all {
		switch {
		case !t.Found:
		case t.Step.Kind == Tail:
			tails = append(tails, t.Step.Digits)
		case t.Step.Kind == Exact:
			wasExact = true
		}
	}
	slices.SortFunc(tails, func(a, b int) int { return unease(a, usual) - unease(b, usual) })
	exact := Step{Kind: Exact}
	switch {
	case len(tails) > 0 && (tails[0] >= preferredTail || !wasExact):
		return Plan{{Kind: Tail, Digits: tails[0]}, exact}
	case len(tails) > 0:
		return Plan{exact, {Kind: Tail, Digits: tails[0]}}
	case wasExact:
		return Plan{exact}
	}
	return nil
}

// unease orders tails by how little they are liked.
func unease(digits, usual int) int {
	switch {
	case digits < preferredTail:
		return 100
	case digits > usual:
		return 10 + digits
	}
	return usual - digits
}

// FirmName returns the name of the firm whose account the agent is paired with:
// the cheapest sign that everything between here and there works. The errors
// are those of Find without ErrNoMatch.
func (f *Finder) FirmName(ctx context.Context, agent screenpop.AgentID) (string, error) {
	t := f.tenant(agent.Tenant)
	if t == nil {
		return "", fmt.Errorf("%w: the tenant is not configured", screenpop.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	token, err := f.creds.Token(ctx, agent)
	if err != nil {
		return "", credentialsError(ctx, err)
	}
	var firm smokeball.Firm
	asker := &asker{finder: f, agent: agent, token: token, beside: true}
	err = asker.ask(ctx, func(token screenpop.Secret) (err error) {
		firm, err = t.API.Firm(ctx, token)
		return err
	})
	return firm.Name, err
}
