package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

var agent = screenpop.Agent{AgentID: screenpop.AgentID{Tenant: "firm.example.com", Extension: "101"}, Name: "Priya Shah", Email: "priya@firm.example"}

// office is what the page stands on, but for Smokeball and the store: a hub, a
// server and a browser.
type office struct {
	t         testing.TB
	hub       *push.Hub
	other     *push.Hub // of another machine, for pages that look for one; nil: there is none
	server    *web.Server
	origin    string
	smokeball *httptest.Server
	line      *line

	mu      sync.Mutex
	pairing screenpop.Pairing
	as      screenpop.Pairing // who signs in at Smokeball
	state   map[string]string // session by state
	opened  []string          // pops whose cards were opened
	firm    screenpop.SettingsRule
	config  web.Config // what of it an office has beside the usual
	came    int        // calls that have come and gone
	dialler
	store web.Store
}

// The pairing's interfaces.

func (o *office) Begin(_ context.Context, _ screenpop.AgentID, session string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state["s1"] = session
	return o.smokeball.URL + "/authorize?state=s1&back=" + url.QueryEscape(o.origin+"/pair/callback"), nil
}

func (o *office) Finish(_ context.Context, session string, q url.Values) (screenpop.AgentID, screenpop.Pairing, error) {
	o.mu.Lock()
	ours := o.state[q.Get("state")] == session
	o.mu.Unlock()
	if !ours {
		return screenpop.AgentID{}, screenpop.Pairing{}, refused{}
	}
	until := time.Now().Add(30 * 24 * time.Hour)
	o.mu.Lock()
	p := o.as
	o.mu.Unlock()
	now := time.Now()
	p.State, p.Since, p.Expires = screenpop.Paired, &now, &until
	o.set(p)
	return agent.AgentID, o.Pairing(agent.AgentID), nil
}

type refused struct{}

func (refused) Error() string              { return "refused" }
func (refused) PairProblem() (int, string) { return 403, "This pairing was begun elsewhere." }
func (refused) PairProblemWord() string    { return "other-session" }

func (o *office) Unpair(context.Context, screenpop.AgentID) (bool, error) {
	o.set(screenpop.Pairing{State: screenpop.Unpaired})
	return true, nil
}

func (o *office) Pairing(screenpop.AgentID) screenpop.Pairing {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pairing
}

func (o *office) set(p screenpop.Pairing) {
	o.mu.Lock()
	o.pairing = p
	o.mu.Unlock()
	o.hub.PairingChanged(agent.AgentID, p)
}

func (o *office) Opened(a screenpop.AgentID, popID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened = append(o.opened, string(a.Extension)+" "+popID)
}

func (o *office) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	return agent, id == agent.AgentID
}
func (o *office) Agents() []screenpop.Agent                   { return []screenpop.Agent{agent} }
func (o *office) Ways([]screenpop.TraceEntry) []screenpop.Way { return nil }

func (o *office) Follow(context.Context, web.TraceQuery) ([]screenpop.TraceEntry, <-chan screenpop.TraceEntry) {
	return nil, nil
}

// screens puts a hub behind the interface of this package.
type screens struct {
	*push.Hub
	other func() *push.Hub
}

func (s screens) Serve(w http.ResponseWriter, r *http.Request, a screenpop.Agent, session string, valid func() bool) {
	hub := s.Hub
	if other := s.other(); other != nil && r.URL.Query().Has("elsewhere") {
		hub = other
	}
	hub.Serve(w, r, push.Viewer{Agent: a, Session: session, Valid: valid})
}
func (s screens) CloseSession(session string, code int) {
	s.Hub.CloseSession(session, push.CloseCode(code))
}
func (s screens) TellUnpaired(a screenpop.AgentID, why string) {
	s.PairingChanged(a, screenpop.Pairing{State: screenpop.Unpaired, Problem: why})
}
func (s screens) CloseAgent(a screenpop.AgentID, code int) { s.Hub.CloseAgent(a, push.CloseCode(code)) }

