package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestAgentsTable(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.Local)
	at := func(days float64) *time.Time {
		at := now.Add(time.Duration(days * 24 * float64(time.Hour)))
		return &at
	}
	no := false
	agent := func(tenant screenpop.Tenant, extension screenpop.Extension, name string, p screenpop.Pairing) agentRow {
		return agentRow{Agent: screenpop.Agent{AgentID: screenpop.AgentID{Tenant: tenant, Extension: extension}, Name: name}, Pairing: p, Screens: 1}
	}
	paired := func(since, until float64) screenpop.Pairing {
		return screenpop.Pairing{State: screenpop.Paired, Since: at(since), Expires: at(until), Account: "Priya Shah"}
	}
	ending := paired(-26, 4)
	ending.Problem = "The authorisation at Smokeball ends in less than 5 days. Pair again to renew it."
	misfit := paired(-1, 29)
	misfit.Account, misfit.EmailMatches = "Daniel Okafor", &no
	misfit.Problem = "The Smokeball user has another e-mail address than this extension. If this is not you, sign out of Smokeball and pair again."
	ended := screenpop.Pairing{State: screenpop.Expired, Since: at(-31), Expires: at(-1), Problem: "The authorisation at Smokeball has ended. Pair again."}
	refused := paired(-1, 29)
	refused.State, refused.Problem = screenpop.Attention, "No licence."
	rows := []agentRow{
		agent("second.example", "201", "Ruth", paired(0, 5)),
		agent("first.example", "1001", "Ann", screenpop.Pairing{State: screenpop.Unpaired}),
		agent("first.example", "105", "Elena", refused),
		agent("first.example", "104", "Marcus", ended),
		agent("first.example", "103", "Grace", misfit),
		agent("first.example", "102", "Daniel Maximilian Okafor-Whitfield", ending),
		agent("first.example", "101", "Priya Shah", paired(-1, 29)),
		agent("second.example", "202", "Sam", paired(0, 5.01)),
	}
	var out strings.Builder
	if err := printAgents(&out, rows, now); err != nil {
		t.Fatal(err)
	}
	const want = `EXT   NAME                    PAIRING    SINCE       UNTIL       DAYS  SCREENS
first.example
101   Priya Shah              paired     2026-11-23  2026-12-23  29    1
102   Daniel Maximilian Oka…  paired     2026-10-29  2026-11-28  4 !   1
    The authorisation at Smokeball ends in less than 5 days. Pair again to renew
    it.
103   Grace                   paired     2026-11-23  2026-12-23  29    1
    Paired as Daniel Okafor. The Smokeball user has another e-mail address than
    this extension. If this is not you, sign out of Smokeball and pair again.
104   Marcus                  expired    2026-10-24  2026-11-23  0 !   1
    The authorisation at Smokeball has ended. Pair again.
105   Elena                   attention  2026-11-23  2026-12-23  29    1
    No licence.
1001  Ann                     unpaired   -           -           -     1
second.example
201   Ruth                    paired     2026-11-24  2026-11-29  5 !   1
202   Sam                     paired     2026-11-24  2026-11-29  6     1
`
	if out.String() != want {
		t.Errorf("got\n%s, want\n%s", out.String(), want)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > tableWidth {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	var few []string
	for _, a := range rows {
		if a.ending(now) {
			few = append(few, string(a.Extension))
		}
	}
	if got := strings.Join(few, " "); got != "201 104 102" {
		t.Errorf("ending: %s", got)
	}
}
