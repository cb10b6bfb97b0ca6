package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// untidy is a firm whose address book holds, beside n contacts with good
// numbers, one of each fault.
func untidy(n int) *simulator.Firm {
	f := simulator.NewFirm()
	f.Contacts = nil
	add := func(kind string, phone simulator.Phone, more ...simulator.Phone) {
		p := &simulator.Person{FirstName: "Somebody", LastName: kind, Phone: phone}
		if len(more) > 0 {
			p.Cell = more[0]
		}
		f.Contacts = append(f.Contacts, simulator.Contact{ID: fmt.Sprintf("%08x-0000-4000-8000-000000000000", len(f.Contacts)), Person: p})
	}
	for i := range n {
		add("good", simulator.Phone{AreaCode: "617", Number: fmt.Sprintf("399-%04d", i)})
	}
	add("letters", simulator.Phone{Number: "1-800-FLOWERS"})
	add("too short", simulator.Phone{Number: "617-399-81"}, simulator.Phone{Number: "(617) 399-8147"})
	add("too short", simulator.Phone{Number: "617-399-82"})
	add("extension", simulator.Phone{Number: "ext 204"})
	add("broken up", simulator.Phone{Number: "617-399-81 47"})
	add("none", simulator.Phone{})
	f.Contacts = append(f.Contacts,
		simulator.Contact{ID: "aaaaaaaa-0000-4000-8000-000000000000", Group: &simulator.Group{Name: "The family"}},
		simulator.Contact{ID: "bbbbbbbb-0000-4000-8000-000000000000", Deleted: true, Person: &simulator.Person{Phone: simulator.Phone{Number: "n/a"}}})
	return f
}

func TestNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{firm: untidy(450)})
		var steps []string
		got, err := h.finder.Numbers(t.Context(), h.first(), func(read, of int) error {
			steps = append(steps, fmt.Sprintf("%d of %d", read, of))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := "0 of 0, 200 of 457, 400 of 457, 457 of 457"; strings.Join(steps, ", ") != want {
			t.Errorf("progress %s, want %s", strings.Join(steps, ", "), want)
		}
		var faults []string
		for _, f := range got.Faults {
			faults = append(faults, fmt.Sprintf("%s %d", f.Reason, f.Count))
			for _, r := range f.Records {
				if r.Link != "https://app.smokeball.com/#/billing/view-contact/"+r.ID+"/details" || r.Field != "phone" {
					t.Errorf("%s: %+v", f.Reason, r)
				}
			}
		}
		if want := "too-short 2, letters 1, not-searchable 1, only-extension 1"; strings.Join(faults, ", ") != want {
			t.Errorf("faults %s, want %s", strings.Join(faults, ", "), want)
		}
		if got.Contacts != 456 || got.WithoutNumber != 1 || got.Fields != 456 || !got.Complete {
			t.Errorf("%+v", got)
		}
		if len(h.trace.entries) > 0 || strings.Contains(h.log.String(), "8147") {
			t.Errorf("traced %v, logged %s", h.trace.entries, h.log)
		}
		// Nothing of it is remembered: a call is searched for.
		h.sim.Forget()
		h.wants("617 399 0001", nil)
		if got := h.searches(); len(got) == 0 {
			t.Error("a call afterwards was answered without a search")
		}
	})
}

// A page that fails is asked for again; whoever is not paired, or leaves, is told.
func TestNumbersEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{firm: untidy(250)})
		none := func(int, int) error { return nil }

		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: http.StatusInternalServerError, Times: 2})
		if got, err := h.finder.Numbers(t.Context(), h.first(), none); err != nil || !got.Complete {
			t.Errorf("after two failures: %+v %v", got, err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		pages := 0
		start := time.Now()
		_, err := h.finder.Numbers(ctx, h.first(), func(read, _ int) error {
			if pages++; read > 0 {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, screenpop.ErrTooLate) || pages != 2 || time.Since(start) > 10*time.Second {
			t.Errorf("cancelled after %d pages: %v", pages, err)
		}

		left := errors.New("left")
		if _, err := h.finder.Numbers(t.Context(), h.first(), func(int, int) error { return left }); !errors.Is(err, left) {
			t.Error(err)
		}

		pages = 0
		_, err = h.finder.Numbers(t.Context(), h.first(), func(read, _ int) error {
			if pages++; read > 0 {
				h.creds.unpair(h.first())
			}
			return nil
		})
		if !errors.Is(err, screenpop.ErrNotPaired) || pages != 2 {
			t.Errorf("unpaired after %d pages: %v", pages, err)
		}
		if _, err := h.finder.Numbers(t.Context(), screenpop.AgentID{Tenant: "elsewhere"}, none); !errors.Is(err, screenpop.ErrUnavailable) {
			t.Error(err)
		}
	})
}

// A phone that rings while numbers are read does not wait for them.
func TestNumbersLetCallsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{firm: untidy(600), latency: 80 * time.Millisecond})
		ended := make(chan error, 1)
		go func() {
			_, err := h.finder.Numbers(t.Context(), h.first(), func(int, int) error { return nil })
			ended <- err
		}()
		pass(500 * time.Millisecond)
		for i := range 4 {
			start := time.Now()
			h.wants(fmt.Sprintf("617 399 %04d", 100+i), nil)
			if took := time.Since(start); took > 500*time.Millisecond {
				t.Errorf("look-up %d took %v beside the reading of numbers", i, took)
			}
			pass(400 * time.Millisecond)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
