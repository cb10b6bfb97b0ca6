package push_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestAPopOnEveryScreenOfItsAgentOnly(t *testing.T) {
	g := start(t, push.Limits{})
	one, two, other := g.open(t, priya, "s1"), g.open(t, priya, "s2"), g.open(t, agent("102"), "s3")
	for _, b := range []*browser{one, two, other} {
		b.want("hello 0 live 0 recent")
	}
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	g.Update(priya, pop("a", screenpop.Connected))
	g.End(priya, "a", screenpop.EndTerminated, "")
	g.Pop(agent("102"), pop("z", screenpop.Ringing), time.Now())
	for _, b := range []*browser{one, two} {
		b.want("pop a ringing", "update a connected", "end a terminated")
	}
	other.want("pop z ringing") // and nothing of Priya's before it

	if n := g.Screens(priya); n != 2 {
		t.Errorf("%d screens, want 2", n)
	}
	if n := g.sample(t, "smokepop_screens", ""); n != 3 {
		t.Errorf("smokepop_screens is %v, want 3", n)
	}
	if n := g.sample(t, "smokepop_pops_total", "inbound"); n != 2 {
		t.Errorf("smokepop_pops_total is %v, want 2: once for a pop, not for a screen", n)
	}
	eventually(t, "a ring-to-pop time for each pop frame", func() bool { return g.sample(t, "smokepop_ring_to_pop_seconds", "") == 3 })
}

func TestHelloReplaysWhatIsLiveAndRecent(t *testing.T) {
	g := start(t, push.Limits{})
	paired := screenpop.Pairing{State: screenpop.Paired, Account: "priya@firm.example"}
	g.pairings.put(priya, paired)
	for _, id := range []string{"a", "b", "c"} {
		g.Pop(priya, pop(id, screenpop.Ringing), time.Now())
	}
	g.Update(priya, pop("a", screenpop.Connected))
	g.End(priya, "b", screenpop.EndAnsweredElsewhere, "Tom Reed")

	m := g.open(t, priya, "s").read()
	if len(m.Pops) != 2 || m.Pops[0].ID != "a" || m.Pops[0].Call.State != screenpop.Connected || m.Pops[1].ID != "c" {
		t.Errorf("live pops %+v, want a (connected) and c", m.Pops)
	}
	if len(m.Recent) != 1 || m.Recent[0].ID != "b" || m.Recent[0].Reason != screenpop.EndAnsweredElsewhere || m.Recent[0].AnsweredBy != "Tom Reed" || m.Recent[0].Ended.IsZero() {
		t.Errorf("recent %+v, want b", m.Recent)
	}
	if m.Seq != 5 || m.Agent.Name != "Priya Shah" || m.Agent.AgentID != priya || m.Pairing != paired {
		t.Errorf("hello %+v", m)
	}
	late := "no-screen: the agent has no screen open"
	if v := g.notes.verdicts(); !slices.Equal(v, []string{late, late, late, "caught-up: on 1 screen", "caught-up: on 1 screen"}) {
		t.Errorf("trace %q", v)
	}
}

// The trace tells of everything that screens are sent for a call, and how many
// there were.
func TestTraceTellsWhatScreensWereSent(t *testing.T) {
	g := start(t, push.Limits{})
	first, second := g.open(t, priya, "s"), g.open(t, priya, "s")
	first.read()
	second.read()
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	g.Update(priya, pop("a", screenpop.Connected))
	g.Update(priya, pop("unknown", screenpop.Connected))
	g.End(priya, "a", screenpop.EndTerminated, "")
	want := []string{"shown: on 2 screens", "updated: on 2 screens", "ended: on 2 screens"}
	if v := g.notes.verdicts(); !slices.Equal(v, want) {
		t.Errorf("trace %q, want %q", v, want)
	}
}

