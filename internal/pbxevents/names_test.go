package pbxevents

import (
	"strings"
	"testing"
)

func TestAliasesAndEventNames(t *testing.T) {
	r := newRig(t, func(t *Tenant) {
		t.Aliases = []FieldAliases{{"call_id", []string{"CallIdent", "callid"}}, {"from", []string{"RemoteParty"}}, {"extension", []string{"Agent"}}}
		t.EventNames = EventNames{Ringing: []string{"Incoming"}, Connected: []string{"up"}, Terminated: []string{"CDR"}}
	})
	play(t, r, []beat{
		{"event=incoming&callident=c&remoteparty=6173998147&agent=101", "accepted 101", ring101},
		{"event=UP&CALLIDENT=c&Agent=101", "accepted 101", conn101},
		{"event=cdr&CallIdent=c", "accepted 101", "101 terminated"},
		{"event=ringing&call_id=d&CallIdent=other&from=6173998147&RemoteParty=6173998148&to=101", "accepted 101", ring101},
	})
	code, body := r.post("/hooks/vodia/"+firm, "application/json", `{"event":"Incoming","CallIdent":"e","RemoteParty":"6173998147","Agent":["101","102"]}`)
	if code != 202 {
		t.Errorf("%d %s", code, body)
	}
	if got := newRig(t, nil).send("event=incoming&call_id=c&from=6173998147&to=101"); got != "state" {
		t.Errorf("a tenant without event names was answered %q", got)
	}
}

func TestAliasesThatMeanSomethingElse(t *testing.T) {
	for _, c := range []struct {
		aliases []FieldAliases
		events  EventNames
		want    string
	}{
		{[]FieldAliases{{"from", []string{"x", "TO"}}}, EventNames{}, `pbx.aliases.from[1]: "TO" is a built-in name of the field to`},
		{[]FieldAliases{{"from", []string{"x"}}, {"to", []string{"X"}}}, EventNames{}, `pbx.aliases.to[0]: "X" is an alias of the field from already`},
		{[]FieldAliases{{"form", []string{"x"}}}, EventNames{}, "pbx.aliases.form: there is no such field"},
		{[]FieldAliases{{"from", []string{""}}}, EventNames{}, "pbx.aliases.from[0]: is empty"},
		{[]FieldAliases{{"from", make([]string, 33)}}, EventNames{}, "pbx.aliases.from: has 33 names"},
		{nil, EventNames{Connected: []string{"Hangup"}}, `pbx.event_names.connected[0]: "Hangup" is a built-in name of terminated`},
		{nil, EventNames{Ringing: []string{"x"}, Terminated: []string{"X"}}, `pbx.event_names.terminated[0]: "X" is a name of ringing already`},
		{nil, EventNames{Ringing: []string{""}}, "pbx.event_names.ringing[0]: is empty"},
	} {
		tenant := usTenant(t)
		tenant.Aliases, tenant.EventNames = c.aliases, c.events
		_, err := New([]Tenant{tenant}, Deps{Directory: staff(), Sink: &basket{}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	tenant := usTenant(t)
	tenant.Aliases = []FieldAliases{{"from", []string{"caller", "x", "X"}}}
	tenant.EventNames = EventNames{Ringing: []string{"newcall", "x", "X"}}
	if _, err := New([]Tenant{tenant}, Deps{Directory: staff(), Sink: &basket{}}); err != nil {
		t.Errorf("names that mean the same already: %v", err)
	}
}
