package lookup_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// idOf returns the id of a contact of the firm.
func (h *house) idOf(name string) string {
	h.t.Helper()
	for _, c := range h.firm.Contacts {
		if c.Name() == name && !c.Deleted {
			return c.ID
		}
	}
	h.t.Fatalf("there is no %s", name)
	return ""
}

// Whatever Smokeball's search turns out to be, the plan that the experiment
// prints finds the contact it was made with.
func TestThePlanOfTheExperimentFindsTheContact(t *testing.T) {
	for _, c := range []struct {
		name  string
		index simulator.PhoneIndex
		plan  string // for Maria: 617 5550142 in two boxes
		dash  string // for James: 508 555-0117
	}{
		{"likeliest", simulator.PhoneIndex{}, "tail:4 exact", "tail:4 exact"},
		{"stripped", simulator.PhoneIndex{StripPunctuation: true}, "tail:4 exact", "tail:4 exact"},
		{"number only", simulator.PhoneIndex{Join: simulator.NumberOnly}, "tail:4 exact", "tail:4 exact"},
		{"separate", simulator.PhoneIndex{Join: simulator.Separate}, "tail:4 exact", "tail:4 exact"},
		{"no wildcards", simulator.PhoneIndex{NoWildcards: true}, "exact", ""},
		{"no wildcards, stripped", simulator.PhoneIndex{NoWildcards: true, StripPunctuation: true}, "exact", "exact"},
		{"no wildcards, number only", simulator.PhoneIndex{NoWildcards: true, Join: simulator.NumberOnly}, "", ""},
		{"not that field", simulator.PhoneIndex{Fields: []string{"fax"}}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for who, want := range map[string]struct{ number, plan string }{"Maria Castellanos": {maria, c.plan}, "James Whitaker": {"(508) 555-0117", c.dash}} {
				synctest.Test(t, func(t *testing.T) {
					options := simulator.Options{PhoneIndex: c.index, RateLimit: simulator.RateLimit{Slack: -1}}
					h := build(t, setup{options: options, latency: 40 * time.Millisecond})
					e, err := h.finder.Experiment(t.Context(), h.first(), want.number, h.idOf(who))
					if err != nil {
						t.Fatal(err)
					}
					if got := strings.Join(e.Plan.Strings(), " "); got != want.plan {
						t.Errorf("%s: plan %q, want %q: %+v", who, got, want.plan, e.Trials)
					}
					if e.Field == "" || len(e.Trials) != 10 || h.sim.RateLimited() != 0 {
						t.Errorf("%s: field %q, %d trials, %d too fast", who, e.Field, len(e.Trials), h.sim.RateLimited())
					}
					if e.Plan == nil {
						return
					}
					// and a house that is run with this plan and no other finds her
					with := build(t, setup{options: options, tenant: TenantConfig{Plan: e.Plan}})
					if m, err := with.find(want.number); err != nil || !slices.Contains(names(m), who) {
						t.Errorf("%s: the plan %v finds %v, %v", who, e.Plan, names(m), err)
					}
				})
			}
		})
	}
}

func TestWhatTheExperimentTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{latency: 40 * time.Millisecond})
		h.sim.PutContacts(simulator.Contact{ID: goodID, Person: &simulator.Person{LastName: "Other", Cell: simulator.Phone{Number: "617 555 8042"}}})
		e, err := h.finder.Experiment(t.Context(), h.first(), maria, "")
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, one := range e.Trials {
			if one.Found {
				told = append(told, one.Name)
			}
			if one.Took < 40*time.Millisecond || !one.Accepted {
				t.Errorf("%+v", one)
			}
			if strings.Contains(one.Name, "42") {
				t.Errorf("%q tells the number", one.Name)
			}
		}
		want := []string{
			"contains the last 5 digits", "contains the last 4 digits", "contains the last 3 digits", "contains the last 2 digits",
			"is the number as dialled in the country", "ends with the number as dialled in the country", "contains the number as dialled in the country",
		}
		if !slices.Equal(told, want) {
			t.Errorf("found by %q", told)
		}
		if four := e.Trials[1]; four.Hits != 1 || four.Verified != 1 {
			t.Errorf("%+v", four)
		}
		if two := e.Trials[3]; two.Hits < 2 || two.Verified != 1 {
			t.Errorf("%+v", two)
		}
		if e.Field != "" || e.Number.Canonical != maria {
			t.Errorf("%+v", e)
		}
	})
}