func TestSeqRisesByOneOverAllScreens(t *testing.T) {
	g := start(t, push.Limits{})
	first := g.open(t, priya, "s1")
	first.read()
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	second := g.open(t, priya, "s2")
	if m := second.read(); m.Seq != 1 {
		t.Errorf("hello of the second has seq %d, want 1", m.Seq)
	}
	g.PairingChanged(priya, screenpop.Pairing{State: screenpop.Paired})
	g.End(priya, "a", screenpop.EndTerminated, "")
	for i, want := range []uint64{1, 2, 3} {
		if m := first.read(); m.Seq != want {
			t.Errorf("message %d of the first has seq %d, want %d", i, m.Seq, want)
		}
	}
	for i, want := range []uint64{2, 3} {
		if m := second.read(); m.Seq != want {
			t.Errorf("message %d of the second has seq %d, want %d", i, m.Seq, want)
		}
	}
}

func TestSeqOutlivesAnEmptyRoom(t *testing.T) {
	g := start(t, push.Limits{})
	b := g.open(t, priya, "s")
	b.read()
	g.PairingChanged(priya, screenpop.Pairing{State: screenpop.Paired})
	g.PairingChanged(priya, screenpop.Pairing{State: screenpop.Expired})
	b.want("pairing paired", "pairing expired")
	b.conn.Close()
	eventually(t, "the screen leaves", func() bool { return g.Screens(priya) == 0 })
	if m := g.open(t, priya, "s").read(); m.Seq < 2 {
		t.Errorf("seq fell to %d", m.Seq)
	}
}

func TestDismissedOnAllScreens(t *testing.T) {
	g := start(t, push.Limits{})
	one, two := g.open(t, priya, "s1"), g.open(t, priya, "s2")
	one.read()
	two.read()
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	one.want("pop a ringing")
	one.send(`{"type":"dismiss","id":"a"}`)
	one.want("end a dismissed")
	two.want("pop a ringing", "end a dismissed")

	// The call goes on, but not on the screens.
	g.Update(priya, pop("a", screenpop.Connected))
	g.End(priya, "a", screenpop.EndTerminated, "")
	g.Pop(priya, pop("b", screenpop.Ringing), time.Now())
	one.want("pop b ringing")
	two.want("pop b ringing")
	m := g.open(t, priya, "s3").read()
	if len(m.Recent) != 1 || m.Recent[0].ID != "a" || m.Recent[0].Reason != screenpop.EndDismissed {
		t.Errorf("recent %+v, want the dismissed pop", m.Recent)
	}
	if v := g.notes.verdicts(); !slices.Contains(v, "dismissed: the agent dismissed the pop") || !slices.Contains(v, "shown: on 2 screens") {
		t.Errorf("trace %q", v)
	}
}

func TestADismissAgainIsNothing(t *testing.T) {
	g := start(t, push.Limits{})
	b := g.open(t, priya, "s")
	b.read()
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	b.send(`{"type":"dismiss","id":"a"}`)
	b.send(`{"type":"dismiss","id":"a"}`)
	b.send(`{"type":"dismiss","id":"never"}`)
	b.want("pop a ringing", "end a dismissed")
	g.PairingChanged(priya, screenpop.Pairing{State: screenpop.Paired})
	b.want("pairing paired")
}

func TestUnpairingEndsAndForgets(t *testing.T) {
	g := start(t, push.Limits{})
	b := g.open(t, priya, "s")
	b.read()
	for _, id := range []string{"a", "b"} {
		g.Pop(priya, pop(id, screenpop.Ringing), time.Now())
	}
	g.End(priya, "a", screenpop.EndTerminated, "")
	g.PairingChanged(priya, screenpop.Pairing{State: screenpop.Unpaired})
	b.want("pop a ringing", "pop b ringing", "end a terminated", "end b dismissed", "pairing unpaired")
	g.open(t, priya, "s").want("hello 0 live 0 recent")
}

// A look-up that comes back in the moment of unpairing shows nothing, whichever
// of the two is first.
func TestNoPopOutlivesUnpairing(t *testing.T) {
	g := start(t, push.Limits{})
	unpaired := screenpop.Pairing{State: screenpop.Unpaired}
	for range 200 {
		g.pairings.put(priya, screenpop.Pairing{State: screenpop.Paired})
		var wg sync.WaitGroup
		wg.Go(func() { g.Pop(priya, pop("late", screenpop.Ringing), time.Now()) })
		wg.Go(func() {
			g.pairings.put(priya, unpaired)
			g.PairingChanged(priya, unpaired)
			g.EndAll(priya)
		})
		wg.Wait()
		if m := g.open(t, priya, "s").read(); len(m.Pops) != 0 || len(m.Recent) != 0 {
			t.Fatalf("live %v recent %v after unpairing", m.Pops, m.Recent)
		}
		g.CloseSession("s", push.SignedOut)
	}
}

