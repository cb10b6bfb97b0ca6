package simulator_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func everyScenario(f *Firm) map[string]Scenario {
	s := Setup{ID: "c-1", Agent: "101", Caller: f.Callers[0]}
	stranger := Setup{ID: "c-1", Agent: "101", Caller: Caller{Line: US("401", "5550164")}}
	return map[string]Scenario{
		"inbound": f.InboundAnswered(s), "unknown": f.InboundAnswered(stranger), "missed": f.InboundMissed(s), "outbound": f.Outbound(s),
		"ring group": f.RingGroup(s), "queue": f.Queue(s), "withheld": f.Withheld(s), "star code": f.StarCode(s, "*97"),
		"internal": f.Internal(s, "102"), "mailbox": f.Internal(s, "8102"), "transfer": f.Transfer(s, "104"),
		"second call": f.SecondCall(s, Setup{ID: "c-2", Caller: f.Callers[1]}),
	}
}

// A phone is never connected before it rings nor over before either, every
// call ends where it began, and no event id comes twice.
func TestScenariosAreSound(t *testing.T) {
	for name, sc := range everyScenario(NewFirm()) {
		rank := map[EventKind]int{NewCall: 1, Connect: 2, CallEnd: 3}
		state, ids := map[string]int{}, map[string]bool{}
		var last time.Duration
		steps := slices.Clone(sc.Steps)
		slices.SortStableFunc(steps, func(a, b Step) int { return int(a.At - b.At) })
		for _, st := range steps {
			key := st.CallID + " " + st.Extension
			if rank[st.Event] <= state[key] || state[key] == 0 && st.Event != NewCall {
				t.Errorf("%s: %s at %s after state %d", name, st.Event, key, state[key])
			}
			state[key] = rank[st.Event]
			if ids[st.ID] || st.ID == "" {
				t.Errorf("%s: event id %q", name, st.ID)
			}
			ids[st.ID] = true
			last = st.At
		}
		for key, s := range state {
			if s != 3 {
				t.Errorf("%s: %s never ends", name, key)
			}
		}
		if last == 0 || len(sc.Expected) == 0 || sc.Summary == "" || sc.Kind == "" {
			t.Errorf("%s: %+v", name, sc)
		}
		for _, e := range sc.Expected {
			if (len(e.Names) == 0) != (e.Why != "") {
				t.Errorf("%s: %+v shows and does not show", name, e)
			}
		}
	}
}

func TestLegends(t *testing.T) {
	all := everyScenario(NewFirm())
	for name, want := range map[string]string{
		"inbound":     "inbound (617) 555-0142 -> 101: Maria Castellanos",
		"unknown":     "inbound (401) 555-0164 -> 101: no pop, nobody has the number",
		"missed":      "inbound (617) 555-0142 -> 101, missed: Maria Castellanos",
		"outbound":    "outbound 101 -> (617) 555-0142: Maria Castellanos",
		"ring group":  "inbound (617) 555-0142 -> 600 Intake, 101 answers: Maria Castellanos",
		"withheld":    "inbound (withheld) -> 101: no pop, withheld number",
		"star code":   "101 dials *97: no pop, star code",
		"internal":    "internal 101 -> 102: no pop, internal call",
		"transfer":    "inbound (617) 555-0142 -> 101, transferred to 104: Maria Castellanos",
		"second call": "inbound (617) 555-0142 -> 101, and (508) 555-0117 waits: Maria Castellanos, James Whitaker",
	} {
		if got := all[name].Legend(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	at := time.Date(2026, 8, 3, 12, 1, 3, 0, time.UTC)
	if got := (Announcement{at, all["inbound"]}).String(); got != "12:01:03 inbound (617) 555-0142 -> 101: Maria Castellanos" {
		t.Errorf("%q", got)
	}
}

func TestRingGroupEndsElsewhere(t *testing.T) {
	sc := everyScenario(NewFirm())["ring group"]
	ends := map[string]string{}
	for _, e := range sc.Expected {
		ends[e.Extension] = e.End + e.AnsweredBy
	}
	if len(ends) != 3 || ends["101"] != "terminated" || ends["102"] != "answered-elsewherePriya Shah" || ends["103"] != "answered-elsewherePriya Shah" {
		t.Errorf("%v", ends)
	}
}

func TestDisorderTouchesOnlyItsCopy(t *testing.T) {
	f := NewFirm()
	sc := everyScenario(f)["ring group"]
	before := slices.Clone(sc.Steps)
	kinds := func(s Scenario) string {
		var out []string
		steps := slices.Clone(s.Steps)
		slices.SortStableFunc(steps, func(a, b Step) int { return int(a.At - b.At) })
		for _, st := range steps {
			out = append(out, string(st.Event)+st.Extension)
		}
		return strings.Join(out, " ")
	}
	whole := "newcall newcall101 newcall102 newcall103 connect101 call102 call103 call101 call"
	for name, row := range map[string]struct {
		got  Scenario
		want string
	}{
		"as it is": {sc, whole},
		"without":  {sc.Without(4), strings.Replace(whole, "connect101 ", "", 1)},
		"repeated": {sc.Repeated(4), strings.Replace(whole, "connect101", "connect101 connect101", 1)},
		"swapped":  {sc.Swapped(3), strings.Replace(whole, "newcall103 connect101", "connect101 newcall103", 1)},
		"delayed":  {sc.Delayed(1, time.Hour), strings.Replace(whole, "newcall101 ", "", 1) + " newcall101"},
	} {
		if got := kinds(row.got); got != row.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	shuffled := sc.Shuffled(r)
	if got := kinds(shuffled); got == whole || len(got) != len(whole) {
		t.Errorf("shuffled: %s", got)
	}
	if n := len((Disorder{Repeat: 1}).Apply(r, sc).Steps); n != 2*len(before) {
		t.Errorf("everything repeated: %d", n)
	}
	if n := len((Disorder{Drop: 1}).Apply(r, sc).Steps); n != 0 {
		t.Errorf("everything dropped: %d", n)
	}
	(Disorder{Swap: 1, Delay: 1}).Apply(r, sc)
	if !slices.Equal(sc.Steps, before) {
		t.Error("the scenario itself has changed")
	}
}
