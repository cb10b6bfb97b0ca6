package web_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// A desktop and a loudspeaker that write down what they are given. tried counts
// the attempts at having the one voice that are over: without it, "no more than
// one" would have to be waited for.
const desktop = `
	window.shown = []; window.sounds = 0; window.tried = 0; window.asked = 0; window.focused = 0; window.behind = %t;
	window.focus = () => focused++;
	window.Notification = class {
		static permission = %q;
		static requestPermission() { asked++; return Promise.resolve(Notification.permission = window.answer ?? 'granted'); }
		constructor(title, options) { Object.assign(this, options, { title, closed: false }); shown.push(this); }
		close() { this.closed = true; this.onclose?.(); }
	};
	window.AudioContext = class { state = 'running'; currentTime = 0; destination = {}; constructor() { sounds++; } close() {} };
	window.OscillatorNode = class { connect(to) { return to; } start() {} stop() {} };
	window.GainNode = class { gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} }; connect(to) { return to; } };
	Object.defineProperty(navigator, 'userActivation', { get: () => ({ hasBeenActive: true }) });
	Object.defineProperty(document, 'hidden', { get: () => behind });
	{
		const request = navigator.locks.request.bind(navigator.locks);
		navigator.locks.request = async (name, ...rest) => {
			await request(name, ...rest);
			if (name === 'smokepop-voice') tried++;
		};
	}`

// equip gives the tab that desktop from its next document on.
func (b *tab) equip(behind bool, permission string) {
	b.t.Helper()
	b.first(fmt.Sprintf(desktop, behind, permission))
}

