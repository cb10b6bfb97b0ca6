package web_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// state is one state of the page: what leads to it, in an office where the
// agent is signed in and paired. They are gone through for accessibility, for
// widths, and for pictures (make screens).
type state struct {
	name  string
	reach func(o *office, b *tab)
	firm  func(o *office) // what its office has beside the usual; may be nil
}

var states = []state{
	{name: "no-call", reach: func(*office, *tab) {}},
	{name: "no-call-unpaired", reach: func(o *office, b *tab) {
		o.set(screenpop.Pairing{State: screenpop.Unpaired})
		b.state("#pairing", "unpaired")
	}},
	{name: "ringing", reach: func(o *office, b *tab) { o.rings(b, client("p1")) }},
	{name: "ringing-company", reach: func(o *office, b *tab) {
		p := client("p1")
		p.Contacts[0] = screenpop.Contact{ID: "c1", Name: "Harborview Brewing Company, LLC", Kind: screenpop.Company, Matched: "phone", URL: "https://app.example/#/c1", Matters: []screenpop.Matter{}}
		p.Call.Queue = ""
		o.rings(b, p)
	}},
	{name: "ringing-unknown", reach: func(o *office, b *tab) { o.rings(b, unknownCaller("p1")) }},
	{name: "calling", reach: func(o *office, b *tab) {
		p := client("p1")
		p.Call.Direction, p.Call.Queue = screenpop.Outbound, ""
		o.rings(b, p)
	}},
	{name: "connected", reach: func(o *office, b *tab) {
		p := client("p1")
		p.Call.State, p.Contacts[0].Matters = screenpop.Connected, openMatters
		o.rings(b, p)
	}},
	{name: "answered-elsewhere", reach: func(o *office, b *tab) {
		o.rings(b, client("p1"))
		b.holdEnded()
		o.hub.End(agent.AgentID, "p1", screenpop.EndAnsweredElsewhere, "Daniel Reyes")
		b.state(`[data-pop-id="p1"]`, "ended")
	}},
	{name: "ended", reach: func(o *office, b *tab) {
		p := client("p1")
		p.Call.State, p.Contacts[0].Matters = screenpop.Connected, openMatters
		o.rings(b, p)
		b.holdEnded()
		o.hub.End(agent.AgentID, "p1", screenpop.EndTerminated, "")
		b.state(`[data-pop-id="p1"]`, "ended")
	}},
	{name: "twelve-matches", reach: func(o *office, b *tab) {
		o.rings(b, twelve("p1"))
		b.click("summary")
	}},
	{name: "three-calls", reach: func(o *office, b *tab) {
		answered := client("p1")
		answered.Call.State, answered.Contacts[0].Matters = screenpop.Connected, openMatters
		o.rings(b, answered)
		out := ring("p2", "Oluwaseun Adeyemi")
		out.Call.Direction, out.Contacts[0].Kind = screenpop.Outbound, screenpop.Person
		o.rings(b, out)
		o.rings(b, unknownCaller("p3"))
	}},
	{name: "long-names", reach: func(o *office, b *tab) {
		p := client("p1")
		p.Contacts[0].Name = "Maria-Magdalena Wilhelmina Theodorakopoulou-Featherstonehaugh von und zu Hohenlohe-Waldenburg-Schillingsfürst"
		p.Contacts[0].Company = "The Worshipful Company of International Maritime Salvage, Towage and Harbour Engineering Contractors (Massachusetts) LLP"
		p.Contacts[0].Matters = []screenpop.Matter{{ID: "m1", Number: "2026-LIT-0012345/B", Status: "Awaiting instructions", URL: "https://app.example/#/m1",
			Title: "Theodorakopoulou-Featherstonehaugh v. Massachusetts Bay Transportation Authority and others: appeal against the decision of the zoning board"}}
		p.Call.Queue = "Immigration, Family and Private Client Intake, New Enquiries (after hours)"
		o.rings(b, p)
	}},
	{name: "rtl-names", reach: func(o *office, b *tab) {
		p := client("p1")
		p.Contacts[0].Name, p.Contacts[0].Company = "מרים בן־דוד (לוי)", "בן־דוד ושות׳ בע״מ"
		p.Contacts[0].Matters = []screenpop.Matter{{ID: "m1", Number: "10214", Title: "חוזה שכירות, רחוב הנמל 44", Status: "Open", URL: "https://app.example/#/m1"}}
		p.Contacts = append(p.Contacts, screenpop.Contact{ID: "c2", Name: "فاطمة الزهراء بنت عبد الرحمن", Kind: screenpop.Person, Company: "Al Noor LLC", Matched: "cell", URL: "https://app.example/#/c2"})
		o.rings(b, p)
	}},
	{name: "recent", reach: func(o *office, b *tab) {
		o.history()
		b.count("#recent > li", 8)
	}},
	{name: "pairing-ending", reach: func(o *office, b *tab) {
		o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(-26), Expires: noon(4), Account: "Priya Shah", Problem: "ends"})
		b.until(`pairing.dataset.warning === 'expiring'`)
	}},
	{name: "pairing-mismatch", reach: func(o *office, b *tab) {
		no := false
		o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(-1), Expires: noon(29), Account: "Daniel Reyes", EmailMatches: &no})
		b.until(`pairing.dataset.warning === 'mismatch'`)
	}},
	{name: "pairing-ended", reach: func(o *office, b *tab) {
		o.set(screenpop.Pairing{State: screenpop.Expired, Since: noon(-31), Expires: noon(-1), Account: "Priya Shah", Problem: "The authorisation at Smokeball has ended. Pair again."})
		b.state("#pairing", "expired")
	}},
	{name: "pairing-attention", reach: func(o *office, b *tab) {
		o.set(screenpop.Pairing{State: screenpop.Attention, Since: noon(-1), Expires: noon(29), Account: "Priya Shah",
			Problem: "Smokeball does not let this sign-in look up contacts (403): check the API key, that the app has the scope contacts/read, and that this person may see contacts in Smokeball."})
		b.state("#pairing", "attention")
	}},
	{name: "pairing-blocked", reach: func(o *office, b *tab) {
		o.set(screenpop.Pairing{State: screenpop.Unpaired})
		b.js(`window.open = () => null`)
		b.click("#pair")
		b.until(`document.getElementById('pair-link').checkVisibility()`)
	}},
	{name: "pairing-under-way", reach: func(o *office, b *tab) {
		o.set(screenpop.Pairing{State: screenpop.Unpaired})
		b.js(`window.open = () => ({ closed: false, close() {}, focus() {}, document: { body: {} }, location: { pathname: 'blank', replace() {} } })`)
		b.click("#pair")
		b.until(`document.getElementById('pairing-progress').textContent.length > 30`)
	}},
	{name: "unpair", reach: func(_ *office, b *tab) {
		b.click("#unpair")
		b.until(`document.getElementById('confirm').open`)
	}},
	{name: "pairing-not-confirmed", reach: func(_ *office, b *tab) {
		b.js(`(window.fetch = async () => new Response('{"revoked":false}', { headers: { 'Content-Type': 'application/json' } }), 1)`)
		b.click("#unpair")
		b.click("#confirm-yes")
		b.state("#pairing", "unpaired")
		b.until(`document.getElementById('pairing-progress').textContent.length > 50`)
	}},
	{name: "reconnecting", reach: func(o *office, b *tab) {
		o.rings(b, client("p1"))
		// A server that is there and takes no socket.
		b.js(`(window.WebSocket = class { close() {} }, 1)`)
		o.hub.CloseAgent(agent.AgentID, push.Restart)
		b.until(`document.getElementById('trouble').checkVisibility()`)
	}},
	{name: "smokeball-not-answering", reach: func(o *office, b *tab) {
		o.rings(b, client("p1"))
		o.hub.Service(agent.Tenant, push.ServiceNotAnswering)
		b.state("#service", "not-answering")
	}},
	{name: "outdated", reach: func(o *office, b *tab) {
		o.hub.CloseAgent(agent.AgentID, push.CloseCode(4504))
		b.state("#connection", "stopped")
	}},
	{name: "dialling", reach: func(o *office, b *tab) {
		o.dialBy(web.DialByPBX, nil)
		o.history()
		b.do(chromedp.Reload())
		b.click("#recent button.number")
		b.state("#dialling", "ringing")
	}},
	{name: "dialling-failed", reach: func(o *office, b *tab) {
		o.dialBy(web.DialByPBX, noLine{})
		o.history()
		b.do(chromedp.Reload())
		b.click("#recent button.number")
		b.state("#dialling", "failed")
	}},
	{name: "signed-out", reach: func(o *office, b *tab) {
		o.admin("/v1/sign-out")
		b.state("body", "signed-out")
	}},
	{name: "join-failed", reach: func(o *office, b *tab) {
		o.admin("/v1/sign-out")
		b.state("body", "signed-out")
		b.do(chromedp.Navigate(o.origin + "/join#AAAA"))
		b.state("#join", "failed")
	}},
	{name: "pairing-window", reach: func(o *office, b *tab) {
		b.throughPairing(o, screenpop.Pairing{Account: "Priya Shah"})
		b.until(`document.body.dataset.outcome === 'paired'`)
	}},
	{name: "pairing-window-mismatch", reach: func(o *office, b *tab) {
		no := false
		b.throughPairing(o, screenpop.Pairing{Account: "Daniel Reyes", EmailMatches: &no})
		b.until(`document.body.dataset.warning === 'mismatch'`)
	}},
	{name: "pairing-window-failed", reach: func(o *office, b *tab) {
		o.set(screenpop.Pairing{State: screenpop.Paired, Account: "Priya Shah"})
		b.do(chromedp.Navigate(o.origin + "/pair/callback?state=another&code=c"))
		b.until(`document.body.dataset.outcome === 'failed'`)
	}},
	{name: "settings", reach: func(_ *office, b *tab) {
		b.click("#settings-open")
		b.count("#devices > li", 1)
		b.until(`document.querySelector('[name=on][value=ringing]').checked`)
	}},
	{name: "settings-locked", firm: strict, reach: func(_ *office, b *tab) {
		b.js(`(fetch('/api/settings', { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: '{"outbound":false}' }), 1)`)
		b.click("#settings-open")
		b.count("#devices > li", 1)
		b.until(`!document.getElementById('settings-defaults').hidden`)
	}},
	{name: "hint", reach: func(_ *office, b *tab) {
		b.js(`(Object.defineProperty(Notification, 'permission', { value: 'default', configurable: true }), localStorage.clear(), dispatchEvent(new Event('storage')))`)
		b.until(`document.getElementById('hint').dataset.kind === 'notifications'`)
	}},
	{name: "sign-in", firm: everyWay, reach: func(o *office, b *tab) {
		o.admin("/v1/sign-out")
		b.until(`document.getElementById('sign-in-form').checkVisibility()`)
	}},
	{name: "sign-in-domain", firm: provider, reach: func(o *office, b *tab) {
		o.admin("/v1/sign-out")
		b.until(`document.getElementById('sign-in-domain').checkVisibility()`)
	}},
	{name: "sign-on-failed", firm: everyWay, reach: func(o *office, b *tab) {
		b.do(chromedp.Navigate(o.origin + web.SignOnCallback))
		b.until(`document.getElementById('again')`)
	}},
	{name: "sign-on-choice", firm: twoExtensions, reach: func(o *office, b *tab) {
		b.do(chromedp.Navigate(o.origin + "/sign-in/oidc"))
		b.until(`document.querySelectorAll('#choices a').length === 2`)
	}},
}