func TestForgetAndEndAll(t *testing.T) {
	g := start(t, push.Limits{})
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	g.EndAll(priya)
	b := g.open(t, priya, "s")
	b.want("hello 0 live 1 recent")
	g.Pop(priya, pop("b", screenpop.Ringing), time.Now())
	g.Forget(priya)
	b.want("pop b ringing", "end b dismissed")
	g.open(t, priya, "s").want("hello 0 live 0 recent")
}

func TestCallsWithoutAPopAreRecentAndNothingElse(t *testing.T) {
	g := start(t, push.Limits{RecentPops: 2})
	b := g.open(t, priya, "s")
	b.read()
	g.Pop(priya, pop("shown", screenpop.Ringing), time.Now())
	g.End(priya, "shown", screenpop.EndTerminated, "")
	b.want("pop shown ringing", "end shown terminated")
	for _, id := range []string{"a", "b"} {
		p := pop(id, screenpop.Ringing)
		p.Contacts = nil
		g.Past(priya, screenpop.EndedPop{Pop: p, Ended: time.Now(), Reason: screenpop.EndAnsweredElsewhere, AnsweredBy: "Tom Reed", Outcome: screenpop.OutcomeNotPaired})
		b.want("past " + id + " ringing")
	}
	m := g.open(t, priya, "s2").read()
	if len(m.Pops) != 0 || len(m.Recent) != 2 || m.Recent[0].ID != "a" || m.Recent[1].ID != "b" || m.Recent[1].Outcome != screenpop.OutcomeNotPaired ||
		m.Recent[1].AnsweredBy != "Tom Reed" || m.Recent[1].Contacts == nil {
		t.Errorf("live %v recent %+v", m.Pops, m.Recent)
	}
	if n := g.sample(t, "smokepop_pops_total", "inbound"); n != 1 {
		t.Errorf("%v pops counted, want 1: a call without a pop is none", n)
	}
	g.PairingChanged(priya, screenpop.Pairing{State: screenpop.Unpaired})
	g.open(t, priya, "s3").want("hello 0 live 0 recent")
}

func TestOpenedPopsAreHandedOn(t *testing.T) {
	g := start(t, push.Limits{})
	b := g.open(t, priya, "s")
	b.read()
	for _, id := range []string{"a", "b"} {
		g.Pop(priya, pop(id, screenpop.Ringing), time.Now())
	}
	g.Pop(agent("102"), pop("z", screenpop.Ringing), time.Now())
	g.End(priya, "b", screenpop.EndTerminated, "")
	for _, id := range []string{"never", "b", "z", "a"} { // unknown, over, somebody else's, one's own
		b.send(`{"type":"open","id":"` + id + `"}`)
	}
	b.send(`{"type":"dismiss","id":"a"}`)
	b.want("pop a ringing", "pop b ringing", "end b terminated", "end a dismissed")
	if told := g.openings.all(); !slices.Equal(told, []string{"101 a"}) {
		t.Errorf("handed on %q, want the agent's own live pop only", told)
	}
}

func TestServiceIsToldToTheTenantOnceAChange(t *testing.T) {
	g := start(t, push.Limits{})
	one, two := g.open(t, priya, "s1"), g.open(t, agent("102"), "s2")
	for _, b := range []*browser{one, two} {
		if m := b.read(); m.Service.State != push.ServiceOK {
			t.Errorf("hello says %q", m.Service.State)
		}
	}
	g.Service("other.example.com", push.ServiceNotAnswering)
	g.Service(priya.Tenant, push.ServiceOK) // no news
	g.Service(priya.Tenant, push.ServiceNotAnswering)
	g.Service(priya.Tenant, push.ServiceNotAnswering)
	for i, b := range []*browser{one, two} {
		if m := b.read(); m.String() != "service not-answering" || m.Seq != 1 {
			t.Errorf("screen %d: %q with seq %d", i, m, m.Seq)
		}
	}
	if m := g.open(t, agent("103"), "s3").read(); m.Service.State != push.ServiceNotAnswering {
		t.Errorf("a later hello says %q", m.Service.State)
	}
	g.Service(priya.Tenant, push.ServiceOK)
	one.want("service ok")
	two.want("service ok")
}

