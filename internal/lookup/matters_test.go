package lookup_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

func withMatters(t *testing.T) (*house, string) {
	t.Helper()
	h := build(t, setup{tenant: TenantConfig{Matters: true}})
	m, err := h.find(maria)
	if err != nil {
		t.Fatal(err)
	}
	client := []string{m.Contacts[0].ID}
	h.sim.PutMatters(
		simulator.Matter{ID: "00000000-0000-4000-8000-00000000a001", Number: "A1", Title: "Older", Status: "Open", Clients: client, Opened: "2019-01-01T00:00:00Z"},
		simulator.Matter{ID: "00000000-0000-4000-8000-00000000a002", Number: "A2", Title: "Newest", Status: "Pending", Clients: client, Opened: "2031-01-01T00:00:00Z"},
		simulator.Matter{ID: "00000000-0000-4000-8000-00000000a003", Number: "A3", Title: "Done", Status: "Closed", Clients: client, Opened: "2032-01-01T00:00:00Z"},
	)
	return h, m.Contacts[0].ID
}

func TestMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, id := withMatters(t)
		got, err := h.finder.Matters(t.Context(), h.agent("102"), id)
		if err != nil || len(got) < 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		want := screenpop.Matter{ID: "00000000-0000-4000-8000-00000000a002", Number: "A2", Title: "Newest", Status: "Pending",
			URL: "https://app.smokeball.com/#/billing/view-matter/00000000-0000-4000-8000-00000000a002/details"}
		if got[0] != want || got[len(got)-1].Title != "Older" {
			t.Errorf("%+v", got)
		}
		if slices.ContainsFunc(got, func(m screenpop.Matter) bool { return m.Status != "Open" && m.Status != "Pending" }) {
			t.Errorf("%+v", got)
		}
		if r := h.sim.Requests(simulator.MattersEndpoint); len(r) != 1 || r[0].User != "daniel@firm.example" {
			t.Errorf("asked as %+v", r)
		}
	})
}

// Matters that are not for an agent show nothing and break nothing.
func TestMattersThatAreNotForTheAgent(t *testing.T) {
	for name, status := range map[string]int{"403": 403, "404": 404, "401 for ever": 401} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, id := withMatters(t)
				h.creds.accepted = nil // the contact was looked up
				h.sim.Inject(simulator.Fault{Endpoint: simulator.MattersEndpoint, Status: status})
				for range 3 {
					got, err := h.finder.Matters(t.Context(), h.first(), id)
					if err != nil || got == nil || len(got) != 0 {
						t.Errorf("%+v, %v", got, err)
					}
				}
				if len(h.creds.accepted) != 0 {
					t.Errorf("told that contacts may be looked up: %q", h.creds.accepted)
				}
				if len(h.creds.refused) != 0 || h.creds.renewals > 1 {
					t.Errorf("refused %q, %d renewals", h.creds.refused, h.creds.renewals)
				}
			})
		})
	}
}

func TestMattersWithAnExpiredToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, id := withMatters(t)
		h.sim.ExpireAccess("")
		if got, err := h.finder.Matters(t.Context(), h.first(), id); err != nil || len(got) < 2 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestNoMattersToAskFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, id := withMatters(t)
		h.creds.unpair(h.first())
		if got, err := h.finder.Matters(t.Context(), h.first(), id); !errors.Is(err, screenpop.ErrNotPaired) || got == nil {
			t.Errorf("unpaired: %+v, %v", got, err)
		}
		h.sim.Inject(simulator.Fault{Endpoint: simulator.MattersEndpoint, Status: 500})
		if got, err := h.finder.Matters(t.Context(), h.agent("102"), id); !errors.Is(err, screenpop.ErrUnavailable) || got == nil {
			t.Errorf("500: %+v, %v", got, err)
		}
		h.sim.Forget()
		off := build(t, setup{})
		if got, err := off.finder.Matters(t.Context(), off.first(), id); err != nil || got == nil || len(got) != 0 || off.sim.Count(simulator.MattersEndpoint) != 0 {
			t.Errorf("matters are off: %+v, %v", got, err)
		}
	})
}
