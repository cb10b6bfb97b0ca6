package lookup

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

const (
	// pageLimit is how many contacts one request asks for: some 300 KB, well
	// within what is read of an answer.
	pageLimit = 200
	// maxPages is how many pages of one search are read. A tail that finds more
	// is made longer instead.
	maxPages = 3
)

// errNoSearch: Smokeball takes none of the plan's searches for one.
var errNoSearch = fmt.Errorf("%w: no search of the plan is accepted", screenpop.ErrUnavailable)

// search is one search for one number. It is used by one goroutine.
type search struct {
	tenant *tenant
	asker  *asker
	number screenpop.Number

	seen     map[string]bool
	found    []holding
	groups   []smokeball.Contact     // came back, and their people have not been asked for
	members  int                     // how many have been
	answered bool                    // at least one request was understood
	hits     int                     // of the last pattern, as Smokeball counts them
	narrowed bool                    // a tail was made longer than the plan has it
	report   []screenpop.TraceSearch // what was asked for, in that order
	stages   []screenpop.Stage       // a plan's step each
}

// run takes the plan's steps until one finds a contact that has the number. An
// error after the first find is left aside: whole is then false, and what was
// found is better than nothing.
func (s *search) run(ctx context.Context) (whole bool, err error) {
	s.seen = make(map[string]bool)
	for i, step := range s.tenant.Plan {
		began := s.asker.finder.now()
		switch {
		case step.Kind == Tail && !isShort(s.number):
			err = s.tail(ctx, start(step, s.number))
		case step.Kind == Exact && (i == 0 || isShort(s.number) || s.narrowed || !s.tenant.tailWorks.Load()):
			err = s.exact(ctx)
		default:
			continue
		}
		if err == nil {
			err = s.people(ctx)
		}
		s.stages = s.asker.finder.stage(s.stages, string(step.Kind), err, len(s.found), began)
		if len(s.found) > 0 {
			return err == nil, nil
		}
		if err != nil {
			return false, err
		}
	}
	if !s.answered {
		return false, errNoSearch
	}
	return true, nil
}

// tail asks for the last digits, for more of them when too many numbers have
// these. A longer tail may fall apart in how a number is typed, so the first
// pages of the shorter one have been looked at, and if that is not enough the
// shorter one is asked for again where a number ends, which is one request more:
// 1955 stands within everybody's 919 555, but few numbers end with it. Exact
// forms still follow.
func (s *search) tail(ctx context.Context, digits int) error {
	for shortest := digits; ; digits++ {
		pattern, more := tail(s.number, digits)
		overflow, err := s.pages(ctx, pattern, fmt.Sprintf("tail of %d digits", digits))
		if err == nil && overflow && more {
			s.narrowed = true
			continue
		}
		if err == nil && len(s.found) == 0 && digits > shortest {
			_, err = s.pages(ctx, endsWith(s.number, shortest), fmt.Sprintf("ending of %d digits", shortest))
		}
		if len(s.found) > 0 {
			s.tenant.tailWorks.Store(true)
		}
		return err
	}
}

func (s *search) exact(ctx context.Context) error {
	if pattern, ok := among(s.number); ok {
		_, err := s.pages(ctx, pattern, "short number among others")
		if err != nil || len(s.found) > 0 || s.tenant.tailWorks.Load() {
			return err
		}
	}
	for i, form := range exact(s.number) {
		if _, err := s.pages(ctx, form, fmt.Sprintf("exact form %d", i+1)); err != nil || len(s.found) > 0 {
			return err
		}
	}
	return nil
}

// pages reads a search's pages and keeps the contacts that have the number. It
// returns true when there are more pages than are read.
func (s *search) pages(ctx context.Context, pattern, name string) (overflow bool, err error) {
	query := smokeball.ContactQuery{Phone: pattern, Limit: pageLimit}
	hits, before, began := 0, len(s.found), s.asker.finder.now()
	note := func(result screenpop.SearchResult) {
		t := screenpop.TraceSearch{Search: name, Result: result, Read: hits, Hits: hits, Verified: len(s.found) - before}
		if result == screenpop.SearchAnswered {
			t.Hits = s.hits
		}
		s.note(t, began)
	}
	for n := 1; ; n++ {
		var page smokeball.ContactPage
		err := s.asker.ask(ctx, func(token screenpop.Secret) (err error) {
			page, err = s.tenant.API.SearchContacts(ctx, token, query)
			return err
		})
		if status(err) == http.StatusBadRequest {
			note(screenpop.SearchNotAccepted)
			return false, nil
		}
		if err != nil {
			note(screenpop.SearchFailed)
			return false, err
		}
		s.answered = true
		hits += page.Rows
		s.hits = max(hits, page.Size)
		s.keep(page.Contacts)
		query.Offset += page.Rows
		last := page.Rows < pageLimit || page.Size > 0 && query.Offset >= page.Size
		if last || n == maxPages || page.Size > maxPages*pageLimit {
			note(screenpop.SearchAnswered)
			return !last, nil
		}
	}
}

func (s *search) keep(contacts []smokeball.Contact) {
	for _, c := range contacts {
		if s.seen[c.ID] {
			continue
		}
		s.seen[c.ID] = true
		if c.Kind == screenpop.Group && !c.Deleted {
			s.groups = append(s.groups, c)
		}
		if h, ok := verify(s.tenant.Numbers, s.number, c); ok && smokeball.ValidID(c.ID) {
			s.found = append(s.found, h)
		}
	}
}

// note adds a search to the report. Its name never has a digit of the number in it.
func (s *search) note(t screenpop.TraceSearch, began time.Time) {
	t.Took = milliseconds(s.asker.finder.now().Sub(began))
	s.report = append(s.report, t)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *search) detail() string {
	parts := make([]string, len(s.report))
	for i, t := range s.report {
		switch {
		case t.Result == screenpop.SearchNotAccepted:
			parts[i] = t.Search + ": not accepted"
		case t.Result == screenpop.SearchFailed:
			parts[i] = t.Search + ": failed"
		case t.Search == peopleOfGroup:
			parts[i] = fmt.Sprintf("%s: %d of %d asked for, %d verified", t.Search, t.Read, t.Hits, t.Verified)
		default:
			parts[i] = fmt.Sprintf("%s: %d of %d hits, %d verified", t.Search, t.Read, t.Hits, t.Verified)
		}
	}
	return strings.Join(parts, "; ")
}
