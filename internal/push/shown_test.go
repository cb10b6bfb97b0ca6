package push_test

import (
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// numbered is a pop of a call with number.
func numbered(id, number string) screenpop.Pop {
	p := pop(id, screenpop.Ringing)
	p.Call.Number = screenpop.Number{Canonical: number, Display: number}
	return p
}

func TestOnlyAnAgentsOwnNumbersWereShown(t *testing.T) {
	g := start(t, push.Limits{RecentPops: 2})
	tom := agent("102")
	g.Pop(priya, numbered("live", "+16173998147"), time.Now())
	g.Pop(priya, numbered("over", "+442079460958"), time.Now())
	g.End(priya, "over", screenpop.EndTerminated, "")
	g.Past(priya, screenpop.EndedPop{Pop: numbered("quiet", "131114"), Ended: time.Now(), Reason: screenpop.EndTerminated})
	g.Pop(tom, numbered("his", "+61242248120"), time.Now())
	g.Pop(tom, numbered("star", "*97"), time.Now())
	g.Pop(tom, numbered("withheld", ""), time.Now())

	for _, c := range []struct {
		agent       screenpop.AgentID
		pop, number string
		want        bool
	}{
		{priya, "", "+16173998147", true},
		{priya, "live", "+16173998147", true},
		{priya, "", "+442079460958", true},
		{priya, "over", "+442079460958", true},
		{priya, "quiet", "131114", true},
		{priya, "over", "+16173998147", false}, // another call's
		{priya, "never", "+16173998147", false},
		{priya, "", "+61242248120", false}, // another agent's
		{priya, "his", "+61242248120", false},
		{tom, "", "+61242248120", true},
		{tom, "", "+16173998147", false},
		{tom, "star", "*97", false},
		{tom, "withheld", "", false},
		{priya, "", "6173998147", false}, // another form
		{agent("103"), "", "+16173998147", false},
		{screenpop.AgentID{Tenant: "other.example.com", Extension: priya.Extension}, "", "+16173998147", false},
	} {
		if got := g.Shown(c.agent, c.pop, c.number); got != c.want {
			t.Errorf("%s, pop %q, number %q: %v, want %v", c.agent, c.pop, c.number, got, c.want)
		}
	}

	g.Past(priya, screenpop.EndedPop{Pop: numbered("later", "+16175550100"), Ended: time.Now(), Reason: screenpop.EndTerminated})
	if g.Shown(priya, "", "+442079460958") {
		t.Error("a number outlives its place among the recent calls")
	}
	g.PairingChanged(priya, screenpop.Pairing{State: screenpop.Unpaired})
	for _, n := range []string{"+16173998147", "131114", "+16175550100"} {
		if g.Shown(priya, "", n) {
			t.Errorf("%s outlives the pairing", n)
		}
	}
}
