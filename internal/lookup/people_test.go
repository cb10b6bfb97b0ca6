package lookup_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

func member(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-00000000b%03d", i) }

// group is a row of a group with people, as Smokeball's samples have it: links
// without ids.
func group(name string, people ...int) map[string]any {
	links := []any{}
	for _, i := range people {
		links = append(links, map[string]any{"href": "https://api.example/contacts/" + member(i)})
	}
	return map[string]any{"id": goodID, "groupOfPeople": map[string]any{"name": name, "people": links}}
}

// family puts people into the address book: those whose index is in with have
// Maria's number.
func family(h *house, n int, with ...int) {
	for i := range n {
		cell := simulator.Phone{AreaCode: "617", Number: fmt.Sprintf("555%04d", 8000+i)}
		if slices.Contains(with, i) {
			cell = simulator.Phone{AreaCode: "617", Number: "555-0142"}
		}
		h.sim.PutContacts(simulator.Contact{ID: member(i), Person: &simulator.Person{FirstName: "Member", LastName: fmt.Sprint(i), Cell: cell}})
	}
}

func TestPeopleOfGroups(t *testing.T) {
	hasIt := row(goodID[:35]+"0", map[string]any{"firstName": "Somebody", "cell": cell})
	firm := map[string]any{"id": goodID[:35] + "1", "company": map[string]any{"name": "Firm", "phone": cell}}
	deleted := group("Gone", 1)
	deleted["isDeleted"] = true
	for _, c := range []struct {
		name    string
		rows    []any
		with    []int
		faults  []simulator.Fault
		want    []string // shown, with the company
		asked   int
		outcome error
	}{
		{name: "one of two", rows: []any{group("Smith & Jones", 0, 1)}, with: []int{1}, want: []string{"Member 1, Smith & Jones"}, asked: 2},
		{name: "both", rows: []any{group("Smith & Jones", 0, 1)}, with: []int{0, 1}, want: []string{"Member 0, Smith & Jones", "Member 1, Smith & Jones"}, asked: 2},
		{name: "a group without a name", rows: []any{group("", 0)}, with: []int{0}, want: []string{"Member 0, "}, asked: 1},
		{name: "nobody of them", rows: []any{group("Smith & Jones", 0, 1)}, asked: 2, outcome: screenpop.ErrNoMatch},
		{name: "a person has matched", rows: []any{group("Smith & Jones", 0), hasIt}, with: []int{0}, want: []string{"Somebody, "}},
		{name: "a company has matched", rows: []any{group("Smith & Jones", 0), firm}, with: []int{0}, want: []string{"Firm, ", "Member 0, Smith & Jones"}, asked: 1},
		{name: "five at most", rows: []any{group("All", 0, 1, 2, 3, 4, 5, 6)}, with: []int{5, 6}, asked: 5, outcome: screenpop.ErrNoMatch},
		{name: "five of all groups", rows: []any{group("A", 0, 1, 2), row("x", nil), withID(group("B", 3, 4, 5), goodID[:35]+"2")}, with: []int{4}, want: []string{"Member 4, B"}, asked: 5},
		{name: "the search brought them", rows: []any{group("A", 0), row(member(0), map[string]any{"firstName": "Member", "cell": map[string]any{"number": "6175559999"}})}, asked: 0, outcome: screenpop.ErrNoMatch},
		{name: "a deleted group", rows: []any{deleted}, with: []int{1}, outcome: screenpop.ErrNoMatch},
		{name: "not there any more", rows: []any{group("A", 900, 1)}, with: []int{1}, want: []string{"Member 1, A"}, asked: 2},
		{name: "not for the agent", rows: []any{group("A", 0, 1)}, with: []int{0, 1}, faults: simulator.Statuses(simulator.ContactEndpoint, 403), want: []string{"Member 1, A"}, asked: 2},
		{name: "Smokeball fails", rows: []any{group("A", 0, 1)}, with: []int{1}, faults: simulator.Statuses(simulator.ContactEndpoint, 500), asked: 1, outcome: screenpop.ErrUnavailable},
		{name: "Smokeball fails later", rows: []any{group("A", 0, 1)}, with: []int{0}, faults: simulator.Statuses(simulator.ContactEndpoint, 200, 500), want: []string{"Member 0, A"}, asked: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, setup{})
				family(h, 7, c.with...)
				rewrite(h, c.rows...)
				h.sim.Inject(c.faults...)
				m, err := h.find(maria)
				if !errors.Is(err, c.outcome) || c.outcome == nil && err != nil {
					t.Errorf("%v, want %v", err, c.outcome)
				}
				var shown []string
				for _, one := range m.Contacts {
					shown = append(shown, one.Name+", "+one.Company)
				}
				slices.Sort(shown)
				if !slices.Equal(shown, c.want) {
					t.Errorf("shown %q, want %q", shown, c.want)
				}
				if n := h.sim.Count(simulator.ContactEndpoint); n != c.asked {
					t.Errorf("%d people asked for, want %d", n, c.asked)
				}
				if len(h.creds.refused) != 0 {
					t.Errorf("refused %q", h.creds.refused)
				}
			})
		})
	}
}

func withID(row map[string]any, id string) map[string]any {
	row["id"] = id
	return row
}

// What a failure kept from being found is not remembered as nobody.
func TestHalfAGroupIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{})
		family(h, 2, 1)
		rewrite(h, group("A", 0, 1))
		h.sim.Inject(simulator.Statuses(simulator.ContactEndpoint, 503)...)
		h.wants(maria, screenpop.ErrUnavailable)
		h.wants(maria, nil)
		h.searches()
		h.wants(maria, nil)
		if n := len(h.searches()); n != 0 {
			t.Errorf("%d requests: a whole answer was not kept", n)
		}
	})
}