// All screens of all tenants hear when their node is cut off from its cluster, and
// those of a daemon alone hear nothing of one.
func TestClusterIsToldToAllOnceAChange(t *testing.T) {
	g := start(t, push.Limits{})
	if m := g.open(t, agent("100"), "s0").read(); m.Cluster.State != "" {
		t.Errorf("hello of a daemon alone says %q", m.Cluster.State)
	}
	g.CloseAgent(agent("100"), push.Restart)
	g.Cluster(push.ClusterWhole)
	one, two := g.open(t, priya, "s1"), g.open(t, agent("102"), "s2")
	if g.CutOff() {
		t.Error("it is cut off")
	}
	for _, b := range []*browser{one, two} {
		if m := b.read(); m.Cluster.State != push.ClusterWhole {
			t.Errorf("hello says %q", m.Cluster.State)
		}
	}
	g.Cluster(push.ClusterCutOff)
	g.Cluster(push.ClusterCutOff)
	if !g.CutOff() {
		t.Error("it is not cut off")
	}
	for i, b := range []*browser{one, two} {
		if m := b.read(); m.String() != "cluster cut-off" {
			t.Errorf("screen %d: %q", i, m)
		}
	}
	if m := g.open(t, agent("103"), "s3").read(); m.Cluster.State != push.ClusterCutOff {
		t.Errorf("a later hello says %q", m.Cluster.State)
	}
	g.Cluster(push.ClusterWhole)
	one.want("cluster whole")
	two.want("cluster whole")
}

// What a pop's contacts say is the call's outcome.
func TestRecentPopsHaveTheirOutcome(t *testing.T) {
	g := start(t, push.Limits{})
	known, card := pop("known", screenpop.Ringing), pop("card", screenpop.Ringing)
	card.Contacts = nil
	for _, p := range []screenpop.Pop{known, card} {
		g.Pop(priya, p, time.Now())
		g.End(priya, p.ID, screenpop.EndTerminated, "")
	}
	m := g.open(t, priya, "s").read()
	if len(m.Recent) != 2 || m.Recent[0].Outcome != screenpop.OutcomeMatched || m.Recent[1].Outcome != screenpop.OutcomeNoMatch {
		t.Errorf("recent %+v", m.Recent)
	}
}

func TestBoundsOfARoom(t *testing.T) {
	g := start(t, push.Limits{LivePops: 2, RecentPops: 2})
	b := g.open(t, priya, "s")
	b.read()
	for i := range 5 {
		g.Pop(priya, pop(fmt.Sprint(i), screenpop.Ringing), time.Now())
	}
	b.want("pop 0 ringing", "pop 1 ringing", "end 0 terminated", "pop 2 ringing", "end 1 terminated", "pop 3 ringing", "end 2 terminated", "pop 4 ringing")
	m := g.open(t, priya, "s").read()
	if len(m.Pops) != 2 || m.Pops[0].ID != "3" || len(m.Recent) != 2 || m.Recent[0].ID != "1" || m.Recent[1].ID != "2" {
		t.Errorf("live %v recent %v", m.Pops, m.Recent)
	}
	if n := g.sample(t, "smokepop_pops_total", "inbound"); n != 5 {
		t.Errorf("%v pops counted, want 5", n)
	}
}