func newOffice(t testing.TB, change ...func(*office)) *office {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{
		t: t, origin: "http://" + l.Addr().String(), state: map[string]string{}, pairing: screenpop.Pairing{State: screenpop.Unpaired},
		firm: screenpop.SettingsRule{Defaults: screenpop.AgentSettings{On: screenpop.Ringing, Inbound: true, Outbound: true, Notification: screenpop.NotifyFull}},
	}
	o.line = &line{Listener: l}
	for _, c := range change {
		c(o)
	}
	log := slog.New(slog.DiscardHandler)
	store := web.NewMemory()
	o.store = store
	settings, err := web.LoadSettings(t.Context(), store, map[screenpop.Tenant]screenpop.SettingsRule{agent.Tenant: o.firm}, log)
	if err != nil {
		t.Fatal(err)
	}
	o.hub = push.New(push.Config{Origin: o.origin, Pairings: o, Opener: o, Settings: settings, Log: log})
	cfg := o.config
	if cfg.Directory == nil {
		cfg.Directory = o
	}
	if cfg.Pairings == nil {
		cfg.Pairings = o
	}
	if cfg.Traces == nil {
		cfg.Traces = o
	}
	cfg.PublicURL, cfg.Store, cfg.Screens = o.origin, store, screens{o.hub, func() *push.Hub { return o.other }}
	cfg.Dialler, cfg.Settings, cfg.Log = o, settings, log
	o.server, err = web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// The other site sends the browser back at once, on its own accord.
	o.smokeball = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<meta http-equiv="refresh" content="0;url=%s?code=c&amp;state=%s">`, q.Get("back"), q.Get("state"))
	}))
	server := &http.Server{Handler: o.server.Handler()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(o.line)
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = o.hub.Close(ctx)
		_ = server.Close()
		<-served
		o.smokeball.Close()
	})
	return o
}

func (o *office) admin(path string) string { return o.adminFor(path, "") }

// adminFor is admin with a reason.
func (o *office) adminFor(path, reason string) string {
	o.t.Helper()
	body := fmt.Sprintf(`{"tenant":"firm.example.com","extension":"101","reason":%q}`, reason)
	r := httptest.NewRequestWithContext(o.t.Context(), "POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	o.server.Admin().ServeHTTP(w, r)
	if w.Code != 200 {
		o.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	var out struct{ URL string }
	_ = json.Unmarshal(w.Body.Bytes(), &out)
	return out.URL
}

// tab is a tab of the browser.
type tab struct {
	t   testing.TB
	ctx context.Context
	// world is set for a frame that the browser keeps with the page around it.
	world runtime.ExecutionContextID
}

// there has an expression evaluated where the tab is.
func (b *tab) there(p *runtime.EvaluateParams) { p.ContextID = b.world }

// browser starts Chromium and returns its first tab.
func browser(t testing.TB, more ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if _, err := exec.LookPath("google-chrome"); err != nil {
			t.Skip("no Chromium on this machine: make test-tools installs one")
		}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)], more...)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	// Chromium itself dies at its start now and then, on a machine that is busy.
	for tries := 1; ; tries++ {
		started, cancel := chromedp.NewExecAllocator(ctx, options...)
		first, end := chromedp.NewContext(started)
		err := chromedp.Do(first, chromedp.Navigate("about:blank"))
		if err == nil {
			t.Cleanup(cancel)
			return watched(t, first, end)
		}
		end()
		cancel()
		if tries == 3 {
			t.Fatal(err)
		}
	}
}

func open(t testing.TB, parent context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(cancel)
	b.do(chromedp.Navigate("about:blank"))
	return watched(t, ctx, cancel)
}

// watched is a tab whose console has to stay quiet.
func watched(t testing.TB, ctx context.Context, cancel context.CancelFunc) *tab {
	t.Helper()
	messages := chromedp.Console(ctx)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for m, err := range messages {
			if err != nil {
				return
			}
			// The browser writes a line of its own for refused requests.
			if (m.Type == "error" || m.IsException()) && m.Source != "network" && !strings.Contains(m.Text, "WebSocket") {
				t.Errorf("console: %s", m)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-heard
	})
	return &tab{t: t, ctx: ctx}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)?.checkVisibility()`, selector))
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) js(expression string) string {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`String(`+expression+`)`, b.there))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until a condition holds in the page. The page looks itself, on
// timers, which run in hidden tabs too.
func (b *tab) until(condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	script := `new Promise(done => { const look = () => { let ok = false; try { ok = ` + condition + ` } catch {} ok ? done(true) : setTimeout(look, 10) }; look() })`
	for ctx.Err() == nil {
		// A navigation ends the promise: ask the next document.
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise, b.there)); err == nil {
			return
		}
	}
	b.t.Fatalf("never: %s\n%s", condition, b.js(`document.body.innerText`))
}