// In another language than English: what is written the other way, and what
// is longest.
var statesIn = map[string][]string{
	"ar-EG": {"no-call", "connected", "three-calls", "rtl-names", "recent", "pairing-ending", "pairing-mismatch", "reconnecting", "signed-out", "pairing-window-failed", "unpair", "settings", "sign-in", "sign-on-choice", "sign-on-failed"},
	"de-DE": {"three-calls", "recent", "pairing-mismatch", "pairing-under-way"},
}

var openMatters = []screenpop.Matter{
	{ID: "m1", Number: "10214", Title: "Lease of 44 Harbor Street", Status: "Open", URL: "https://app.example/#/m1"},
	{ID: "m2", Number: "10187", Title: "Liquor licence, transfer to Harborview Brewing Company", Status: "Pending", URL: "https://app.example/#/m2"},
}

func client(id string) screenpop.Pop {
	p := ring(id, "Maria Castellanos")
	p.Contacts[0].Company, p.Call.Queue = "Harborview Brewing Company, LLC", "Intake"
	return p
}

func unknownCaller(id string) screenpop.Pop {
	p := ring(id, "")
	p.Contacts, p.Call.Number = nil, screenpop.Number{Canonical: "+442079460958", Display: "+44 20 7946 0958"}
	p.Links = &screenpop.Links{Search: "https://app.example/#/search", Create: "https://app.example/#/create"}
	return p
}

