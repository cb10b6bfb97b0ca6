package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Each frame's time is taken before the page hears of it, in the animation
// frame that comes after the page has rendered it, and once more in the first
// task after that, when it is laid out and painted.
// What an animation frame takes in which nothing has changed is measured
// beside it: it is the machine's share.
const watchFrames = `window.took = []; window.idle = []; window.frame = [];
window.idler = () => {
	const asked = performance.now();
	requestAnimationFrame(() => {
		const { port1, port2 } = new MessageChannel();
		port1.onmessage = () => idle.push(performance.now() - asked);
		port2.postMessage(0);
	});
};
window.WebSocket = class extends WebSocket {
	constructor(...a) {
		super(...a);
		this.addEventListener('message', () => {
			const arrived = performance.now();
			requestAnimationFrame(() => {
				frame.push(performance.now() - arrived);
				const { port1, port2 } = new MessageChannel();
				port1.onmessage = () => took.push(performance.now() - arrived);
				port2.postMessage(0);
			});
		});
	}
};`

// BenchmarkFrameToPixels is the time from a frame's arrival in the page to the
// animation frame after it was rendered (ms) and to that one's end (painted-ms),
// while 20 calls of twelve matches each are live; a frame is a new call, a
// change or an end. At 60 Hz two frames are 33.3 ms.
func BenchmarkFrameToPixels(b *testing.B) {
	o, tab := joined(b)
	tab.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchFrames})
		return err
	}), chromedp.Reload())
	tab.state("#connection", "connected")
	const live = 20
	for i := range live {
		p := twelve(fmt.Sprint("p", i))
		o.hub.Pop(agent.AgentID, p, time.Now())
	}
	tab.count("#pops > li", live)
	tab.until(fmt.Sprintf(`took.length > %d`, live)) // hello too
	const samples = 200
	for b.Loop() {
		tab.js(`(took.length = idle.length = frame.length = 0, 1)`)
		frames := 0
		for i := range samples {
			id := fmt.Sprint("p", i%live)
			p := twelve(id)
			if i/live%2 == 0 {
				p.Call.State, p.Contacts[0].Matters = screenpop.Connected, openMatters
				o.hub.Update(agent.AgentID, p)
				frames++
			} else { // it is over, and the next call is there: two frames
				o.hub.End(agent.AgentID, id, screenpop.EndDismissed, "")
				o.hub.Pop(agent.AgentID, p, time.Now())
				frames += 2
			}
			tab.until(fmt.Sprintf(`took.length >= %d`, frames))
			tab.js(`idler()`)
			tab.until(fmt.Sprintf(`idle.length > %d`, i))
		}
		for of, unit := range map[string]string{"frame": "ms", "took": "painted-ms", "idle": "idle-ms"} {
			var times []float64
			if err := json.Unmarshal([]byte(tab.js(`JSON.stringify(`+of+`)`)), &times); err != nil {
				b.Fatal(err)
			}
			slices.Sort(times)
			for name, share := range map[string]float64{"p50-": .5, "p95-": .95} {
				b.ReportMetric(times[int(share*float64(len(times)-1))], name+unit)
			}
		}
	}
}

// held is what the page holds on to, once what it has let go of is collected.
type held struct {
	heap  float64
	nodes int64
}

func (b *tab) holds() (h held) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for range 3 { // finalizers of one collection are garbage of the next
			if _, err := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
				return err
			}
		}
		usage, err := cdp.Call(ctx, t, runtime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			return err
		}
		counters, err := cdp.Call(ctx, t, memory.GetDOMCounters, cdp.Empty{})
		if err != nil {
			return err
		}
		h = held{usage.UsedSize, counters.Nodes}
		return nil
	}))
	return h
}

// comeAndGo lets n calls come and go.
func (o *office) comeAndGo(b *tab, n int) {
	b.t.Helper()
	for i := range n {
		o.came++ // no two pops have one id: the page would take the second for the first
		id := fmt.Sprint("call-", o.came)
		o.hub.Pop(agent.AgentID, client(id), time.Now())
		o.hub.End(agent.AgentID, id, screenpop.EndDismissed, "")
		if i%50 == 49 { // a page is never so far behind that it would be closed
			b.until(fmt.Sprintf(`document.querySelector('#recent > li')?.dataset.popId === %q`, id))
		}
	}
	b.count("#pops > li", 0)
}

// After 1,000 calls the page holds what it held before; make bench sees 10,000.
func TestBrowserForgetsCalls(t *testing.T) { forgets(t, 1000) }

func BenchmarkHeapAfter10000Pops(b *testing.B) {
	for b.Loop() {
		before, after := forgets(b, 10_000)
		b.ReportMetric(before.heap/1024, "KiB-before")
		b.ReportMetric(after.heap/1024, "KiB-after")
	}
}

func forgets(t testing.TB, calls int) (before, after held) {
	t.Helper()
	o, b := joined(t)
	o.comeAndGo(b, 200) // the list of recent calls is full, and code is compiled
	before = b.holds()
	o.comeAndGo(b, calls)
	after = b.holds()
	t.Logf("heap %.0f KiB, then %.0f KiB; nodes %d, then %d", before.heap/1024, after.heap/1024, before.nodes, after.nodes)
	if grown := after.heap - before.heap; grown > 512<<10 {
		t.Errorf("the heap has grown by %.0f KiB", grown/1024)
	}
	if grown := after.nodes - before.nodes; grown > 200 {
		t.Errorf("%d nodes more are held", grown)
	}
	return before, after
}