func TestCloseCodes(t *testing.T) {
	g := start(t, push.Limits{})
	for code, do := range map[push.CloseCode]func(session string, a screenpop.AgentID){
		push.SessionRenewed: func(s string, _ screenpop.AgentID) { g.CloseSession(s, push.SessionRenewed) },
		push.SignedOut:      func(s string, _ screenpop.AgentID) { g.CloseSession(s, push.SignedOut) },
		push.EndedByAdmin:   func(_ string, a screenpop.AgentID) { g.CloseAgent(a, push.EndedByAdmin) },
	} {
		t.Run(code.String(), func(t *testing.T) {
			a := agent(fmt.Sprint(int(code)))
			session := "session-" + code.String()
			b, bystander := g.open(t, a, session), g.open(t, priya, "another")
			b.read()
			bystander.read()
			do(session, a)
			b.wantClose(int(code))
			if n := g.sample(t, "smokepop_screens_closed_total", code.String()); n != 1 {
				t.Errorf("counted %v, want 1", n)
			}
			if g.Screens(a) != 0 || g.Screens(priya) == 0 {
				t.Errorf("screens: %d of the agent, %d of another", g.Screens(a), g.Screens(priya))
			}
			bystander.conn.Close()
		})
	}
}

// An admin's words come with the close frame, as far as there is room in one, to
// the screens they are for and to no other.
func TestAnAdminsWordsAreInTheCloseFrame(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for words, want := range map[string]string{
		"": "ended-by-admin", "left the firm": "ended-by-admin: left the firm", long: "ended-by-admin: " + strings.Repeat("ä", 52) + "…",
	} {
		g := start(t, push.Limits{})
		one, another, bystander := g.open(t, priya, "one"), g.open(t, priya, "another"), g.open(t, agent("102"), "one")
		for _, b := range []*browser{one, another, bystander} {
			b.read()
		}
		if words != "" {
			g.Explain(priya, "one", words)
		}
		g.CloseAgent(priya, push.EndedByAdmin)
		g.CloseAgent(agent("102"), push.EndedByAdmin)
		if got := one.closed(int(push.EndedByAdmin)); got != want {
			t.Errorf("%.20q: the reason is %q, want %q", words, got, want)
		}
		for _, b := range []*browser{another, bystander} {
			if got := b.closed(int(push.EndedByAdmin)); got != "ended-by-admin" {
				t.Errorf("%.20q: another screen is told %q", words, got)
			}
		}
	}
}

func TestSignedOutAgentIsForgotten(t *testing.T) {
	g := start(t, push.Limits{})
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	g.CloseAgent(priya, push.SessionRenewed)
	g.open(t, priya, "s").want("hello 1 live 0 recent")
	g.CloseAgent(priya, push.SignedOut)
	g.open(t, priya, "s").want("hello 0 live 0 recent")
}

// changing announces a change at the worst moment: when the hub has been told
// the old state and has not used it yet.
type changing struct {
	rig  *rig
	once sync.Once
}

func (c *changing) Pairing(a screenpop.AgentID) screenpop.Pairing {
	old := c.rig.pairings.Pairing(a)
	c.once.Do(func() {
		c.rig.pairings.put(a, screenpop.Pairing{State: screenpop.Paired})
		c.rig.PairingChanged(a, screenpop.Pairing{State: screenpop.Paired})
	})
	return old
}

