package lookup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Numbers is what became of looking through a firm's numbers. It holds no name
// and no digit.
type Numbers struct {
	Contacts      int // read, groups of people not among them: those have no number of their own
	WithoutNumber int
	Fields        int // that hold something
	Complete      bool
	Faults        []NumberFault // the most frequent first
}

// NumberFault is a reason that numbers cannot be matched with a call's.
type NumberFault struct {
	Reason  string // a [numbering.Fault], or NotSearchable
	Count   int    // fields
	Records []NumberRecord
}

// NumberRecord is a contact's field with a fault.
type NumberRecord struct{ ID, Field, Link string }

// NotSearchable is the fault of a number whose last digits do not stand side by
// side, so that no search of the plan finds it as it is written.
const NotSearchable = "not-searchable"

const (
	// numbersPause is between two pages: less than half of Smokeball's usual
	// allowance, so that a phone that rings seldom waits for it at all.
	numbersPause = 500 * time.Millisecond
	// numbersTries is how often a page is asked for before it is given up, with a
	// pause that grows between the tries.
	numbersTries = 5
	numbersRetry = 2 * time.Second
	// maxNumberPages bounds how much is read: 200,000 contacts.
	maxNumberPages = 1000
	// maxNumberRecords is how many records of a fault are named.
	maxNumberRecords = 100
)

// Numbers looks through the numbers of all contacts that the agent may see, for
// those that no call can be matched with. It reads page by page with the agent's
// own token, behind everybody whose phone rings, and calls progress before the
// first page and after each, with the contacts read and, as far as Smokeball tells,
// how many there are.
// Nothing is kept beyond the page being read but ids. It ends soon after ctx does,
// and with the first error of progress, which it returns. The errors are otherwise
// those of Find without ErrNoMatch.
func (f *Finder) Numbers(ctx context.Context, agent screenpop.AgentID, progress func(read, of int) error) (Numbers, error) {
	t := f.tenant(agent.Tenant)
	if t == nil {
		return Numbers{}, fmt.Errorf("%w: the tenant is not configured", screenpop.ErrUnavailable)
	}
	if _, err := f.creds.Token(ctx, agent); err != nil {
		return Numbers{}, credentialsError(ctx, err)
	}
	if err := progress(0, 0); err != nil {
		return Numbers{}, err
	}
	ctx = smokeball.WithPriority(ctx, smokeball.Priority{Class: smokeball.Background})
	look := numbersLook{tenant: t, seen: map[string]struct{}{}, faults: map[string]*NumberFault{}}
	for n, offset := 1, 0; ; n++ {
		page, err := f.numbersPage(ctx, t, agent, offset)
		if err != nil {
			return Numbers{}, err
		}
		for _, c := range page.Contacts {
			look.contact(c)
		}
		offset += page.Rows
		if err := progress(offset, page.Size); err != nil {
			return Numbers{}, err
		}
		last := page.Rows < pageLimit || page.Size > 0 && offset >= page.Size
		if last || n == maxNumberPages {
			return look.report(last), nil
		}
		if err := pause(ctx, numbersPause); err != nil {
			return Numbers{}, err
		}
	}
}

// numbersPage asks for a page, again where Smokeball or the budget had no answer
// this time. The agent's token is asked for anew, so that whoever unpairs is not
// read with any more.
func (f *Finder) numbersPage(ctx context.Context, t *tenant, agent screenpop.AgentID, offset int) (page smokeball.ContactPage, err error) {
	for try := 1; ; try++ {
		token, err := f.creds.Token(ctx, agent)
		if err == nil {
			asker := &asker{finder: f, agent: agent, token: token}
			err = asker.ask(ctx, func(token screenpop.Secret) (err error) {
				page, err = t.API.Contacts(ctx, token, pageLimit, offset)
				return err
			})
		} else {
			err = credentialsError(ctx, err)
		}
		again := errors.Is(err, screenpop.ErrUnavailable) || errors.Is(err, screenpop.ErrTooLate)
		if !again || try == numbersTries || ctx.Err() != nil {
			return page, err
		}
		if err := pause(ctx, time.Duration(try)*numbersRetry); err != nil {
			return page, err
		}
	}
}

// pause waits, and returns ErrTooLate when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", screenpop.ErrTooLate, ctx.Err())
	}
}

// numbersLook gathers what pages tell.
type numbersLook struct {
	tenant *tenant
	seen   map[string]struct{}
	so     Numbers
	faults map[string]*NumberFault
}

func (l *numbersLook) contact(c smokeball.Contact) {
	if _, twice := l.seen[c.ID]; twice || c.Deleted || c.Kind == screenpop.Group {
		return
	}
	l.seen[c.ID] = struct{}{}
	l.so.Contacts++
	if len(c.Phones) == 0 {
		l.so.WithoutNumber++
	}
	for _, p := range c.Phones {
		l.so.Fields++
		reason := string(l.tenant.Numbers.Fault(p.AreaCode, p.Number))
		if reason == "" && !l.findable(p) {
			reason = NotSearchable
		}
		if reason != "" {
			l.fault(reason, c.ID, p.Field)
		}
	}
}

func (l *numbersLook) fault(reason, id, field string) {
	f := l.faults[reason]
	if f == nil {
		f = &NumberFault{Reason: reason}
		l.faults[reason] = f
	}
	f.Count++
	if link, ok := l.tenant.Links.Contact(id); ok && len(f.Records) < maxNumberRecords {
		f.Records = append(f.Records, NumberRecord{ID: id, Field: field, Link: link})
	}
}

// findable tells whether a search of the plan finds one of the field's numbers as
// it is written. Of exact searches nobody knows what they make of separators, so
// that only a plan of tails says no.
func (l *numbersLook) findable(p smokeball.Phone) bool {
	tails := false
	for _, n := range l.tenant.Numbers.Stored(p.AreaCode, p.Number) {
		for _, step := range l.tenant.Plan {
			if step.Kind != Tail || isShort(n) {
				continue
			}
			tails = true
			pattern, _ := tail(n, start(step, n))
			digits := strings.Trim(pattern, "*")
			if strings.Contains(p.Number, digits) || strings.Contains(p.AreaCode, digits) || strings.Contains(p.AreaCode+p.Number, digits) {
				return true
			}
		}
		if !tails {
			return true
		}
	}
	return !tails
}

func (l *numbersLook) report(complete bool) Numbers {
	done := l.so
	done.Complete = complete
	for _, f := range l.faults {
		done.Faults = append(done.Faults, *f)
	}
	slices.SortFunc(done.Faults, func(a, b NumberFault) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Reason, b.Reason)
	})
	return done
}

// NumberFaults lists every reason.
func NumberFaults() []string {
	var all []string
	for _, f := range numbering.Faults() {
		all = append(all, string(f))
	}
	return append(all, NotSearchable)
}