func (b *tab) state(selector, state string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q).dataset.state === %q`, selector, state))
}

func (b *tab) count(selector string, n int) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelectorAll(%q).length === %d`, selector, n))
}

// says waits until an element shows a text. The browser lays out a card, and
// has its text as shown, only when it has drawn a frame with it.
func (b *tab) says(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q).innerText.replace(/\s+/g, ' ') === %q`, selector, text))
}

func ring(id, name string) screenpop.Pop {
	return screenpop.Pop{
		ID: id,
		Call: screenpop.Call{ID: screenpop.CallID("call-" + id), Direction: screenpop.Inbound, State: screenpop.Ringing,
			Number: screenpop.Number{Canonical: "+16173998147", Display: "(617) 399-8147"}, Started: time.Now()},
		Contacts: []screenpop.Contact{{ID: id, Name: name, Kind: screenpop.Person, Matched: "cell", URL: "https://app.example/#/contact/" + id}},
	}
}

// joined returns an office and a tab that is signed in, of an agent who is
// paired: nobody else is shown a pop.
func joined(t testing.TB, change ...func(*office)) (*office, *tab) {
	t.Helper()
	o, b := unpaired(t, change...)
	o.set(screenpop.Pairing{State: screenpop.Paired})
	b.state("#pairing", "paired")
	return o, b
}

// unpaired returns an office and a tab of an agent who has only signed in.
func unpaired(t testing.TB, change ...func(*office)) (*office, *tab) {
	t.Helper()
	b := browser(t)
	o := newOffice(t, change...)
	b.do(chromedp.Navigate(o.admin("/v1/invites")))
	b.state("#connection", "connected")
	return o, b
}

func TestBrowserJoinsPairsAndUnpairs(t *testing.T) {
	o, b := unpaired(t)
	if got := b.js(`location.href`); got != o.origin+"/" {
		t.Errorf("at %s", got)
	}
	if got := b.js(`document.getElementById('agent-name').textContent + history.length`); !strings.HasPrefix(got, "Priya Shah") {
		t.Errorf("agent %s", got)
	}
	b.state("#pairing", "unpaired")
	b.until(`document.getElementById('pairing-sign').dataset.sign === 'cross'`)
	b.js(`window.notReloaded = true`)
	second := open(t, b.ctx)
	second.do(chromedp.Navigate(o.origin))
	second.state("#pairing", "unpaired")

	b.click("#pair")
	b.state("#pairing", "paired")
	second.state("#pairing", "paired")
	b.until(`document.getElementById('pairing-sign').dataset.sign === 'tick'`)
	if b.js(`window.notReloaded`) != "true" {
		t.Error("the page was reloaded")
	}
	closed := false
	for deadline := time.Now().Add(patience); !closed && time.Now().Before(deadline); {
		targets, err := chromedp.Targets(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		closed = true
		for _, info := range targets {
			closed = closed && !strings.Contains(info.URL, "/pair/callback") && !strings.Contains(info.URL, "/authorize")
		}
		b.js(`'a turn of the page'`)
	}
	if !closed {
		t.Error("the pairing window stays open")
	}

	b.click("#unpair")
	b.click("#confirm-no")
	b.state("#pairing", "paired")
	b.click("#unpair")
	b.click("#confirm-yes")
	b.state("#pairing", "unpaired")
	second.state("#pairing", "unpaired")
}

func TestBrowserOffersALinkWhenPopUpsAreBlocked(t *testing.T) {
	_, b := unpaired(t)
	b.js(`window.open = () => null`)
	b.click("#pair")
	b.until(`document.getElementById('pair-link').checkVisibility() && document.getElementById('pair-link').href.includes('/authorize?')`)
	b.click("#pair-link")
	b.state("#pairing", "paired")
}

func TestBrowserShowsACallFromItsFirstRingToItsEnd(t *testing.T) {
	o, b := joined(t)
	hostile := `<img src=x onerror=alert(1)> "Mary"`
	pop := ring("p1", hostile)
	o.hub.Pop(agent.AgentID, pop, time.Now())
	b.state(`[data-pop-id="p1"]`, "ringing")
	for expression, want := range map[string]string{
		`document.querySelector('.pop-name').textContent`:   hostile,
		`document.querySelector('.pop-number').textContent`: "(617) 399-8147",
		`document.querySelector('a.pop-open').href`:         "https://app.example/#/contact/p1",
		`document.querySelector('a.pop-open').rel`:          "noopener noreferrer",
		`document.title`: "☎ " + hostile,
		`document.getElementById('empty').checkVisibility()`:   "false",
		`document.activeElement === document.body`:             "true",
		`document.getElementById('announce').textContent`:      "Incoming call: " + hostile + ", (617) 399-8147",
		`document.querySelector('.pop-timer').textContent[1]`:  ":",
		`document.querySelectorAll('img, .pop script').length`: "0",
	} {
		if got := b.js(expression); got != want {
			t.Errorf("%s = %q, want %q", expression, got, want)
		}
	}
	pop.Call.State = screenpop.Connected
	o.hub.Update(agent.AgentID, pop)
	b.state(`[data-pop-id="p1"]`, "connected")
	b.until(`document.title === 'smokepop'`)
	o.hub.End(agent.AgentID, "p1", screenpop.EndTerminated, "")
	b.until(`document.querySelector('#recent > [data-pop-id="p1"]').dataset.outcome === 'answered'`)
	b.count("#pops > li", 0)
	b.until(`document.getElementById('empty').checkVisibility()`)
}

func TestBrowserShowsMattersWhenTheyCome(t *testing.T) {
	o, b := joined(t)
	pop := ring("p1", "Mary")
	o.hub.Pop(agent.AgentID, pop, time.Now())
	b.state(`[data-pop-id="p1"]`, "ringing")
	if b.js(`document.querySelector('.pop-matters').checkVisibility()`) != "false" {
		t.Error("there is a list of matters, and there are none")
	}
	pop.Call.State = screenpop.Connected
	o.hub.Update(agent.AgentID, pop)
	b.state(`[data-pop-id="p1"]`, "connected")
	pop.Contacts[0].Matters = []screenpop.Matter{
		{ID: "m1", Number: "10214", Title: `<b>Lease</b> of 44 Harbor Street`, Status: "Open", URL: "https://app.example/#/matter/m1"},
		{ID: "m2", Number: "10187", Title: "Liquor licence", Status: "Pending"},
	}
	o.hub.Update(agent.AgentID, pop)
	b.count(".pop-matters li", 2)
	b.says(".pop-matters", "Matters 10214 <b>Lease</b> of 44 Harbor Street Open 10187 Liquor licence Pending")
	if got := b.js(`document.querySelector('.pop-matters a').href`); got != "https://app.example/#/matter/m1" {
		t.Errorf("leads to %s", got)
	}
}

// Looking closer at a card is told once; dismissing it is not looking closer.
func TestBrowserTellsThatACardWasOpened(t *testing.T) {
	o, b := joined(t)
	pressed := map[string]string{ // what is pressed, on which card
		"p1": ".pop-open", "p2": ".pop-name", "p3": "summary",
	}
	b.js(`document.addEventListener('click', (e) => e.target.closest('a') && e.preventDefault())`)
	for _, id := range []string{"p1", "p2", "p3", "p4", "p5"} {
		p := ring(id, "Mary")
		if id == "p3" {
			for i := range 6 {
				p.Contacts = append(p.Contacts, ring(fmt.Sprint("c", i), "Other").Contacts...)
			}
		}
		if id == "p5" {
			p.Contacts = nil // nobody's card has nothing more to show
		}
		o.hub.Pop(agent.AgentID, p, time.Now())
	}
	b.count("#pops > li", 5)
	for _, id := range []string{"p1", "p2", "p3"} {
		b.click(`[data-pop-id="` + id + `"] ` + pressed[id])
		b.click(`[data-pop-id="` + id + `"] .pop-name`)
	}
	b.click(`[data-pop-id="p5"] .pop-name`)
	b.click(`[data-pop-id="p4"] .pop-dismiss`)
	b.until(`document.querySelector('#recent > [data-pop-id="p4"]')`)
	second := open(t, b.ctx) // its hello comes after all that was said before
	second.do(chromedp.Navigate(o.origin))
	second.count("#pops > li", 4)
	o.mu.Lock()
	defer o.mu.Unlock()
	if got := strings.Join(o.opened, ", "); got != "101 p1, 101 p2, 101 p3" {
		t.Errorf("told %q", got)
	}
}

func TestBrowserOffersAnUnknownCallersLinks(t *testing.T) {
	o, b := joined(t)
	p := ring("p1", "")
	p.Contacts = nil
	p.Links = &screenpop.Links{Search: "https://app.example/#/search?q=%2B16173998147", Create: "javascript:alert(1)"}
	o.hub.Pop(agent.AgentID, p, time.Now())
	b.state(`[data-pop-id="p1"]`, "ringing")
	b.says(".pop-who", "(617) 399-8147 Not in Smokeball")
	for selector, want := range map[string]string{
		".pop-open":   "none false",
		".pop-search": "https://app.example/#/search?q=%2B16173998147 true",
		".pop-create": "none false", // only web addresses are links
	} {
		if got := b.js(fmt.Sprintf(`(a => (a.getAttribute('href') ?? 'none') + ' ' + a.checkVisibility())(document.querySelector(%q))`, selector)); got != want {
			t.Errorf("%s leads to %q, want %q", selector, got, want)
		}
	}
	o.hub.End(agent.AgentID, "p1", screenpop.EndTerminated, "")
	b.until(`document.querySelector('#recent > [data-pop-id="p1"]').dataset.lookup === 'no-match'`)
}

// Calls without a pop are in the list, in words, and nowhere else.
func TestBrowserListsCallsThatHadNoPop(t *testing.T) {
	o, b := joined(t)
	b.js(`(window.seen = 0, new MutationObserver(() => seen++).observe(document.getElementById('pops'), { childList: true }), 1)`)
	said := map[screenpop.Outcome]string{
		screenpop.OutcomeNoMatch:     "Incoming Missed Not in Smokeball",
		screenpop.OutcomeNotPaired:   "Incoming Missed Not paired",
		screenpop.OutcomeTooLate:     "Incoming Missed Over before the name came",
		screenpop.OutcomeUnavailable: "Incoming Missed Smokeball was not answering",
		screenpop.OutcomeRefused:     "Incoming Missed Refused by Smokeball",
	}
	for o2 := range said {
		p := ring(string(o2), "")
		p.Contacts = nil
		o.hub.Past(agent.AgentID, screenpop.EndedPop{Pop: p, Ended: time.Now(), Reason: screenpop.EndTerminated, Outcome: o2})
	}
	check := func(b *tab) {
		t.Helper()
		b.count("#recent > li", len(said))
		for o2, want := range said {
			row := fmt.Sprintf(`#recent > [data-lookup=%q]`, o2)
			if got := b.js(fmt.Sprintf(`document.querySelector(%q).querySelector('.recent-about').textContent.replace(/\s+/g, ' ')`, row)); got != want {
				t.Errorf("%s: says %q, want %q", o2, got, want)
			}
			if got := b.js(fmt.Sprintf(`document.querySelector(%q).querySelector('.recent-name').textContent`, row)); got != "(617) 399-8147" {
				t.Errorf("%s: is called %q", o2, got)
			}
		}
	}
	check(b)
	if got := b.js(`[seen, document.getElementById('announce').textContent, document.title, document.getElementById('empty').checkVisibility()].join()`); got != "0,,smokepop,true" {
		t.Errorf("the page was not quiet: %q", got)
	}
	b.do(chromedp.Reload())
	check(b)
	o.set(screenpop.Pairing{State: screenpop.Unpaired})
	b.count("#recent > li", 0)
}

