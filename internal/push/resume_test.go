package push_test

import (
	"testing"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// A pop that came over a restart is in hello and is news to nobody: it is not
// counted, and what it becomes is an update.
func TestResumedPopIsInHelloAndNotNew(t *testing.T) {
	g := start(t, push.Limits{})
	carried := pop("c", screenpop.Ringing)
	carried.Contacts, carried.Pending = nil, true
	g.Resume(priya, carried)
	g.Resume(priya, carried) // once is enough
	b := g.open(t, priya, "s")
	b.want("hello 1 live 0 recent")
	if !g.Live(priya, "c") || g.Live(agent("102"), "c") || g.Live(priya, "d") {
		t.Error("live is told wrongly")
	}
	g.Update(priya, pop("c", screenpop.Connected))
	if m := b.read(); m.Type != "update" || m.Pop.ID != "c" {
		t.Errorf("the screen hears %+v", m)
	}
	if n := g.sample(t, "smokepop_pops_total", "inbound"); n != 0 {
		t.Errorf("%v pops counted", n)
	}
	g.End(priya, "c", screenpop.EndTerminated, "")
	if g.Live(priya, "c") {
		t.Error("live after its end")
	}
}

// Ended before its contacts were found again, nothing is said of whose number
// it is.
func TestResumedPopThatEndsEarlyIsNoUnknownCaller(t *testing.T) {
	g := start(t, push.Limits{})
	carried := pop("c", screenpop.Ringing)
	carried.Contacts, carried.Pending = nil, true
	g.Resume(priya, carried)
	g.End(priya, "c", screenpop.EndTerminated, "")
	b := g.open(t, priya, "s")
	hello := b.read()
	if len(hello.Recent) != 1 || hello.Recent[0].Outcome != screenpop.OutcomeTooLate {
		t.Errorf("hello is %+v", hello)
	}
}

func TestNothingIsResumedForWhoHasUnpaired(t *testing.T) {
	g := start(t, push.Limits{})
	g.pairings.put(priya, screenpop.Pairing{State: screenpop.Unpaired})
	g.Resume(priya, pop("c", screenpop.Ringing))
	if g.Live(priya, "c") {
		t.Error("it is live")
	}
}