func twelve(id string) screenpop.Pop {
	p := client(id)
	kinds := []screenpop.ContactKind{screenpop.Person, screenpop.Company, screenpop.Trust, screenpop.Group}
	for i, name := range []string{"Harborview Brewing Company, LLC", "Castellanos Family Trust", "Estate of Hector Castellanos", "Elena Castellanos", "Hector Castellanos Jr.",
		"Castellanos & Sons Plumbing", "Neighbors of Harbor Street", "Luz Castellanos-Ortega", "Seaport Tap House, Inc.", "Ana Sofía Castellanos", "M. Castellanos Holdings, LP"} {
		p.Contacts = append(p.Contacts, screenpop.Contact{ID: fmt.Sprint("c", i), Name: name, Kind: kinds[(i+1)%4], Matched: "phone", URL: "https://app.example/#/c"})
	}
	p.More = 3
	return p
}

// rings puts a pop on the screen and waits for it.
func (o *office) rings(b *tab, p screenpop.Pop) {
	b.t.Helper()
	p.Call.Started = time.Now().Add(-17 * time.Second)
	o.hub.Pop(agent.AgentID, p, time.Now())
	b.state(`[data-pop-id="`+p.ID+`"]`, string(p.Call.State))
}

// history is one call of each outcome.
func (o *office) history() {
	for i, e := range []screenpop.EndedPop{
		{Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeMatched},
		{Reason: screenpop.EndAnsweredElsewhere, AnsweredBy: "Daniel Reyes", Outcome: screenpop.OutcomeMatched},
		{Reason: screenpop.EndDismissed, Outcome: screenpop.OutcomeMatched},
		{Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeNoMatch},
		{Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeUnavailable},
		{Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeTooLate},
		{Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeMatched},
		{Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeMatched},
	} {
		e.Pop = client(fmt.Sprint("r", i))
		if e.Outcome != screenpop.OutcomeMatched {
			e.Pop = unknownCaller(fmt.Sprint("r", i))
		}
		if i == 6 {
			e.Pop.Call.State = screenpop.Connected
		}
		if i == 7 {
			e.Pop.Call.Direction = screenpop.Outbound
		}
		e.Ended = time.Now().Add(time.Duration(i-9) * 7 * time.Minute)
		o.hub.Past(agent.AgentID, e)
	}
}