func TestBrowserSaysThatSmokeballIsNotAnswering(t *testing.T) {
	o, b := joined(t)
	notice := func(want string) {
		t.Helper()
		b.state("#service", want)
		b.until(fmt.Sprintf(`document.getElementById('service').checkVisibility() === %t`, want != "ok"))
	}
	notice("ok")
	o.hub.Service(agent.Tenant, push.ServiceNotAnswering)
	notice("not-answering")
	if got := b.js(`document.getElementById('service').innerText.trim()`); got != "Smokeball is not answering. Calls go on; names will come back by themselves." {
		t.Errorf("says %q", got)
	}
	b.do(chromedp.Reload()) // hello says it too
	notice("not-answering")
	o.hub.Service(agent.Tenant, push.ServiceOK)
	notice("ok")
}

func TestBrowserTabsAgree(t *testing.T) {
	o, b := joined(t)
	second := open(t, b.ctx)
	second.do(chromedp.Navigate(o.origin))
	second.state("#connection", "connected")
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	o.hub.Pop(agent.AgentID, ring("p2", "John"), time.Now())
	b.count("#pops > li", 2)
	second.count("#pops > li", 2)
	second.click(`[data-pop-id="p1"] .pop-dismiss`)
	b.count("#pops > li", 1)
	second.count("#pops > li", 1)
	for _, each := range []*tab{b, second} {
		each.until(`document.querySelector('#recent > [data-pop-id="p1"]').dataset.outcome === 'dismissed'`)
		each.count("#recent > li", 1)
	}
}

