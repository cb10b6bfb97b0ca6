package simulator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
	"pgregory.net/rapid"
)

func recordings(t *testing.T) []Recording {
	t.Helper()
	all, err := Recordings()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func recording(t *testing.T, name string) Recording {
	t.Helper()
	for _, r := range recordings(t) {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no recording %q", name)
	return Recording{}
}

const goodRecording = `
title: a call
covers: [plain]
firm: us
calls:
  c1:
    direction: inbound
    from: "+16175550142"
    to: "+16175550100"
    shows: {number: "+16175550142", contacts: [Maria Castellanos]}
timeline:
  - {at: 1s, send: newcall, call: c1, ext: "101"}
  - see: {"101": {pops: [c1 ringing]}}
  - {at: 2s, send: call, call: c1, ext: "101"}
  - see: {"101": {recent: [c1 missed]}}
`

func TestReadRecording(t *testing.T) {
	r, err := ReadRecording("a-call", strings.NewReader(goodRecording))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Steps) != 2 || r.Steps[1].At != 2*time.Second || r.Steps[0].Extension != "101" || r.Steps[0].From != "+16175550142" {
		t.Errorf("%+v", r.Steps)
	}
	if len(r.Sights) != 2 || r.Sights[0].After != 1 || r.Sights[1].At != 2*time.Second || len(r.Sights[0].Views) != 6 {
		t.Fatalf("%+v", r.Sights)
	}
	pop := r.Sights[0].Views["101"].Pops[0]
	if pop.Call != "c1" || pop.Direction != "inbound" || pop.State != "ringing" || pop.Contacts[0] != "Maria Castellanos" {
		t.Errorf("%+v", pop)
	}
	if e := r.End().Views["101"].Recent[0]; e.How != EndedMissed || e.Number != "+16175550142" {
		t.Errorf("%+v", e)
	}
}

func TestReadRecordingSaysWhatIsWrong(t *testing.T) {
	for _, row := range []struct{ old, new, want string }{
		{"title: a call", "titel: a call", "titel"},
		{"title: a call", "title: ''", "title: say in a line"},
		{"[plain]", "[plane]", `unknown property "plane"`},
		{"[plain]", "[]", "covers: name at least one"},
		{"firm: us", "firm: nz", `firm "nz": use us, au or gb`},
		{"firm: us", "firm: us\nonly: fax", `only: "fax"`},
		{"direction: inbound", "direction: in", `calls.c1.direction: "in"`},
		{"direction: inbound", "queue: ''", "calls.c1.shows.direction: needed"},
		{"[Maria Castellanos]", "[Mia Castellanos]", "the firm does not have"},
		{`to: "+16175550100"`, "to: ''", "from and to are needed"},
		{"send: newcall", "send: newcal", `timeline[0].send: "newcal"`},
		{`call: c1, ext: "101"}`, `call: c2, ext: "101"}`, `timeline[0].call: "c2" is not in calls`},
		{`ext: "101"}`, `ext: "999"}`, `timeline[0].ext: the firm has no extension "999"`},
		{"at: 2s", "at: 500ms", "timeline[2].at: 500ms is before 1s"},
		{`see: {"101": {pops`, `see: {"901": {pops`, `timeline[1].see: the firm has no extension "901"`},
		{"c1 ringing", "c1 singing", "say a call and ringing or connected"},
		{"c1 ringing", "c9 ringing", `call "c9" shows nothing`},
		{"c1 missed", "c1 answered by", "say a call and missed, ended or answered by somebody"},
		{"recent: [c1 missed]", "pops: [c1 ringing]", "at the end 101 still sees a pop"},
		{`  - see: {"101": {recent: [c1 missed]}}`, "", "has to end with what the agents see"},
		{`see: {"101": {pops: [c1 ringing]}}`, "at: 1s", "timeline[1]: send or see is needed"},
	} {
		text := strings.Replace(goodRecording, row.old, row.new, 1)
		if _, err := ReadRecording("x", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "recording x: ") {
			t.Errorf("%s -> %s: %v, want %q", row.old, row.new, err, row.want)
		}
	}
}

// A variant has the same events, and holds no more than is certain.
func TestVariantsKeepTheEvents(t *testing.T) {
	all := recordings(t)
	rapid.Check(t, func(rt *rapid.T) {
		r := rapid.SampledFrom(all).Draw(rt, "recording")
		v := rapid.SampledFrom(Variations()).Draw(rt, "variation")
		before := slices.Clone(r.Steps)
		got := r.Vary(v, func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") })
		if !slices.Equal(r.Steps, before) {
			rt.Fatal("the recording itself has changed")
		}
		seen := map[string]int{}
		var last time.Duration
		for i, s := range got.Steps {
			seen[s.ID]++
			if s.At < last {
				rt.Fatalf("step %d is before its predecessor", i)
			}
			last = s.At
		}
		if len(seen) != len(before) || v != Repeats && v != ShufflesAndRepeats && len(got.Steps) != len(before) {
			rt.Fatalf("%d events of %d", len(seen), len(before))
		}
		if (v == Repeats) == got.End().Loose || got.End().After != len(got.Steps) || v == Repeats && len(got.Sights) != len(r.Sights) {
			rt.Fatalf("%d sights of %d: %+v", len(got.Sights), len(r.Sights), got.End())
		}
		if v == Interleaves {
			order := map[string][]string{}
			for _, s := range got.Steps {
				order[s.CallID+s.Extension] = append(order[s.CallID+s.Extension], s.ID)
			}
			for _, s := range before {
				k := s.CallID + s.Extension
				if order[k][0] != s.ID {
					rt.Fatalf("leg %s is out of its order", k)
				}
				order[k] = order[k][1:]
			}
		}
	})
}

func TestRenamed(t *testing.T) {
	r := recording(t, "two-devices")
	got := r.Renamed("x-")
	if s := got.Steps[1]; s.CallID != "x-c1-desk" || s.Primary != "x-c1" || !strings.HasPrefix(s.ID, "x-c1-e") {
		t.Errorf("%+v", s)
	}
	if got.Steps[0].Primary != "" || got.Sights[0].Views["201"].Pops[0].Call != "x-c1" || got.End().Views["201"].Recent[0].Call != "x-c1" {
		t.Errorf("%+v", got)
	}
	if r.Steps[0].CallID != "c1" || r.Sights[0].Views["201"].Pops[0].Call != "c1" || r.End().Views["201"].Recent[0].Call != "c1" {
		t.Error("the recording itself has changed")
	}
}
