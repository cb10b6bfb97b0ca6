package web_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// besides gives an office the hub of another machine, which a page that looks for
// one comes to.
func besides(o *office) {
	o.other = push.New(push.Config{Origin: o.origin, Pairings: o})
	o.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = o.other.Close(ctx)
	})
}

// disturbed notes what of the page an agent might see while it is none of his or
// her business: its connection, and cards that go.
const disturbed = `(window.seen = [],
	new MutationObserver(() => seen.push(document.getElementById('connection').dataset.state)).observe(document.getElementById('connection'), { attributes: true }),
	new MutationObserver((all) => all.forEach((m) => m.removedNodes.forEach((n) => seen.push('gone: ' + n.dataset?.popId)))).observe(document.getElementById('pops'), { childList: true }),
	document.getElementById('announce').textContent = 'heard')`

// until waits until something holds of the office.
func (o *office) until(what string, holds func() bool) {
	o.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("never: %s", what)
		}
	}
}

func screensAt(hub *push.Hub, n int) func() bool {
	return func() bool { return hub.Screens(agent.AgentID) == n }
}

// A machine of several that is cut off from the others says so. The page moves to
// another without a sign, shows what comes in there, and keeps its first socket
// until the calls are over that only the first machine knows.
func TestBrowserMovesFromAMachineThatIsCutOff(t *testing.T) {
	o, b := joined(t, besides)
	both, here := ring("both", "Mary"), ring("here", "John")
	o.hub.Pop(agent.AgentID, both, time.Now())
	o.other.Pop(agent.AgentID, both, time.Now())
	o.hub.Pop(agent.AgentID, here, time.Now())
	b.state(`[data-pop-id="here"]`, "ringing")
	b.js(disturbed)

	o.hub.Cluster(push.ClusterCutOff)
	o.until("the page is at the other machine", screensAt(o.other, 1))
	o.other.Update(agent.AgentID, func() screenpop.Pop { p := both; p.Call.State = screenpop.Connected; return p }())
	b.state(`[data-pop-id="both"]`, "connected")
	if got := b.js(`seen.join() + document.getElementById('announce').textContent`); got != "heard" {
		t.Errorf("the agent sees the page move: %s", got)
	}
	// What the first machine alone knows is shown as it goes on there, and
	// what both know as it goes on at the other.
	o.hub.End(agent.AgentID, "both", screenpop.EndTerminated, "")
	o.hub.Pop(agent.AgentID, ring("late", "Ann"), time.Now())
	b.state(`[data-pop-id="late"]`, "ringing")
	b.state(`[data-pop-id="both"]`, "connected")
	o.hub.End(agent.AgentID, "here", screenpop.EndTerminated, "")
	b.state(`[data-pop-id="here"]`, "ended")
	if !screensAt(o.hub, 1)() {
		t.Error("the page has left the first machine, which alone knows of a call")
	}
	// A call that is dismissed is dismissed where it is known.
	b.js(`(document.querySelector('[data-pop-id="late"] .pop-dismiss').click(), 1)`)
	o.until("the page has left the first machine", screensAt(o.hub, 0))
	o.until("the first machine hears that the pop is dismissed", func() bool { return !o.hub.Live(agent.AgentID, "late") })
	o.other.Pop(agent.AgentID, ring("there", "Lee"), time.Now())
	b.state(`[data-pop-id="there"]`, "ringing")
	if got := b.js(`[...document.querySelectorAll('#pops .pop:not([data-state="ended"])')].map((p) => p.dataset.popId).sort().join()`); got != "both,there" {
		t.Errorf("the page shows %s", got)
	}
	if got := b.js(`document.getElementById('connection').dataset.state + seen.filter((s) => !s.startsWith('gone'))`); got != "connected" {
		t.Errorf("the connection was %s", got)
	}
}