func TestBrowserComesBackWithNothingTwice(t *testing.T) {
	o, b := joined(t)
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	o.hub.Pop(agent.AgentID, ring("p2", "John"), time.Now())
	o.hub.End(agent.AgentID, "p2", screenpop.EndAnsweredElsewhere, "Daniel Reyes")
	b.count("#recent > li", 1)
	b.js(`(window.states = [], new MutationObserver(() => states.push(document.getElementById('connection').dataset.state)).observe(document.getElementById('connection'), { attributes: true }), 1)`)
	o.hub.CloseAgent(agent.AgentID, push.Restart)
	b.until(`states.includes('reconnecting') && states.at(-1) === 'connected'`)
	b.count("#pops > li", 1)
	b.count("#recent > li", 1)
	b.until(`document.querySelector('.recent-how').textContent === 'Answered by Daniel Reyes'`)
	o.hub.Pop(agent.AgentID, ring("p3", "Zoë"), time.Now())
	b.count("#pops > li", 2)
}

func TestBrowserStopsWhenItsSessionHasEnded(t *testing.T) {
	o, b := joined(t)
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	b.count("#pops > li", 1)
	o.admin("/v1/sign-out")
	b.state("body", "signed-out")
	b.until(`document.getElementById('signed-out').checkVisibility() && !document.getElementById('signed-in').checkVisibility()`)
	if got := b.js(`document.getElementById('signed-out-reason').textContent + document.querySelectorAll('#pops > li, #recent > li').length`); got != "Your administrator has ended this session.0" {
		t.Errorf("says %q", got)
	}
	if o.hub.Screens(agent.AgentID) != 0 {
		t.Error("a screen is open")
	}
	// A new link in the same browser wakes the old tab too.
	second := open(t, b.ctx)
	second.do(chromedp.Navigate(o.admin("/v1/invites")))
	second.state("#connection", "connected")
	b.state("#connection", "connected")
}

