package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// portal is a page of somebody else's with embed.js in it, under a content
// policy that allows what our documentation says, and nothing else.
type portal struct {
	origin     string
	pop        string // where smokepop is
	attributes string // of the script tag
	body       string
}

// newPortal starts one. To smokepop, which is at 127.0.0.1, "127.0.0.1" is the
// same site and "localhost" another one.
func newPortal(t *testing.T, host string) *portal {
	t.Helper()
	p := &portal{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		switch r.URL.Path {
		case "/":
		case "/stranger": // a document of this page's own, in a frame beside ours
			h.Set("Content-Type", "text/html")
			fmt.Fprint(w, `<script>say = (to, data) => to.postMessage(data, '*')</script>`)
			return
		default:
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src %[1]s; frame-src %[1]s 'self'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'", p.pop))
		h.Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Portal</title><h1>Portal</h1><input id="field" autofocus>%s<script src="%s/embed.js" %s></script>`, p.body, p.pop, p.attributes)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.origin = "http://" + host + ":" + u.Port()
	return p
}

// allowed lets an office be shown in the portals.
func allowed(portals ...*portal) func(*office) {
	return func(o *office) {
		for _, p := range portals {
			p.pop = o.origin
			o.config.Parents = append(o.config.Parents, p.origin)
		}
	}
}

// visit shows the portal and returns smokepop's frame in it.
func (b *tab) visit(p *portal) (frame *tab) {
	b.t.Helper()
	b.do(chromedp.Navigate(p.origin))
	return b.frame(p.pop + "/embed")
}

// frame returns the frame of an address, whether the browser has given it a
// process of its own or not.
func (b *tab) frame(address string) *tab {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		targets, err := chromedp.Targets(b.ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, info := range targets {
			if info.Type == "iframe" && info.URL == address {
				ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(info.TargetID))
				b.t.Cleanup(cancel)
				f := &tab{t: b.t, ctx: ctx}
				f.js(`'here'`) // the browser is attached to for as long as the context of the first step
				return f
			}
		}
		tree, err := chromedp.Run(b.ctx, call(cdppage.GetFrameTree, cdp.Empty{}))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, child := range tree.FrameTree.ChildFrames {
			if child.Frame.URL != address && child.Frame.UnreachableURL != address {
				continue
			}
			world, err := chromedp.Run(b.ctx, call(cdppage.CreateIsolatedWorld, cdppage.CreateIsolatedWorldParams{FrameID: child.Frame.ID}))
			if err == nil {
				return &tab{t: b.t, ctx: b.ctx, world: world.ExecutionContextID}
			}
		}
		b.js(`'a turn of the page'`)
	}
	b.t.Fatalf("no frame shows %s", address)
	return nil
}

func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[*R] {
	return func(ctx context.Context, t *chromedp.Target) (*R, error) {
		r, err := cdp.Call(ctx, t, c, params)
		return &r, err
	}
}

// press clicks into the frame, with a mouse over the page around it.
func (b *tab) press(frame *tab, selector string) {
	b.t.Helper()
	middle := func(in *tab, selector string) (x, y float64) {
		in.until(fmt.Sprintf(`document.querySelector(%q)?.getBoundingClientRect().height > 0`, selector))
		if _, err := fmt.Sscan(in.js(fmt.Sprintf(`((r) => [r.left, r.top, r.width, r.height].join(' '))(document.querySelector(%q).getBoundingClientRect())`, selector)), &x, &y, new(float64), new(float64)); err != nil {
			b.t.Fatal(err)
		}
		return x, y
	}
	// Until both have been drawn at the height they have now.
	drawn := `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(String(Math.ceil(document.querySelector('iframe.smokepop, main').getBoundingClientRect().height)))))`
	height := func(in *tab) string {
		v, err := chromedp.Run(in.ctx, chromedp.Evaluate[string](drawn+`)`, chromedp.EvalAwaitPromise, in.there))
		if err != nil {
			b.t.Fatal(err)
		}
		return v
	}
	for height(b) != height(frame) && b.ctx.Err() == nil {
	}
	left, top := middle(b, "iframe.smokepop")
	x, y := middle(frame, selector)
	b.do(chromedp.MouseClickXY(left+x+8, top+y+8))
}

const heightOfFrame = `document.querySelector('iframe.smokepop').getBoundingClientRect().height`

// A portal of the same site shows calls in a frame without any more ado, under
// a strict policy: nothing while there is none, a card as high as it is while
// the phone rings, and the cursor stays where it was. Pressing the cross
// dismisses it everywhere.
func TestBrowserFrameInAPortalOfTheSameSite(t *testing.T) {
	p := newPortal(t, "127.0.0.1")
	o, b := joined(t, allowed(p))
	other := open(t, b.ctx)
	other.do(chromedp.EmulateViewport(1280, 1000))
	frame := other.visit(p)
	frame.state("#connection", "connected")
	if got := other.js(heightOfFrame); got != "0" {
		t.Errorf("without a call the frame is %s pixels high", got)
	}
	other.until(`document.activeElement.id === 'field'`)
	other.js(`(window.heights = [], addEventListener('message', (e) => heights.push(e.data.height)), 1)`)
	pop := client("p1")
	pop.Call.Started = time.Now().Add(-17 * time.Second)
	pop.Contacts[0].Matters = openMatters
	o.hub.Pop(agent.AgentID, pop, time.Now())
	frame.state(`[data-pop-id="p1"]`, "ringing")
	frame.until(`document.querySelector('.pop-name').textContent === 'Maria Castellanos' && document.getElementById('announce').textContent.includes('Maria Castellanos')`)
	other.until(heightOfFrame + ` > 200`)
	// All of it is seen: the frame neither scrolls nor is taller than the card.
	other.until(fmt.Sprintf(`Math.abs(%s - %s) <= 1`, heightOfFrame, frame.js(`Math.ceil(document.querySelector('main').getBoundingClientRect().height)`)))
	frame.until(`document.documentElement.scrollHeight <= innerHeight`)
	if got := other.js(`heights.length`); got != "1" {
		t.Errorf("the frame took its height in %s steps: %s", got, other.js(`heights.join()`))
	}
	if got := other.js(`document.activeElement.id + document.hasFocus()`); got != "fieldtrue" {
		t.Errorf("the cursor is in %s", got)
	}
	if got := frame.js(`document.hasFocus() + ' ' + document.activeElement.tagName`); got != "false BODY" {
		t.Errorf("the frame has taken the focus: %s", got)
	}
	if got := frame.js(`document.querySelectorAll('.number, [data-enter], form, input, select, #pairing, #pair, #unpair, #sign-out, #settings, #devices, #confirm').length + ' ' + document.documentElement.outerHTML.match(/pair|sign.?out|settings|unpair/gi)`); got != "0 null" {
		t.Errorf("the frame has %s", got)
	}

	other.press(frame, `[data-pop-id="p1"] .pop-dismiss`)
	frame.count(".pop", 0)
	other.until(heightOfFrame + ` === 0`)
	b.count("#pops > *", 0)
	b.until(`document.querySelector('#recent > [data-pop-id="p1"]').dataset.outcome === 'dismissed'`)

	// A call that is dismissed elsewhere goes here as well.
	o.hub.Pop(agent.AgentID, client("p2"), time.Now())
	frame.state(`[data-pop-id="p2"]`, "ringing")
	b.click(`[data-pop-id="p2"] .pop-dismiss`)
	frame.count(".pop", 0)
	other.until(heightOfFrame + ` === 0`)

	// The frame hears that its browser signs in, and asks nobody to press anything.
	b.js(`(fetch('/api/session', { method: 'DELETE' }), 1)`)
	frame.state("body", "signed-out")
	other.until(heightOfFrame + ` > 0`)
	b.do(chromedp.Navigate(o.admin("/v1/invites")))
	frame.state("#connection", "connected")
	other.until(heightOfFrame + ` === 0`)
}

// A portal of another site is sent none of the session's cookies. The frame
// says in one sentence what to do; its link opens a tab, which closes itself,
// and from then on the frame shows calls, until the session ends. So it is in a
// browser that lets no site have cookies in the pages of another one.
func TestBrowserFrameInAPortalOfAnotherSite(t *testing.T) {
	p := newPortal(t, "localhost")
	b, o := browser(t, chromedp.Flag("test-third-party-cookie-phaseout", true)), newOffice(t, allowed(p))
	o.set(screenpop.Pairing{State: screenpop.Paired})
	b.do(chromedp.Navigate(o.admin("/v1/invites")))
	b.state("#connection", "connected")
	other := open(t, b.ctx)
	frame := other.visit(p)
	frame.state("body", "signed-out")
	sentence := `Open smokepop in a tab to see here who is calling.`
	frame.until(`document.getElementById('connect').innerText.trim() === '` + sentence + `'`)
	if got := frame.js(`[...document.querySelectorAll('a[href], button, input')].map((e) => e.id + e.target).join()`); got != "connect-link_blank" {
		t.Errorf("one can press %s", got)
	}
	// A question that is under way when the ticket comes is no answer to it.
	frame.js(`(() => {
		const ask = fetch, ticket = new Promise((done) => addEventListener('message', (e) => e.data?.smokepop === 'ticket' && done()));
		window.fetch = async (...what) => { fetch = ask; await ticket; return ask(...what); };
		dispatchEvent(new Event('focus'));
	})()`)
	other.press(frame, "#connect-link")
	frame.state("#connection", "connected")
	other.until(heightOfFrame + ` === 0`)
	gone(t, b, "/embed/connect")
	o.hub.Pop(agent.AgentID, client("p1"), time.Now())
	frame.state(`[data-pop-id="p1"]`, "ringing")
	other.until(heightOfFrame + ` > 150`)
	if got := b.js(`document.cookie`) + frame.js(`document.cookie`); got != "" {
		t.Errorf("scripts read the cookies %s", got)
	}

	jar, err := chromedp.Run(b.ctx, call(storage.GetCookies, storage.GetCookiesParams{}))
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, c := range jar.Cookies {
		site := "none"
		if c.PartitionKey != nil {
			site = c.PartitionKey.TopLevelSite
		}
		kept = append(kept, fmt.Sprint(c.Name, " ", c.SameSite, " ", c.HTTPOnly, " ", site))
	}
	slices.Sort(kept)
	if want := []string{"smokepop Lax true none", "smokepop-frame None true http://localhost"}; !slices.Equal(kept, want) {
		t.Errorf("the browser keeps %q, want %q", kept, want)
	}

	// It is remembered.
	frame = other.visit(p)
	frame.state(`[data-pop-id="p1"]`, "ringing")
	other.press(frame, `[data-pop-id="p1"] .pop-dismiss`)
	b.count("#pops > *", 0)

	// What the frame holds changes nothing, and the browser does not let it try.
	for _, request := range []string{`'/api/pair', { method: 'POST' }`, `'/api/session', { method: 'DELETE' }`, `'/api/settings'`, `'/api/sign-in'`, `'/embed'`} {
		got, err := chromedp.Run(frame.ctx, chromedp.Evaluate[string](`fetch(`+request+`).then((r) => String(r.status), (e) => e.name)`, chromedp.EvalAwaitPromise, frame.there))
		if err != nil || got != "TypeError" {
			t.Errorf("fetch(%s) from the frame: %s %v", request, got, err)
		}
	}
	if got := frame.js(`(() => { try { top.location = '/'; return 'leads away' } catch (e) { return e.name } })()`); got != "SecurityError" {
		t.Errorf("the frame %s", got)
	}

	b.js(`(fetch('/api/session', { method: 'DELETE' }), 1)`)
	frame.state("body", "signed-out")
	frame.until(`document.getElementById('connect').innerText.trim() === '` + sentence + `'`)

	// Without a session the tab has people sign in first, beside it.
	other.press(frame, "#connect-link")
	beside := at(t, b, "/embed/connect")
	beside.state("#outcome", "sign-in")
	b.do(chromedp.Navigate(o.admin("/v1/invites")))
	b.state("#connection", "connected")
	frame.state("#connection", "connected")
	gone(t, b, "/embed/connect")
}

// gone waits until no window shows an address with path in it.
func gone(t *testing.T, b *tab, path string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		targets, err := chromedp.Targets(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		there := false
		for _, info := range targets {
			there = there || strings.Contains(info.URL, path)
		}
		if !there {
			return
		}
		b.js(`'a turn of the page'`)
	}
	t.Fatalf("a window shows %s still", path)
}

// A page that is not among the parents is shown nothing, wherever it is.
func TestBrowserFrameInAPageThatIsNotAllowed(t *testing.T) {
	p, same, another := newPortal(t, "127.0.0.1"), newPortal(t, "127.0.0.1"), newPortal(t, "localhost")
	o, b := joined(t, allowed(p))
	same.pop, another.pop = o.origin, o.origin
	before := o.hub.Screens(agent.AgentID)
	for _, foreign := range []*portal{same, another} {
		other := &tab{t: t}
		var cancel context.CancelFunc
		other.ctx, cancel = chromedp.NewContext(b.ctx) // the browser complains in the console, rightly
		t.Cleanup(cancel)
		other.do(chromedp.Navigate(foreign.origin))
		frame := other.frame(o.origin + "/embed")
		if got := frame.js(`location.protocol + document.querySelectorAll('#pops, #connect').length`); got != "chrome-error:0" {
			t.Errorf("%s is shown %s", foreign.origin, got)
		}
		if got := other.js(heightOfFrame); got != "0" {
			t.Errorf("%s: the frame is %s pixels high", foreign.origin, got)
		}
	}
	if got := o.hub.Screens(agent.AgentID); got != before {
		t.Errorf("%d screens are open, of %d", got, before)
	}
	// Nor is any other document, in a page that is allowed one.
	for _, path := range []string{"/", "/join", "/embed/connect"} {
		p.body = `<iframe class="other" src="` + o.origin + path + `"></iframe>`
		other := &tab{t: t}
		var cancel context.CancelFunc
		other.ctx, cancel = chromedp.NewContext(b.ctx)
		t.Cleanup(cancel)
		other.do(chromedp.Navigate(p.origin))
		frame := other.frame(o.origin + path)
		if got := frame.js(`location.protocol + document.querySelectorAll('main, #pair').length`); got != "chrome-error:0" {
			t.Errorf("a frame shows %s: %s", path, got)
		}
	}
}

// Without a pairing nobody is shown calls. The frame does not say why, nor what
// to do about it: it leads to where that is said.
func TestBrowserFrameIsNotSilentWithoutAPairing(t *testing.T) {
	p := newPortal(t, "127.0.0.1")
	p.attributes = `data-idle="bar"`
	o, b := unpaired(t, allowed(p))
	other := open(t, b.ctx)
	frame := other.visit(p)
	frame.state("#connection", "connected")
	for _, state := range []screenpop.PairingState{screenpop.Unpaired, screenpop.Expired, screenpop.Attention} {
		o.set(screenpop.Pairing{State: state})
		frame.until(`document.querySelector('main').innerText.trim().endsWith('No calls show here right now: open smokepop in a tab to see why.')`)
		other.until(heightOfFrame + ` > 40`)
		o.set(screenpop.Pairing{State: screenpop.Paired})
		frame.until(`document.querySelector('main').innerText.trim().endsWith('No call right now')`)
	}
	o.set(screenpop.Pairing{State: screenpop.Expired})
	frame.until(`document.getElementById('attention').checkVisibility()`)
	if got := frame.js(`document.querySelectorAll('#pair, #unpair, #pairing').length + ' ' + document.documentElement.outerHTML.match(/pair/gi)`); got != "0 null" {
		t.Errorf("the frame has %s", got)
	}
	if got := frame.js(`((a) => [a.getAttribute('href'), a.target, a.rel].join())(document.getElementById('attention-link'))`); got != "/,_blank,noopener noreferrer" {
		t.Errorf("it leads to %s", got)
	}

	b.js(`(fetch('/api/session', { method: 'DELETE' }), 1)`)
	frame.state("body", "signed-out")
	frame.until(`document.querySelector('main').innerText.trim().endsWith('Open smokepop in a tab to see here who is calling.') && !document.getElementById('attention').checkVisibility()`)
}

// Heights come from smokepop's frame and wishes from the page around it; what
// anybody else says is not heard.
func TestBrowserFrameHearsAndTellsTheRightOnesOnly(t *testing.T) {
	p := newPortal(t, "localhost")
	p.body = `<iframe id="stranger" src="/stranger"></iframe>`
	p.attributes = `data-idle="bar" data-position="top-left" data-width="320"`
	_, b := joined(t, allowed(p))
	other := open(t, b.ctx)
	frame := other.visit(p)
	frame.state("body", "signed-out")
	other.until(heightOfFrame + ` > 0`)
	height := other.js(heightOfFrame)
	if got := other.js(`((r) => [r.left, r.top, r.width].join())(document.querySelector('iframe.smokepop').getBoundingClientRect())`); got != "16,16,320" {
		t.Errorf("the frame lies at %s", got)
	}
	if got := frame.js(`document.body.dataset.idle`); got != "bar" {
		t.Errorf("idle is %s", got)
	}
	other.js(`(window.heard = 0, addEventListener('message', (e) => { if (e.data?.smokepop) heard++; }), 1)`)
	other.js(`(postMessage({ smokepop: 'height', height: 777 }, '*'), 1)`)                   // the page itself
	other.js(`(stranger.contentWindow.say(window, { smokepop: 'height', height: 778 }), 1)`) // another frame
	other.until(`heard === 2`)
	if got := other.js(heightOfFrame); got != height {
		t.Errorf("the frame is %s pixels high, and was %s", got, height)
	}
	// Of a right sender, nonsense is not taken either.
	frame.js(`(['x', -5, NaN, Infinity, null].forEach((height) => parent.postMessage({ smokepop: 'height', height }, '*')), 1)`)
	other.until(`heard === 7`)
	if got := other.js(heightOfFrame); got != height {
		t.Errorf("the frame is %s pixels high, and was %s", got, height)
	}

	frame.js(`(window.got = 0, addEventListener('message', () => got++), 1)`)
	other.js(`(stranger.contentWindow.say(document.querySelector('iframe.smokepop').contentWindow, { smokepop: 'hello', idle: 'hidden' }), 1)`)
	frame.until(`got === 1`)
	if got := frame.js(`document.body.dataset.idle`); got != "bar" {
		t.Errorf("a stranger made idle %s", got)
	}
	// The page around cannot hand in a ticket.
	frame.js(`(window.asked = 0, fetch = () => { asked++; return Promise.reject(); }, 1)`)
	other.js(`(document.querySelector('iframe.smokepop').contentWindow.postMessage({ smokepop: 'ticket', ticket: 'x' }, '*'), 1)`)
	frame.until(`got === 2`)
	frame.until(`document.getElementById('connect-link').textContent.startsWith('Open smokepop in a tab')`)
	if got := frame.js(`asked`); got != "0" {
		t.Errorf("the page around made the frame ask %s times", got)
	}
}

// The frame goes into an element that the page names; where it is wanted a slim
// line says that calls will be shown, and silence that comes of an outage says
// so.
func TestBrowserFrameWithALineWithoutCalls(t *testing.T) {
	p := newPortal(t, "127.0.0.1")
	p.body, p.attributes = `<section id="here"></section>`, `data-target="#here" data-idle="bar" data-title="Anrufe" async`
	o, b := joined(t, allowed(p))
	other := open(t, b.ctx)
	frame := other.visit(p)
	frame.state("#connection", "connected")
	frame.until(`document.getElementById('connection').innerText === 'No call right now'`)
	other.until(heightOfFrame + ` > 20 && ` + heightOfFrame + ` < 60 && document.querySelector('#here > iframe').title === 'Anrufe'`)
	o.rings(b, twelve("p1"))
	frame.state(`[data-pop-id="p1"]`, "ringing")
	other.until(heightOfFrame + ` === innerHeight - 32`) // as high as there is room; the rest scrolls
	b.click(`[data-pop-id="p1"] .pop-dismiss`)
	frame.count(".pop", 0)
	other.until(heightOfFrame + ` < 60`)
	o.line.cut(true)
	frame.until(`document.getElementById('trouble').innerText.includes('cannot be reached')`)
	other.until(heightOfFrame + ` > 60`)
	o.line.cut(false)
	frame.js(`dispatchEvent(new Event('online'))`)
	frame.state("#connection", "connected")
	frame.until(`document.getElementById('trouble').innerText === ''`)
	other.until(heightOfFrame + ` < 60`)
}

// The document for frames is no page of its own.
func TestBrowserFrameInATabIsThePage(t *testing.T) {
	o, b := joined(t)
	b.do(chromedp.Navigate(o.origin + "/embed"))
	b.until(`location.pathname === '/' && document.getElementById('connection').dataset.state === 'connected'`)
}

// The frame, and the tab it opens, are without a violation that axe can find,
// in both themes.
func TestBrowserFrameIsAccessible(t *testing.T) {
	source := axe(t)
	p := newPortal(t, "localhost") // so that the frame is a target of its own
	o, b := joined(t, allowed(p))
	other := open(t, b.ctx)
	frame := other.visit(p)
	each := func(in *tab, name string) {
		t.Helper()
		for _, theme := range []string{"light", "dark"} {
			in.looks(theme)
			in.accessible(source, name+" "+theme)
		}
	}
	frame.state("body", "signed-out")
	each(frame, "signed out")
	other.press(frame, "#connect-link")
	frame.state("#connection", "connected")
	pop := twelve("p1")
	pop.Contacts[0].Matters = openMatters
	o.hub.Pop(agent.AgentID, pop, time.Now())
	frame.state(`[data-pop-id="p1"]`, "ringing")
	each(frame, "ringing")
	if wide := frame.js(`document.documentElement.scrollWidth - innerWidth`); wide != "0" {
		t.Errorf("%s pixels are beside the frame", wide)
	}
	o.set(screenpop.Pairing{State: screenpop.Expired})
	frame.until(`document.getElementById('attention').checkVisibility()`)
	each(frame, "no calls show")
	o.set(screenpop.Pairing{State: screenpop.Paired})
	frame.until(`!document.getElementById('attention').checkVisibility()`)
	o.line.cut(true)
	frame.until(`document.getElementById('trouble').innerText !== ''`)
	each(frame, "no connection")
	o.line.cut(false)

	b.js(`(fetch('/api/session', { method: 'DELETE' }), 1)`)
	frame.js(`dispatchEvent(new Event('online'))`)
	frame.state("body", "signed-out")
	other.press(frame, "#connect-link")
	beside := at(t, b, "/embed/connect")
	beside.state("#outcome", "sign-in")
	each(beside, "the tab")
}

// Chromium finds nothing that keeps the page from being installed.
func TestBrowserPageCanBeInstalled(t *testing.T) {
	_, b := joined(t)
	app, err := chromedp.Run(b.ctx, call(cdppage.GetAppManifest, cdppage.GetAppManifestParams{}))
	if err != nil {
		t.Fatal(err)
	}
	if len(app.Errors) != 0 || !strings.HasSuffix(app.URL, "/manifest.webmanifest") || app.Manifest.StartURL == "" {
		t.Errorf("%+v %+v", app, app.Errors)
	}
	found, err := chromedp.Run(b.ctx, call(cdppage.GetInstallabilityErrors, cdp.Empty{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found.InstallabilityErrors {
		// The tests' browser keeps no profile, and apps are installed in one.
		if e.ErrorID != "in-incognito" {
			t.Errorf("not installable: %s %+v", e.ErrorID, e.ErrorArguments)
		}
	}
}