// Where all machines are cut off, a page stays where it is: calls that come in
// there are shown. Once its machine hears the others again it looks no further.
func TestBrowserStaysWhereAllAreCutOff(t *testing.T) {
	o, b := joined(t, besides)
	b.js(disturbed)
	o.other.Cluster(push.ClusterCutOff)
	b.js(`(window.looked = 0, window.WebSocket = class extends WebSocket { constructor(...all) { super(...all); looked++; } }, 1)`)
	o.hub.Cluster(push.ClusterCutOff)
	b.until(`looked > 1`)
	o.hub.Pop(agent.AgentID, ring("here", "John"), time.Now())
	b.state(`[data-pop-id="here"]`, "ringing")
	o.hub.Cluster(push.ClusterWhole)
	o.hub.End(agent.AgentID, "here", screenpop.EndTerminated, "") // comes after it
	b.state(`[data-pop-id="here"]`, "ended")
	o.other.Cluster(push.ClusterWhole)
	o.until("nobody looks for another machine", screensAt(o.other, 0))
	if got := b.js(`seen.join()`); got != "" {
		t.Errorf("the agent sees the page look: %s", got)
	}
	if !screensAt(o.hub, 1)() {
		t.Error("the page has moved")
	}
}

// The first machine comes to an end before the calls do that it alone knows:
// nobody will tell of them any more, and the page does not show them for ever.
func TestBrowserEndsWhatNobodyTellsOf(t *testing.T) {
	o, b := joined(t, besides)
	o.hub.Pop(agent.AgentID, ring("here", "John"), time.Now())
	b.state(`[data-pop-id="here"]`, "ringing")
	o.hub.Cluster(push.ClusterCutOff)
	o.until("the page is at the other machine", screensAt(o.other, 1))
	b.js(disturbed)
	o.hub.CloseAgent(agent.AgentID, push.Restart)
	b.state(`[data-pop-id="here"]`, "ended")
	o.other.Pop(agent.AgentID, ring("there", "Lee"), time.Now())
	b.state(`[data-pop-id="there"]`, "ringing")
	if got := b.js(`seen.filter((s) => !s.startsWith('gone')).join()`); got != "" {
		t.Errorf("the agent sees %s", got)
	}
}

// How long a page waits before one try after the other, at the least and at the
// most: the first tries of thousands of pages that have lost one machine are spread
// over half a second, and who was told to come back need not wait.
func TestBrowserTriesAgainSoonAndThenSeldom(t *testing.T) {
	o, b := joined(t)
	src := b.js(`performance.getEntriesByType('resource').map((e) => e.name).find((n) => n.endsWith('/socket.js'))`)
	waits := func(chance, code, want string) string {
		b.do(chromedp.Navigate(o.origin))
		b.state("#connection", "connected")
		b.js(`(async () => {
			const { Connection } = await import('` + src + `');
			const waits = [], later = setTimeout;
			window.WebSocket = class { constructor() { later(() => this.onclose?.({ code: ` + code + ` })); } close() {} };
			window.setTimeout = (f, ms) => {
				if (ms === 15_000) return 0; // for hello
				if (ms === 10) return later(f, ms); // this test's own
				waits.push(Math.round(ms));
				if (waits.length === ` + strconv.Itoa(strings.Count(want, ",")+1) + `) window.waited = waits.join(); else later(f);
				return 0;
			};
			Math.random = () => ` + chance + `;
			new Connection({ message() {}, state() {}, stopped() {}, signedIn: async () => true }).now();
		})()`)
		b.until(`window.waited`)
		return b.js(`waited`)
	}
	for _, c := range []struct{ chance, code, want string }{
		{"0", "1006", "50,300,300,400,500,1000,2000,4000,8000"},
		{"1", "1006", "500,600,600,800,1000,2000,4000,8000,16000,30000,30000"},
		{"0", "4000", "0,300,300,400,500,1000,2000,4000,8000"},
		{"1", "4000", "250,600,600,800,1000,2000,4000,8000,16000,30000,30000"},
	} {
		if got := waits(c.chance, c.code, c.want); got != c.want {
			t.Errorf("after code %s, with chance %s: %s ms, want %s", c.code, c.chance, got, c.want)
		}
	}
}