// first has a script run before those of each document from the next one on.
func (b *tab) first(script string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// change has the tab's page change settings, and waits until it knows them.
func (b *tab) change(body string) {
	b.t.Helper()
	b.js(fmt.Sprintf(`(fetch('/api/settings', { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: %q }).then((r) => { window.changed = r.status; }), 1)`, body))
	b.until(`window.changed === 200`)
}

// sum adds up what an expression is in all tabs.
func sum(tabs []*tab, expression string) (total int) {
	for _, each := range tabs {
		n, _ := strconv.Atoi(each.js(expression))
		total += n
	}
	return total
}

// Ten tabs are one desktop notification and one sound for a call, whichever is
// in front; and nothing comes twice.
func TestBrowserTenTabsHaveOneVoice(t *testing.T) {
	o, b := joined(t)
	b.change(`{"sound":true}`)
	tabs := []*tab{b}
	for range 9 {
		tabs = append(tabs, open(t, b.ctx))
	}
	for i, each := range tabs {
		each.equip(i != 4, "granted") // the fifth is in front
		each.do(chromedp.Navigate(o.origin))
		each.state("#connection", "connected")
	}
	allTried := func(n int) {
		t.Helper()
		for _, each := range tabs {
			each.until(fmt.Sprintf(`tried === %d`, n))
		}
	}
	once := func(notices, sounds int) {
		t.Helper()
		if got := [2]int{sum(tabs, `shown.length`), sum(tabs, `sounds`)}; got != [2]int{notices, sounds} {
			t.Errorf("%d notifications and %d sounds, want %d and %d", got[0], got[1], notices, sounds)
		}
	}

	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	allTried(2)
	once(1, 1)
	if got := tabs[4].js(`shown.length + ' ' + sounds`); got != "1 1" {
		t.Fatalf("the tab in front has shown and sounded %s", got)
	}
	if got := tabs[4].js(`[shown[0].title, shown[0].body, shown[0].silent, shown[0].requireInteraction].join('|')`); got != "Mary|Incoming call · (617) 399-8147|true|true" {
		t.Errorf("the notification says %q", got)
	}
	// A press on it brings the tab to the front, and the card at hand.
	tabs[4].js(`shown[0].onclick()`)
	if got := tabs[4].js(`[focused, shown[0].closed, document.activeElement.className]`); got != "1,true,pop-open button primary" {
		t.Errorf("pressed: %q", got)
	}
	// After a reload and a reconnect it is an old call.
	tabs[7].do(chromedp.Reload())
	tabs[7].until(`tried === 2`)
	o.hub.CloseAgent(agent.AgentID, push.Restart)
	for _, each := range tabs {
		each.state("#connection", "connected")
	}
	once(1, 1)
	// Dismissed in one is dismissed in all.
	tabs[2].js(`document.querySelector('[data-pop-id="p1"] .pop-dismiss').click()`)
	for _, each := range tabs {
		each.count("#pops > li", 0)
	}

	// With all of them behind other windows it is one as well, and it goes when
	// the call is answered.
	tabs[4].js(`(window.behind = true, document.dispatchEvent(new Event('visibilitychange')))`)
	p2 := ring("p2", "John")
	o.hub.Pop(agent.AgentID, p2, time.Now())
	allTried(4)
	once(2, 2)
	p2.Call.State = screenpop.Connected
	o.hub.Update(agent.AgentID, p2)
	for _, each := range tabs {
		each.until(`shown.every((n) => n.closed)`)
	}
	// It has done its work, too, when the record is opened in another tab.
	o.hub.Pop(agent.AgentID, ring("p3", "Zoë"), time.Now())
	allTried(6)
	once(3, 3)
	tabs[2].js(`(document.addEventListener('click', (e) => e.preventDefault()), document.querySelector('[data-pop-id="p3"] .pop-open').click())`)
	for _, each := range tabs {
		each.until(`shown.every((n) => n.closed)`)
	}
}

// A notification says no more than the agent, and the firm, let it.
func TestBrowserNotificationSaysNoMoreThanItMay(t *testing.T) {
	o, b := joined(t, strict)
	b.equip(true, "granted")
	b.do(chromedp.Navigate(o.origin))
	b.state("#connection", "connected")
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	b.until(`shown.length === 1`)
	if got := b.js(`shown[0].title + '|' + shown[0].body`); got != "(617) 399-8147|Incoming call" {
		t.Errorf("says %q", got)
	}
	o.hub.End(agent.AgentID, "p1", screenpop.EndTerminated, "")
	b.until(`shown[0].closed`)
	b.change(`{"notification":"none"}`)
	b.click("#settings-open")
	b.until(`document.querySelector('[name=notification][value=none]').checked`)
	o.hub.Pop(agent.AgentID, ring("p2", "John"), time.Now())
	b.state(`[data-pop-id="p2"]`, "ringing")
	if got := b.js(`shown.length + ' ' + sounds`); got != "1 0" {
		t.Errorf("notifications and sounds: %s", got)
	}
}

// The browser is asked once, by a button, and not again after a no.
func TestBrowserAsksForNotificationsPolitely(t *testing.T) {
	o, b := joined(t)
	b.equip(false, "default")
	b.do(chromedp.Navigate(o.origin))
	b.until(`document.getElementById('hint').checkVisibility() && document.getElementById('hint').dataset.kind === 'notifications'`)
	if got := b.js(`asked`); got != "0" {
		t.Errorf("asked %s times before anybody pressed a button", got)
	}
	b.js(`window.answer = 'denied'`)
	b.click("#hint-yes")
	b.until(`document.getElementById('hint').dataset.kind === 'denied'`)
	b.click("#hint-no")
	b.until(`document.getElementById('hint').hidden && asked === 1`)
	b.click("#settings-open")
	b.state("#notifications-here", "denied")
	b.click("#settings-close")
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	b.state(`[data-pop-id="p1"]`, "ringing")
	if got := b.js(`tried + shown.length`); got != "0" {
		t.Error("a notification was shown that the browser blocks")
	}
	b.do(chromedp.Reload()) // the permission is "default" again
	b.state("#connection", "connected")
	b.state("#pairing", "paired")
	if got := b.js(`document.getElementById('hint').checkVisibility()`); got != "false" {
		t.Error("asked again")
	}
}

// Enter opens the card on top, and nothing when it is meant for something else.
func TestBrowserEnterOpensTheCardOnTop(t *testing.T) {
	o, b := joined(t)
	b.js(`(window.went = [], document.addEventListener('click', (e) => { const a = e.target.closest('a'); if (a) { e.preventDefault(); went.push(a.getAttribute('href')); } }))`)
	answered := ring("p1", "Mary")
	answered.Call.State = screenpop.Connected
	o.rings(b, answered)
	o.rings(b, ring("p2", "John"))
	o.rings(b, ring("p3", "Zoë"))
	b.until(`[...document.querySelectorAll('[data-enter]')].map((e) => e.dataset.popId).join() === 'p2'`)
	if got := b.js(`document.activeElement === document.body`); got != "true" {
		t.Error("a card has taken the focus")
	}
	enter := chromedp.KeyEvent("\r")
	b.do(enter)
	b.until(`went.join() === 'https://app.example/#/contact/p2'`)
	// A button keeps its Enter, and so does a dialog.
	b.js(`document.getElementById('sign-out').focus()`)
	b.do(enter)
	b.until(`document.getElementById('confirm').open`)
	b.js(`document.activeElement.blur()`)
	b.do(enter)
	b.js(`document.getElementById('confirm').close()`)
	b.js(`(document.activeElement.blur(), 1)`)
	o.hub.End(agent.AgentID, "p2", screenpop.EndTerminated, "")
	b.until(`[...document.querySelectorAll('[data-enter]')].map((e) => e.dataset.popId).join() === 'p3'`)
	b.do(enter)
	b.until(`went.length === 2 && went[1].endsWith('p3')`)
}

// A network that goes and comes back, a call missed meanwhile, and a clock that
// somebody has set.
func TestBrowserComesThroughABadDay(t *testing.T) {
	o, b := joined(t)
	b.equip(false, "granted")
	b.do(chromedp.Navigate(o.origin))
	b.state("#connection", "connected")
	o.line.cut(true)
	b.state("#connection", "reconnecting")
	b.until(`document.title === 'Not connected – smokepop'`)
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	o.hub.End(agent.AgentID, "p1", screenpop.EndTerminated, "")
	o.line.cut(false)
	b.state("#connection", "connected")
	b.until(`document.querySelector('#recent > [data-pop-id="p1"]').dataset.outcome === 'missed' && document.title === 'smokepop'`)
	if got := b.js(`shown.length + ' ' + document.querySelectorAll('#pops > li').length`); got != "0 0" {
		t.Errorf("notifications and cards of a call that is over: %s", got)
	}

	o.rings(b, ring("p2", "John"))
	b.until(`shown.length === 1`)
	// The browser knows of a cut before the socket does.
	b.js(`(window.states = [], new MutationObserver(() => states.push(document.getElementById('connection').dataset.state)).observe(document.getElementById('connection'), { attributes: true }), dispatchEvent(new Event('offline')))`)
	b.until(`states.includes('reconnecting') && states.at(-1) === 'connected'`)
	b.js(`(Date.now = ((real) => () => real() + 3_600_000)(Date.now), 1)`)
	b.until(`document.querySelector('[data-pop-id="p2"] .pop-timer').textContent.split(':').length === 3`) // as the wrong clock has it
	b.until(`document.querySelector('[data-pop-id="p2"] .pop-timer').textContent.split(':').length === 2`) // and as it is
	b.state("#connection", "connected")
	if got := b.js(`shown.length`); got != "1" {
		t.Errorf("%s notifications after a reconnect and a clock that was set", got)
	}
}

// Signing out in one tab reaches all of them, and is nothing to warn of; a
// session that ends otherwise is told once.
func TestBrowserTellsTheEndOfASession(t *testing.T) {
	o, b := joined(t)
	second := open(t, b.ctx)
	for _, each := range []*tab{b, second} {
		each.equip(false, "granted")
		each.do(chromedp.Navigate(o.origin))
		each.state("#connection", "connected")
	}
	b.js(`document.getElementById('sign-out').click()`)
	b.js(`document.getElementById('confirm-yes').click()`)
	for _, each := range []*tab{b, second} {
		each.state("body", "signed-out")
		each.until(`document.title === 'Signed out – smokepop' && document.getElementById('signed-out-reason').textContent === 'You have been signed out.'`)
	}
	b.do(chromedp.Navigate(o.admin("/v1/invites")))
	for _, each := range []*tab{b, second} {
		each.state("#connection", "connected")
	}
	o.admin("/v1/sign-out")
	for _, each := range []*tab{b, second} {
		each.until(`tried === 1 && document.getElementById('signed-out-reason').textContent === 'Your administrator has ended this session.'`)
	}
	if n := sum([]*tab{b, second}, `shown.length`); n != 1 {
		t.Errorf("told %d times, want once", n)
	}
}

// line is a listener whose network can be cut: what is open breaks, and what
// comes breaks too.
type line struct {
	net.Listener
	mu    sync.Mutex
	dead  bool
	conns []net.Conn
}

func (l *line) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		_ = c.Close()
	}
	l.conns = append(l.conns, c)
	return c, nil
}

func (l *line) cut(dead bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = dead
	if dead {
		for _, c := range l.conns {
			_ = c.Close()
		}
		l.conns = nil
	}
}
