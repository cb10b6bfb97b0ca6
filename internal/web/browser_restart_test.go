package web_test

import (
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// After a restart smokepop knows the number of a call under way and finds its
// contacts again. A page that shows them goes on showing them and rings for
// nothing twice; one that does not claims nothing.
func TestBrowserKeepsACardOverARestart(t *testing.T) {
	o, b := joined(t)
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	b.state(`[data-pop-id="p1"]`, "ringing")
	b.js(`document.getElementById('announce').textContent = 'heard'`)
	b.js(`(window.states = [], new MutationObserver(() => states.push(document.getElementById('connection').dataset.state)).observe(document.getElementById('connection'), { attributes: true }), 1)`)

	carried := ring("p1", "")
	carried.Contacts, carried.Pending, carried.Call.State = nil, true, screenpop.Connected
	o.hub.Update(agent.AgentID, carried) // now it is what the next daemon's hub has
	o.hub.CloseAgent(agent.AgentID, push.Restart)
	b.until(`states.includes('reconnecting') && states.at(-1) === 'connected'`)
	b.state(`[data-pop-id="p1"]`, "connected")
	for expression, want := range map[string]string{
		`document.querySelector('.pop-name').textContent`:   "Mary",
		`document.querySelector('a.pop-open').href`:         "https://app.example/#/contact/p1",
		`document.getElementById('announce').textContent`:   "heard",
		`String(document.querySelectorAll('.pop').length)`:  "1",
		`document.querySelector('.pop-number').textContent`: "(617) 399-8147",
	} {
		if got := b.js(expression); got != want {
			t.Errorf("%s = %q, want %q", expression, got, want)
		}
	}

	b.js(`(location.reload(), 1)`)
	b.until(`document.querySelector('.pop-name')?.textContent === '(617) 399-8147'`)
	if got := b.js(`document.querySelector('.pop-about').textContent`); got != "" {
		t.Errorf("a page that was loaded anew says %q of a caller who is being looked up", got)
	}
	found := ring("p1", "Mary")
	found.Call.State = screenpop.Connected
	o.hub.Update(agent.AgentID, found)
	b.until(`document.querySelector('.pop-name').textContent === 'Mary'`)
}

// A machine of several that fails takes with it what it has heard last: the next
// one may show a call again that is over. The page knows better, whether the call
// comes as news or as one that is under way.
func TestBrowserDoesNotShowAgainWhatIsOver(t *testing.T) {
	o, b := joined(t)
	for _, id := range []string{"ended", "dismissed"} {
		o.hub.Pop(agent.AgentID, ring(id, "Mary"), time.Now())
		b.state(`[data-pop-id="`+id+`"]`, "ringing")
	}
	o.hub.End(agent.AgentID, "ended", screenpop.EndTerminated, "")
	b.until(`document.querySelector('[data-pop-id="ended"]').dataset.state === 'ended'`)
	b.js(`(document.querySelector('[data-pop-id="dismissed"] .pop-dismiss').click(), 1)`)
	b.until(`!document.querySelector('#pops [data-pop-id="dismissed"]')`)
	for end := time.Now().Add(time.Minute); o.hub.Live(agent.AgentID, "dismissed"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("smokepop does not hear that the pop is dismissed")
		}
	}
	b.js(`document.getElementById('announce').textContent = 'heard'`)
	b.js(`(window.states = [], new MutationObserver(() => states.push(document.getElementById('connection').dataset.state)).observe(document.getElementById('connection'), { attributes: true }), 1)`)

	shown := `[...document.querySelectorAll('#pops .pop:not([data-state="ended"])')].map((p) => p.dataset.popId).join()`
	for _, id := range []string{"ended", "dismissed"} {
		o.hub.Pop(agent.AgentID, ring(id, "Mary"), time.Now())
	}
	o.hub.CloseAgent(agent.AgentID, push.Restart) // and hello brings them once more
	b.until(`states.includes('reconnecting') && states.at(-1) === 'connected'`)
	if got := b.js(`document.getElementById('announce').textContent`); got != "heard" {
		t.Errorf("what is over is announced: %q", got)
	}
	o.hub.Pop(agent.AgentID, ring("new", "John"), time.Now())
	b.until(`document.querySelector('[data-pop-id="new"]')`)
	if got := b.js(shown); got != "new" {
		t.Errorf("the page shows %q, want the new call alone", got)
	}
}
