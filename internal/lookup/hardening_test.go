package lookup_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// rewrite lets Smokeball answer every search with these rows, whatever was
// asked.
func rewrite(h *house, rows ...any) (undo func()) {
	return h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Rewrite: func(m map[string]any) {
		m["value"], m["size"] = rows, len(rows)
	}})
}

func row(id string, person map[string]any) map[string]any {
	return map[string]any{"id": id, "person": person}
}

const goodID = "323f9755-045a-4b68-a536-eb566b8428ff"

var cell = map[string]any{"areaCode": "617", "number": "5550142"}

// A contact whose id is no id would become a link to somewhere else.
func TestContactIDThatIsNoID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		undo := rewrite(h,
			row("javascript:alert(1)", map[string]any{"firstName": "A", "cell": cell}),
			row("../../login?next="+goodID, map[string]any{"firstName": "B", "cell": cell}),
			row("", map[string]any{"firstName": "C", "cell": cell}),
		)
		h.wants(maria, screenpop.ErrNoMatch)
		undo()
		rewrite(h, row(goodID, map[string]any{"firstName": "D", "cell": cell}), row("x", map[string]any{"firstName": "E", "cell": cell}))
		h.finder.Forget(h.first().Tenant)
		m, err := h.find(maria)
		if err != nil || len(m.Contacts) != 1 || m.More != 0 || m.Contacts[0].Name != "D" {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// An href in an answer is never a link and never asked for.
func TestHrefIsNeverUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		evil := row(goodID, map[string]any{"firstName": "A", "cell": cell})
		evil["href"] = "https://evil.example/contacts/" + goodID
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Rewrite: func(m map[string]any) {
			m["value"] = []any{evil}
			m["next"] = map[string]any{"href": "https://evil.example/contacts?offset=1"}
		}})
		m, err := h.find(maria)
		if err != nil || strings.Contains(fmt.Sprintf("%#v", m), "evil") || h.sim.Count(simulator.AnyEndpoint) > 1 {
			t.Errorf("%#v, %v", m, err)
		}
	})
}

// A script in a name stays the text it is.
func TestScriptInAContactsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		rewrite(h, row(goodID, map[string]any{"firstName": "<img src=x onerror=alert(1)>", "lastName": "\u202e\x00Smith", "cell": cell}))
		m, err := h.find(maria)
		if err != nil || m.Contacts[0].Name != "<img src=x onerror=alert(1)> Smith" {
			t.Errorf("%q, %v", m.Contacts[0].Name, err)
		}
	})
}

// A Smokeball that answers with everybody shows nobody who does not have the
// number, and one that does so without end is not read without end.
func TestEverybodyForEverySearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		var everybody []any
		for i := range 200 {
			everybody = append(everybody, row(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), map[string]any{
				"firstName": "X", "cell": map[string]any{"areaCode": "617", "number": fmt.Sprintf("555%04d", 143+i)},
			}))
		}
		h.sim.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Rewrite: func(m map[string]any) {
			m["value"] = everybody
			delete(m, "size")
		}})
		m, err := h.find(maria)
		if len(m.Contacts) != 0 || err == nil {
			t.Errorf("%d shown, %v", len(m.Contacts), err)
		}
		if n := h.sim.Count(simulator.ContactsEndpoint); n > 20 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestDeletedContactIsNeverShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		gone := row(goodID, map[string]any{"firstName": "Gone", "cell": cell})
		gone["isDeleted"] = true
		rewrite(h, gone)
		h.wants(maria, screenpop.ErrNoMatch)
	})
}

// Neither logs nor the trace nor errors nor metrics tell who called or who it
// was.
func TestNothingPersonalIsWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		var told strings.Builder
		for _, fault := range []simulator.Fault{{Endpoint: simulator.FirmEndpoint, Status: 500}, {Endpoint: simulator.ContactsEndpoint, Status: 500}, {Endpoint: simulator.ContactsEndpoint, Status: 403}, {Endpoint: simulator.ContactsEndpoint, Reset: true}} {
			undo := h.sim.Inject(fault)
			h.finder.Forget(h.first().Tenant)
			_, err := h.find(maria)
			fmt.Fprintln(&told, err)
			undo()
		}
		for _, e := range h.trace.entries {
			fmt.Fprintf(&told, "%+v\n", e)
		}
		families, err := h.reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&told, families, h.log.String(), h.creds.refused)
		if h.log.Len() == 0 || len(h.trace.entries) != 4 {
			t.Fatalf("log %q, %d entries", h.log, len(h.trace.entries))
		}
		for _, secret := range []string{"0142", "5550", "Maria", "Castellanos", h.creds.of[h.first()].access.Reveal(), "simulated-api-key"} {
			if strings.Contains(told.String(), secret) {
				t.Errorf("%q is told: %s", secret, told.String())
			}
		}
		if e := h.trace.entries[0]; e.Number != "**********42" || !strings.Contains(e.Detail, "tail of 4 digits: 1 of 1 hits, 1 verified") {
			t.Errorf("%+v", e)
		}
	})
}

func TestNumberThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		for _, n := range []screenpop.Number{{}, {Canonical: "*"}, {Canonical: "+"}, {Canonical: "*6*", Display: "*"}, {Canonical: "12&Search=name:*"}, {Canonical: "7"}} {
			if m, err := h.finder.Find(t.Context(), h.first(), call(n)); err == nil || len(m.Contacts) != 0 {
				t.Errorf("%q: %v", n.Canonical, err)
			}
		}
		if _, err := h.finder.Find(t.Context(), h.first(), call(screenpop.Number{})); !errors.Is(err, screenpop.ErrNoMatch) {
			t.Errorf("no number: %v", err)
		}
		if n := h.sim.Count(simulator.ContactsEndpoint); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestTenantThatIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		_, err := h.finder.Find(t.Context(), screenpop.AgentID{Tenant: "elsewhere.example", Extension: "101"}, call(h.number(maria)))
		if !errors.Is(err, screenpop.ErrUnavailable) || h.sim.Count(simulator.AnyEndpoint) != 0 {
			t.Errorf("%v", err)
		}
	})
}