// Each country's plan, and numbers that are not the country's own.
func TestTheExperimentAbroad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{firm: simulator.NewAustralianFirm()})
		for _, c := range h.firm.Callers {
			if len(c.Names) != 1 {
				continue
			}
			e, err := h.finder.Experiment(t.Context(), h.first(), c.E164(), "")
			if err != nil || len(e.Plan) == 0 || e.Plan[0].Kind != Tail {
				t.Errorf("%v, %v", e.Plan, err)
			}
		}
		e, err := h.finder.Experiment(t.Context(), h.first(), "131114", "")
		if err != nil || len(e.Trials) != 3 || e.Plan != nil {
			t.Errorf("a service number: %+v, %v", e, err)
		}
	})
}

func TestAContactThatDoesNotHaveTheNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		e, err := h.finder.Experiment(t.Context(), h.first(), maria, h.idOf("Mei Chen"))
		if err != nil || e.Field != "" || e.Plan != nil && e.Plan[0].Kind == Exact {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestExperimentsThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		try := func(want error, agent screenpop.AgentID, number, contact string) Experiment {
			t.Helper()
			e, err := h.finder.Experiment(t.Context(), agent, number, contact)
			if !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			return e
		}
		elsewhere := screenpop.AgentID{Tenant: "elsewhere.example", Extension: "101"}
		try(screenpop.ErrUnavailable, elsewhere, maria, "")
		try(ErrNotSearchable, h.first(), "withheld", "")
		try(ErrNotSearchable, h.first(), "", "")
		try(ErrNotSearchable, h.first(), "*", "")
		try(ErrNotSearchable, h.first(), maria, "../firm")
		try(screenpop.ErrNotPaired, h.agent("999"), maria, "")
		if n := h.sim.Count(simulator.AnyEndpoint); n != 0 {
			t.Errorf("%d requests", n)
		}
		try(ErrNoSuchContact, h.first(), maria, goodID)
		h.sim.Inject(simulator.Statuses(simulator.ContactsEndpoint, 200, 400, 200, 500)...)
		e := try(screenpop.ErrUnavailable, h.first(), maria, "")
		if len(e.Trials) != 3 || e.Trials[1].Accepted || !e.Trials[2].Accepted {
			t.Errorf("%+v", e.Trials)
		}
	})
}

// A phone that rings goes before the experiment, which in turn takes nothing
// from anybody's burst that is not free.
func TestThePhoneGoesBeforeTheExperiment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{options: simulator.Options{RateLimit: simulator.RateLimit{Slack: -1}}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error)
		go func() {
			_, err := h.finder.Experiment(ctx, h.first(), stranger, "")
			ended <- err
		}()
		pass(500 * time.Millisecond) // it has used the burst up and waits
		start := time.Now()
		h.wants(maria, nil)
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("the phone waited %v", took)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := h.sim.RateLimited(); n != 0 {
			t.Errorf("%d too fast", n)
		}
	})
}

func TestFirmName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		if name, err := h.finder.FirmName(t.Context(), h.first()); err != nil || name != h.firm.Name {
			t.Errorf("%q, %v", name, err)
		}
		h.sim.Inject(simulator.Fault{Endpoint: simulator.FirmEndpoint, Stall: true})
		if _, err := h.finder.FirmName(t.Context(), h.first()); !errors.Is(err, screenpop.ErrUnavailable) {
			t.Errorf("stall: %v", err)
		}
		h.creds.unpair(h.first())
		if _, err := h.finder.FirmName(t.Context(), h.first()); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Errorf("unpaired: %v", err)
		}
	})
}
