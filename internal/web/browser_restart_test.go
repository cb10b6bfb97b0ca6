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