func TestBrowserSignsOut(t *testing.T) {
	_, b := joined(t)
	b.click("#sign-out")
	b.click("#confirm-yes")
	b.state("body", "signed-out")
	b.do(chromedp.Reload())
	b.state("body", "signed-out")
}

func TestBrowserReadsWhyAnInviteIsRefused(t *testing.T) {
	b := browser(t)
	o := newOffice(t)
	link := o.admin("/v1/invites")
	b.do(chromedp.Navigate(link))
	b.state("#connection", "connected")
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link)) // used, but this browser is signed in
	b.state("#connection", "connected")
	o.admin("/v1/sign-out")
	b.state("body", "signed-out")
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link))
	b.state("#join", "failed")
	if got := b.js(`location.href + ' ' + document.getElementById('join-text').textContent`); !strings.HasPrefix(got, o.origin+"/join This invite link is not valid") {
		t.Error(got)
	}
}

// Whoever opens the page by another name of this machine is led to the one
// that sessions belong to.
func TestBrowserIsLedToThePublicAddress(t *testing.T) {
	b := browser(t)
	o := newOffice(t)
	link := o.admin("/v1/invites")
	b.do(chromedp.Navigate(strings.Replace(link, "127.0.0.1", "localhost", 1)))
	b.state("#connection", "connected")
	if got := b.js(`location.href`); got != o.origin+"/" {
		t.Errorf("at %s", got)
	}
}

// A new ring is at the top, above calls that are answered or over.
func TestBrowserShowsWhoRingsFirst(t *testing.T) {
	o, b := joined(t)
	for _, id := range []string{"over", "answered", "rings"} {
		o.hub.Pop(agent.AgentID, ring(id, id), time.Now())
	}
	o.hub.End(agent.AgentID, "over", screenpop.EndTerminated, "")
	answered := ring("answered", "answered")
	answered.Call.State = screenpop.Connected
	o.hub.Update(agent.AgentID, answered)
	b.until(`(() => {
		const top = id => document.querySelector('[data-pop-id="' + id + '"]').getBoundingClientRect().top;
		return top("rings") < top("answered") && top("answered") < top("over");
	})()`)
}