func TestAPairingThatChangesDuringTheHandshakeIsNotLost(t *testing.T) {
	g := start(t, push.Limits{})
	asked := push.New(push.Config{Origin: origin, Pairings: &changing{rig: g}})
	first := g.Hub
	g.Hub = asked
	defer func() {
		if err := first.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if m := g.open(t, priya, "s").read(); m.Pairing.State != screenpop.Paired {
		t.Errorf("hello says %q, and nothing follows", m.Pairing.State)
	}
}

// Recent pops go with the agent's last browser, and only then.
func TestSigningOutForgetsWithTheLastScreen(t *testing.T) {
	g := start(t, push.Limits{})
	a, b := g.open(t, priya, "a"), g.open(t, priya, "b")
	a.read()
	b.read()
	g.Pop(priya, pop("1", screenpop.Ringing), time.Now())
	g.End(priya, "1", screenpop.EndTerminated, "")
	g.CloseSession("a", push.SignedOut)
	g.open(t, priya, "c").want("hello 0 live 1 recent")
	g.CloseSession("c", push.SessionRenewed)
	g.CloseSession("b", push.SessionRenewed)
	g.open(t, priya, "d").want("hello 0 live 1 recent")
	g.CloseSession("d", push.SignedOut)
	g.open(t, priya, "e").want("hello 0 live 0 recent")
}

// A session that ends while its socket is being opened leaves none, whichever
// comes first: Valid is false before CloseSession is called.
func TestSessionEndedDuringTheHandshake(t *testing.T) {
	g := start(t, push.Limits{})
	g.valid = func(session string) bool {
		if session == "late" {
			g.CloseSession(session, push.SignedOut) // found: the screen is in its room
			return true
		}
		return false
	}
	for _, session := range []string{"late", "early"} {
		b := g.open(t, priya, session)
		if _, err := b.next(); !websocket.IsCloseError(err, int(push.SignedOut)) {
			t.Errorf("%s: %v, want 4501 and no hello before it", session, err)
		}
	}
}

func TestLimitPerAgent(t *testing.T) {
	g := start(t, push.Limits{ScreensPerAgent: 2})
	first := g.open(t, priya, "s")
	g.open(t, priya, "s")
	_, resp, err := g.try(priya, "s", nil)
	if err == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("a third: %v, %v", err, resp)
	}
	g.open(t, agent("102"), "s").read() // others are not concerned
	first.conn.Close()
	eventually(t, "a place is free", func() bool { return g.Screens(priya) == 1 })
	g.open(t, priya, "s").read()
	if n := g.sample(t, "smokepop_screens_refused_total", "agent-limit"); n != 1 {
		t.Errorf("refused %v, want 1", n)
	}
}

func TestLimitOfTheHub(t *testing.T) {
	g := start(t, push.Limits{Screens: 2})
	g.open(t, agent("1"), "s")
	g.open(t, agent("2"), "s")
	if _, resp, err := g.try(agent("3"), "s", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a third: %v, %v", err, resp)
	}
	if n := g.sample(t, "smokepop_screens", ""); n != 2 {
		t.Errorf("smokepop_screens is %v, want 2", n)
	}
}

func TestCloseTellsEveryBrowser(t *testing.T) {
	g := start(t, push.Limits{})
	var browsers []*browser
	for i := range 20 {
		b := g.open(t, agent(fmt.Sprint(i%5)), "s")
		b.read()
		browsers = append(browsers, b)
	}
	closed := make(chan error, 1)
	go func() { closed <- g.Close(context.Background()) }()
	for _, b := range browsers {
		b.wantClose(int(push.Restart))
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if _, resp, err := g.try(priya, "s", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after close: %v, %v", err, resp)
	}
	if n := g.sample(t, "smokepop_screens", ""); n != 0 {
		t.Errorf("smokepop_screens is %v, want 0", n)
	}
}

// What a flow has drained into the hub before it closes reaches the browsers:
// nobody else knows of these pops.
func TestClosePutsWhatWaitsFirst(t *testing.T) {
	for range 20 {
		g := start(t, push.Limits{})
		b := g.open(t, priya, "s")
		b.read()
		for i := range 50 {
			g.Pop(priya, pop(fmt.Sprint(i), screenpop.Ringing), time.Now())
		}
		closed := make(chan error, 1)
		go func() { closed <- g.Close(context.Background()) }()
		for i := range 50 {
			if m, err := b.next(); err != nil || m.Type != "pop" {
				t.Fatalf("message %d of 50: %v, %v", i, m, err)
			}
		}
		b.wantClose(int(push.Restart))
		if err := <-closed; err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// Close comes back when its context ends, though a browser neither reads nor
// answers.
func TestCloseIsBounded(t *testing.T) {
	g := start(t, push.Limits{CloseGrace: time.Hour, WriteTimeout: time.Hour})
	g.open(t, priya, "s") // does not read, so does not answer the close
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Close(ctx); err == nil {
		t.Error("close said nothing of the screen it cut off")
	}
}

func TestPublishAfterClose(t *testing.T) {
	g := start(t, push.Limits{})
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	g.End(priya, "a", screenpop.EndTerminated, "")
	if n := g.sample(t, "smokepop_pops_total", "inbound"); n != 1 {
		t.Errorf("%v pops counted, want 1: none may be unaccounted for", n)
	}
}