// holdEnded keeps cards of calls that are over from folding up.
func (b *tab) holdEnded() {
	b.t.Helper()
	b.js(`(window.setTimeout = ((real) => (f, ms, ...more) => ms === 5000 ? 1 : real(f, ms, ...more))(setTimeout), 1)`)
}

// throughPairing goes the way of the pairing window in this tab, which stays
// open because nothing has opened it.
func (b *tab) throughPairing(o *office, as screenpop.Pairing) {
	b.t.Helper()
	o.mu.Lock()
	o.as = as
	o.mu.Unlock()
	b.js(`(fetch('/api/pair', { method: 'POST' }).then((r) => r.json()).then((a) => { window.to = a.authorize_url; }), 1)`)
	b.until(`window.to`)
	// The window goes on to the page when it cannot close itself.
	b.do(chromedp.Navigate(b.js(`window.to`)))
	b.until(`document.getElementById('outcome-title')`)
}

// reach opens the page in an office of its own and leads it to the state.
func (s state) in(t *testing.T, b *tab) *office {
	t.Helper()
	if s.firm == nil {
		s.firm = func(*office) {}
	}
	o := newOffice(t, s.firm)
	was := b.t
	b.t = t
	t.Cleanup(func() { b.t = was })
	o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(-3), Expires: noon(27), Account: "Priya Shah"})
	b.do(chromedp.Navigate(o.admin("/v1/invites")))
	b.state("#connection", "connected")
	b.state("#pairing", "paired")
	s.reach(o, b)
	return o
}

// looks sets what people set for all pages: a theme, less motion, colours of
// their own.
func (b *tab) looks(theme string, more ...emulation.MediaFeature) {
	b.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	for _, f := range more {
		features = append(features, &f)
	}
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

// everyState goes through all states, and through some in other languages. A
// browser is good for some of them: it has its time, as in every test.
func everyState(t *testing.T, visit func(t *testing.T, b *tab, s state, language string)) {
	t.Helper()
	of := map[string][]state{"en-US": states}
	for tag, names := range statesIn {
		for _, s := range states {
			if slices.Contains(names, s.name) {
				of[tag] = append(of[tag], s)
			}
		}
	}
	for tag, list := range of {
		for some := range slices.Chunk(list, 8) {
			t.Run(tag, func(t *testing.T) {
				b := browser(t)
				b.speaks(tag)
				b.looks("light")
				// What the page asks once stands in no state but its own.
				b.first(`try { localStorage.setItem('smokepop-notifications', 'later'); } catch {}`)
				for _, s := range some {
					t.Run(s.name, func(t *testing.T) { visit(t, b, s, tag) })
				}
			})
		}
	}
}
