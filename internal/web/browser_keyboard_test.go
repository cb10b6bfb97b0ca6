package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// All that can be pressed is reached by the Tab key, in the order in which it
// is read, and shows that it is reached; dialogs keep the focus and give it
// back.
func TestBrowserIsUsedByKeyboardAlone(t *testing.T) {
	o, b := joined(t)
	b.looks("light")
	p := twelve("p1")
	p.Contacts[0].Matters = openMatters
	o.rings(b, p)
	b.js(`(window.press = (e) => e.preventDefault(), document.addEventListener('click', (e) => e.target.closest('a') && e.preventDefault()), 1)`)
	tab := func() string {
		t.Helper()
		b.do(chromedp.KeyEvent(kb.Tab))
		at, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown))).then(() => {
			const e = document.activeElement;
			if (e === document.body) return 'body';
			const s = getComputedStyle(e), r = e.getBoundingClientRect();
			const seen = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;
			return (e.id || e.className || e.tagName.toLowerCase()) + (seen ? '' : ' WITHOUT FOCUS') + (r.top >= -1 && r.bottom <= innerHeight + 1 ? '' : ' OUT OF SIGHT');
		})`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	want := int(0)
	fmt.Sscan(b.js(`[...document.querySelectorAll('a[href], button, summary, input, select, [tabindex="0"]')].filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled).length`), &want)
	reached := map[string]bool{}
	var order []string
	for range want + 5 {
		at := tab()
		if at == "body" {
			break
		}
		if strings.Contains(at, "WITHOUT") || strings.Contains(at, "OUT OF") {
			t.Errorf("at %s", at)
		}
		order = append(order, at)
		reached[at] = true
	}
	if len(order) < want {
		t.Errorf("%d of %d are reached: %v", len(order), want, order)
	}
	for _, at := range []string{"sign-out", "pop-dismiss quiet", "pop-open button primary", "match-open", "summary", "unpair"} {
		if !reached[at] {
			t.Errorf("%s is not reached: %v", at, order)
		}
	}

	b.js(`(document.getElementById('unpair').focus(), 1)`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.getElementById('confirm').open && document.activeElement.id === 'confirm-no'`)
	for range 4 {
		if at := tab(); at != "confirm-yes" && at != "confirm-no" && at != "body" {
			t.Errorf("out of the dialog, at %s", at)
		}
	}
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.getElementById('confirm').open && document.activeElement.id === 'unpair'`)
	b.js(`(document.querySelector('.pop-dismiss').focus(), 1)`)
	b.do(chromedp.KeyEvent(" "))
	b.count("#pops > li", 0)
}

// The region that a screen reader listens to is there, empty, before the first
// call; a call is said once; the timer is outside of it and says nothing.
func TestBrowserTellsAScreenReaderOnce(t *testing.T) {
	o, b := joined(t)
	b.until(`document.getElementById('announce').textContent === '' && document.getElementById('announce').getAttribute('aria-live') === 'polite' && document.getElementById('announce').checkVisibility()`)
	b.js(`(window.said = [], new MutationObserver((all) => all.forEach((m) => { const live = (m.target.nodeType === 1 ? m.target : m.target.parentElement)?.closest('[aria-live]:not([aria-live=off]), [role=status], [role=alert]'); if (live) said.push(live.id + ': ' + live.textContent); })).observe(document.body, { childList: true, characterData: true, subtree: true }), 1)`)
	o.rings(b, client("p1"))
	b.until(`said.length > 0`)
	was := b.js(`document.querySelector('.pop-timer').textContent`)
	b.until(fmt.Sprintf(`document.querySelector('.pop-timer').textContent !== %q`, was))
	answered := client("p1")
	answered.Call.State = screenpop.Connected
	o.hub.Update(agent.AgentID, answered)
	b.state(`[data-pop-id="p1"]`, "connected")
	if got := b.js(`said.join(' | ')`); got != "announce: Incoming call: Maria Castellanos, (617) 399-8147" {
		t.Errorf("said: %s", got)
	}
	if got := b.js(`document.querySelector('.pop-timer').getAttribute('aria-live') + !!document.querySelector('.pop-timer').closest('[role=status]')`); got != "offfalse" {
		t.Errorf("the timer is live: %s", got)
	}
}

// Where people want less motion nothing moves; where they choose their own
// colours, what is told by colour is still there.
func TestBrowserKeepsToWhatPeopleHaveSet(t *testing.T) {
	o, b := joined(t)
	moving := func() string {
		return b.js(`document.getAnimations().filter((a) => a.playState === 'running').length`)
	}
	b.looks("light")
	o.rings(b, client("p1"))
	if got := moving(); got != "0" {
		t.Errorf("%s animations run", got)
	}
	answered := client("p2")
	answered.Call.State = screenpop.Connected
	o.rings(b, answered)
	for _, theme := range []string{"light", "dark"} {
		b.looks(theme, emulation.MediaFeature{Name: "forced-colors", Value: "active"})
		b.until(`matchMedia('(forced-colors: active)').matches`)
		got := b.js(`(() => {
			const shown = (e, part) => { const s = getComputedStyle(e, part); return s.backgroundColor !== 'rgba(0, 0, 0, 0)' && s.backgroundColor !== getComputedStyle(e).backgroundColor; };
			return ['p1', 'p2'].map((id) => document.querySelector('[data-pop-id="' + id + '"]')).every((e) => shown(e, '::before')) &&
				getComputedStyle(document.querySelector('[data-pop-id="p1"]'), '::before').backgroundColor !== getComputedStyle(document.querySelector('[data-pop-id="p2"]'), '::before').backgroundColor &&
				[...document.querySelectorAll('button, .button')].filter((e) => e.checkVisibility() && !e.classList.contains('number')).every((e) => getComputedStyle(e).borderStyle === 'solid' && getComputedStyle(e).borderColor !== 'rgba(0, 0, 0, 0)');
		})()`)
		if got != "true" {
			t.Errorf("%s: something is told by colour alone", theme)
		}
	}
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
		return err
	}))
	o.hub.Pop(agent.AgentID, ring("p3", "Mary"), time.Now())
	b.state(`[data-pop-id="p3"]`, "ringing")
	if moving() == "0" {
		t.Error("nothing moves anyway")
	}
}
