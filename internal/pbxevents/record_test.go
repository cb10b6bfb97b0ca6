package pbxevents

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// line is the last trace line, as it is read by others: through JSON.
func (r *rig) line(t *testing.T) screenpop.TraceEntry {
	t.Helper()
	all := r.trace.all()
	if len(all) == 0 {
		t.Fatal("nothing was recorded")
	}
	b, err := json.Marshal(all[len(all)-1])
	if err != nil {
		t.Fatal(err)
	}
	var e screenpop.TraceEntry
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func came(e screenpop.TraceEntry) string {
	var b []string
	if e.TraceFacts == nil {
		return ""
	}
	for _, f := range e.Fields.All() {
		one := f.Name
		if f.Field != "" {
			one += "=" + f.Field
		}
		b = append(b, one+" "+f.Shape)
	}
	return strings.Join(b, "; ")
}

// The trace has an event as it came: names and shapes, and no value.
func TestTraceHasTheEventAsItCame(t *testing.T) {
	r := newRig(t, func(t *Tenant) { t.Aliases = []FieldAliases{{Field: "from", Names: []string{"RemoteParty"}}} })
	r.post("/hooks/vodia/"+firm+"/newcall/101", "application/json",
		`{"call_id":"c1@pbx","RemoteParty":"\"Jane Roe\" <sip:+16173998147@h>","callee":"16175550100","from-display":"Jane Roe","dir":"in","queue":"{queue}","colour":"blue","Jane Roe":1}`)
	e := r.line(t)
	want := "event newcall; call_id text(6); remoteparty=from quoted-name+uri of +digits(11) ending in 47; callee=to digits(11) ending in 00; " +
		"extension digits(3); dir=direction in; from-display=from_name text(8)"
	if got := came(e); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !slices.Equal(e.Unknown, []string{"colour", "(not a name)"}) || !slices.Equal(e.Agents, []screenpop.Extension{"101"}) || e.Leg != "" || e.Rule != "" {
		t.Errorf("%+v", e.TraceFacts)
	}
	b, _ := json.Marshal(r.trace.all())
	for _, secret := range []string{"8147", "Jane", "55501", "blue"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the trace holds %q: %s", secret, b)
		}
	}
}

// Each line says by which rule an event was skipped, as the configuration has it.
func TestTraceNamesTheRule(t *testing.T) {
	for _, tc := range []struct{ event, verdict, rule string }{
		{"event=ringing&call_id=c&from=101&to=*97", "star-code", "pbx.star_prefixes"},
		{"event=ringing&call_id=c&from=101&to=102", "internal-call", "agents"},
		{"event=ringing&call_id=c&from=101&to=444", "internal-call", "pbx.internal.extensions"},
		{"event=ringing&call_id=c&from=101&to=8102", "internal-call", "pbx.internal.mailbox_prefix"},
		{"event=ringing&call_id=c&from=6173998147&to=199", "unknown-extension", "agents"},
		{"event=ringing&call_id=c&from=6173998147&to=150", "out-of-scope", "scope"},
		{"event=ringing&call_id=c&from=anonymous&to=101", "no-number", "caller id"},
		{"event=ringing&call_id=c&from=6173998149&to=101", "ignored-number", "pbx.ignore_numbers"},
		{"event=ringing&call_id=known&from=6173998147&to=101", "duplicate", "order of events"},
		{"event=terminated&call_id=c&extension=101", "out-of-order", "order of events"},
		{"event=registered", "state", "pbx.event_names"},
		{"event=ringing&call_id=c", "malformed", ""},
		{"event=ringing", "malformed", ""},
	} {
		r := newRig(t, func(t *Tenant) {
			t.Scope = Scope{Groups: []string{"intake"}}
			t.Ignore = []screenpop.Number{t.Numbers.Parse("6173998149")}
			t.MailboxPrefix = "8"
		})
		r.send("event=ringing&call_id=known&from=6173998147&to=101")
		r.send(tc.event)
		if e := r.line(t); e.Verdict != tc.verdict || e.Rule != tc.rule || e.Detail == "" {
			t.Errorf("%s: %s by %q (%s), want %s by %q", tc.event, e.Verdict, e.Rule, e.Detail, tc.verdict, tc.rule)
		}
	}
}

// Events of a leg stand under the id that the call's pop goes by.
func TestTraceKeepsACallTogether(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=leg1&primary_call_id=call&from=6173998147&to=101")
	if e := r.line(t); e.Call != "call" || e.Leg != "leg1" {
		t.Errorf("call %q, leg %q", e.Call, e.Leg)
	}
	r.send("event=connected&call_id=leg1&from=6173998147&to=101")
	if e := r.line(t); e.Call != "call" || e.Leg != "leg1" || e.Verdict != "accepted" {
		t.Errorf("call %q, leg %q: %s", e.Call, e.Leg, e.Verdict)
	}
}

// Strangers leave no line: what they send must not push out what is looked for.
func TestTraceKeepsStrangersOut(t *testing.T) {
	r := newRig(t, guarded)
	r.post("/hooks/vodia/"+firm, "application/json", `{"event":`)
	r.post("/hooks/vodia/nobody.example", "application/json", `{"event":`)
	if all := r.trace.all(); len(all) > 0 {
		t.Errorf("recorded %+v", all)
	}
}

// builtInName and builtInField are one table, written twice for speed.
func TestBuiltInNames(t *testing.T) {
	for id := range fOther {
		for place := 0; builtInName(id, place) != ""; place++ {
			if at, p := builtInField(builtInName(id, place)); at != id || p != place {
				t.Errorf("%s is field %d at %d, want %d at %d", builtInName(id, place), at, p, id, place)
			}
		}
		if fieldNames[id] != builtInName(id, 0) {
			t.Errorf("field %d is called %s and %s", id, fieldNames[id], builtInName(id, 0))
		}
	}
}
