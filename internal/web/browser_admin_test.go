package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// house is an office of two firms, as an admin sees it.
type house struct {
	*office
	agents   []screenpop.Agent
	pairings map[screenpop.AgentID]screenpop.Pairing
	past     []screenpop.TraceEntry
	next     chan screenpop.TraceEntry
	began    time.Time
}

const (
	everybodysAdmin = "it@provider.example"
	firmsAdmin      = "office@firm.example"
)

func ofFirm(extension, name, email string) screenpop.Agent {
	return screenpop.Agent{AgentID: screenpop.AgentID{Tenant: agent.Tenant, Extension: screenpop.Extension(extension)}, Name: name, Email: email}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	now := time.Now()
	at := func(d time.Duration) *time.Time { p := now.Add(d); return &p }
	day := 24 * time.Hour
	h := &house{began: now, next: make(chan screenpop.TraceEntry, 100), pairings: map[screenpop.AgentID]screenpop.Pairing{}}
	no := false
	for i, a := range []struct {
		agent   screenpop.Agent
		pairing screenpop.Pairing
	}{
		{agent, screenpop.Pairing{State: screenpop.Unpaired}},
		{ofFirm("102", "Daniel Reyes", "daniel@firm.example"), screenpop.Pairing{State: screenpop.Paired, Since: at(-3 * day), Expires: at(27 * day), Account: "daniel@firm.example"}},
		{ofFirm("103", "Zoë van der Berg-Kowalczyk", "zoe@firm.example"), screenpop.Pairing{State: screenpop.Paired, Since: at(-28 * day), Expires: at(2*day + time.Hour), Account: "zoe@firm.example", Problem: "Pair again soon."}},
		{ofFirm("104", "Amal Haddad", "amal@firm.example"), screenpop.Pairing{State: screenpop.Attention, Since: at(-9 * day), Expires: at(21 * day), Account: "amal@firm.example", Problem: "Smokeball does not let this sign-in look up contacts."}},
		{ofFirm("105", "Mary Whitlock", "mary@firm.example"), screenpop.Pairing{State: screenpop.Expired, Since: at(-31 * day), Expires: at(-day), Account: "mary@firm.example", Problem: "The authorisation has ended."}},
		{ofFirm("106", "Tom Brandt", "tom@firm.example"), screenpop.Pairing{State: screenpop.Paired, Since: at(-5 * day), Expires: at(25 * day), Account: "reception@firm.example", EmailMatches: &no}},
		{screenpop.Agent{AgentID: screenpop.AgentID{Tenant: "other.example.com", Extension: "901"}, Name: "Olga Petrova", Email: "olga@other.example"}, screenpop.Pairing{State: screenpop.Paired, Since: at(-2 * day), Expires: at(28 * day), Account: "olga@other.example"}},
	} {
		h.agents = append(h.agents, a.agent)
		h.pairings[a.agent.AgentID] = a.pairing
		if i == 1 || i == 6 {
			h.past = append(h.past, way(a.agent, fmt.Sprint("call-", a.agent.Extension), now)...)
		}
	}
	h.office = newOffice(t, func(o *office) {
		o.config = web.Config{
			Directory: h, Directories: h, Administration: web.Administration{
				Admins: []web.Admin{
					{Email: everybodysAdmin}, {Email: firmsAdmin, Tenants: []screenpop.Tenant{agent.Tenant}},
				},
				Tenants: []screenpop.Tenant{agent.Tenant, "other.example.com"},
			},
			Traces: h, Pairings: h, Calls: h, DryRuns: h, Numbers: h, Configurations: h, Usage: h,
		}
	})
	return h
}

// way is what is on record of a call that was shown.
func way(a screenpop.Agent, call string, at time.Time) []screenpop.TraceEntry {
	var entries []screenpop.TraceEntry
	for i, e := range []screenpop.TraceEntry{
		{Step: screenpop.StepEvent, Verdict: "accepted", Detail: "ringing", TraceFacts: &screenpop.TraceFacts{Agents: []screenpop.Extension{a.Extension}, Fields: screenpop.FieldsOf(shapes{})}},
		{Step: screenpop.StepLookup, Verdict: "matched", Detail: "tail of 4 digits: 1 of 2 hits", TraceFacts: &screenpop.TraceFacts{Token: screenpop.TokenRefreshed, Plan: []string{"whole number", "tail of 4 digits"}, Searches: []screenpop.TraceSearch{
			{Search: "whole number", Result: screenpop.SearchNotAccepted, Took: 61}, {Search: "tail of 4 digits", Result: screenpop.SearchAnswered, Read: 2, Hits: 2, Verified: 1, Took: 48},
		}}},
		{Step: screenpop.StepPush, Verdict: "shown", Detail: "on 2 screens", Screens: 2},
	} {
		e.Time, e.Tenant, e.Extension, e.Call, e.Number = at.Add(time.Duration(i*137)*time.Millisecond), a.Tenant, a.Extension, screenpop.CallID(call), "**********"+string(a.Extension[1:])
		entries = append(entries, e)
	}
	return entries
}

// shapes are the fields of an event.
type shapes struct{}

func (shapes) TraceFields() []screenpop.TraceField {
	return []screenpop.TraceField{{Name: "event", Shape: "the word ringing"}, {Name: "caller", Field: "from", Shape: "+ and 11 digits, the last 02"}, {Name: "to", Shape: "3 digits"}}
}

func (h *house) Agents() []screenpop.Agent { return h.agents }

func (h *house) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	i := slices.IndexFunc(h.agents, func(a screenpop.Agent) bool { return a.AgentID == id })
	if i < 0 {
		return screenpop.Agent{}, false
	}
	return h.agents[i], true
}

// Pairing is the office's for its one agent, and fixed for the others.
func (h *house) Pairing(id screenpop.AgentID) screenpop.Pairing {
	if id == agent.AgentID {
		return h.office.Pairing(id)
	}
	return h.pairings[id]
}

func (h *house) Follow(ctx context.Context, _ web.TraceQuery) ([]screenpop.TraceEntry, <-chan screenpop.TraceEntry) {
	out := make(chan screenpop.TraceEntry)
	go func() {
		defer close(out)
		for {
			select {
			case e := <-h.next:
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return slices.Clone(h.past), out
}

// Use is of late for those who are paired; one has had a failure.
func (h *house) Use(a screenpop.AgentID) web.Use {
	var use web.Use
	if h.pairings[a].State == screenpop.Paired {
		use.LastUse = h.began.Add(-12 * time.Minute)
	}
	if h.pairings[a].State == screenpop.Attention {
		use.LastFailure = &web.Failure{At: h.began.Add(-40 * time.Minute), Problem: "Smokeball does not let this sign-in look up contacts (403)."}
	}
	return use
}

func (h *house) Reports(t screenpop.Tenant) []any {
	list := []any{}
	for _, each := range []map[string]any{
		{"tenant": "firm.example.com", "agents": 6, "pbx": map[string]any{"problem": "", "last_success": time.Now(), "gaps": []string{}}, "without_email": []string{"107"}, "same_email": []any{}, "paired_gone": []string{"110", "111"}},
		{"tenant": "other.example.com", "agents": 1, "pbx": nil},
	} {
		if t == "" || string(t) == each["tenant"] {
			list = append(list, each)
		}
	}
	return list
}

func (h *house) Live(t screenpop.Tenant) ([]web.LiveCall, bool) {
	calls := []web.LiveCall{}
	for _, c := range []web.LiveCall{
		{Tenant: "firm.example.com", Call: "call-live", Direction: screenpop.Inbound, Number: "**********47", Since: h.began, Agents: []web.CallAgent{
			{Extension: "101", State: screenpop.Ringing, Since: h.began, Pop: true, Screens: 2}, {Extension: "102", State: screenpop.Ringing, Since: h.began},
		}},
		{Tenant: "other.example.com", Call: "call-theirs", Direction: screenpop.Outbound, Number: "**********88", Since: h.began, Agents: []web.CallAgent{
			{Extension: "901", State: screenpop.Connected, Since: h.began, Pop: true, Screens: 1},
		}},
	} {
		if t == "" || t == c.Tenant {
			calls = append(calls, c)
		}
	}
	return calls, true
}

func (h *house) DryRun(t screenpop.Tenant, s web.Sample) (web.Trial, error) {
	trial := web.Trial{Tenant: t, Status: 202, Verdict: "accepted", Call: "1-2", State: screenpop.Ringing, Direction: screenpop.Inbound, Number: "+16173998147", Display: "(617) 399-8147",
		Agents: []web.TrialAgent{
			{Extension: "102", Queue: "Reception", Pairing: screenpop.Paired, Screens: 2, Pops: "ringing"}, {Extension: "101", Pairing: screenpop.Unpaired, Pops: "ringing"},
		}, Concerned: []string{"102", "101"}, Fields: []web.TrialField{{Source: "body", Name: "from", Field: "from", Shape: "a number of 11 digits"}, {Source: "body", Name: "trunk", Shape: "a word"}}, Hints: []string{}}
	if !strings.Contains(s.Body, "ringing") {
		trial = web.Trial{Tenant: t, Status: 200, Verdict: "star-code", Reason: "a party is a feature code", Agents: []web.TrialAgent{}, Concerned: []string{}, Fields: []web.TrialField{}, Hints: []string{"Send the event's name in the field event."}}
	}
	return trial, nil
}

func (h *house) Numbers(_ context.Context, a screenpop.AgentID, progress func(web.NumbersProgress) error) (web.NumbersReport, error) {
	for read := 0; read <= 1000; read += 500 {
		if err := progress(web.NumbersProgress{Read: read, Of: 1204}); err != nil {
			return web.NumbersReport{}, err
		}
	}
	return web.NumbersReport{AgentID: a, Contacts: 1204, WithoutNumber: 88, Numbers: 1630, Good: 1611, Bad: 19, Complete: true, Began: h.began, Milliseconds: 8400, Faults: []web.Fault{
		{Reason: "no-area-code", Meaning: "The number has 7 digits and no area code.", Do: "Write the area code, or set pbx.area_code.", Count: 17,
			Records: []web.FaultRecord{{ID: "c1", Field: "phone", Link: "https://app.example/#/c1"}, {ID: "c2", Field: "cell", Link: "https://app.example/#/c2"}}, More: 15},
		{Reason: "words", Meaning: "There are words among the digits.", Do: "Write the number alone.", Count: 2, Records: []web.FaultRecord{{ID: "c3", Field: "phone2", Link: "javascript:alert(1)"}}},
	}}, nil
}

func (h *house) Loaded() (web.LoadedConfiguration, error) {
	return web.LoadedConfiguration{YAML: "public_url: \"https://pop.firm.example\"\nstate_dir: \"/var/lib/smokepop\"\ntenants:\n  - domain: \"firm.example.com\"\n    smokeball:\n      client_secret: \"[redacted]\"\n", Loaded: h.began,
		Warnings: []string{"tenants[0].pbx.webhook: the PBX's address is not in allow"}}, nil
}

func (h *house) LoadedOf(tenants []screenpop.Tenant) (web.LoadedConfiguration, error) {
	return web.LoadedConfiguration{YAML: fmt.Sprintf("tenants:\n  - domain: %q\n", tenants[0]), Loaded: h.began}, nil
}

func (h *house) Refresh(context.Context, screenpop.Tenant) error { return nil }

// link makes an admin's link.
func (h *house) link(email string) string {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), "POST", "/v1/admin/links", strings.NewReader(`{"email":"`+email+`"}`))
	w := httptest.NewRecorder()
	h.server.Admin().ServeHTTP(w, r)
	var made struct{ URL string }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 200 {
		h.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return made.URL
}

// administered returns a house and a tab in which an admin is signed in.
func administered(t testing.TB, email string) (*house, *tab) {
	t.Helper()
	b := browser(t)
	h := newHouse(t)
	b.do(chromedp.Navigate(h.link(email)))
	b.until(`document.body.dataset.state === 'signed-in'`)
	return h, b
}

// goes opens a part of the page.
func (b *tab) goes(view string) {
	b.t.Helper()
	b.click(`#views a[data-view="` + view + `"]`)
	b.until(`document.body.dataset.view === "` + view + `"`)
}

// adminParts are the page's parts, and how each is reached with something to see.
var adminParts = []struct {
	name  string
	reach func(h *house, b *tab)
}{
	{"agents", func(*house, *tab) {}},
	{"calls", func(_ *house, b *tab) {
		b.goes("calls")
		b.click(`#traced li:last-child button`)
		b.count("#steps > li", 3)
		b.count("#live > li", 2)
	}},
	{"browsers", func(_ *house, b *tab) {
		b.goes("browsers")
		b.count("#browsers tbody tr", 1)
	}},
	{"numbers", func(_ *house, b *tab) {
		b.goes("numbers")
		b.click("#numbers-start")
		b.count("#faults > li", 2)
		b.until(`document.getElementById('numbers-running').hidden`)
	}},
	{"configuration", func(_ *house, b *tab) {
		b.goes("configuration")
		b.until(`document.getElementById('configuration-text').textContent.includes('redacted')`)
	}},
	{"try", func(_ *house, b *tab) {
		b.goes("try")
		b.click("#try-sample")
		b.click("#try-yes")
		b.count("#trial-agents > li", 2)
	}},
	{"directory", func(_ *house, b *tab) {
		b.goes("directory")
		b.count("#directories > li", 2)
	}},
	{"agent", func(_ *house, b *tab) {
		b.goes("agents")
		b.click(`tr[data-extension="101"] .manage`)
		b.until(`document.getElementById('agent').open`)
		b.click("#agent-invite")
		b.until(`document.getElementById('agent-link').value.includes('/join#')`)
	}},
	{"force", func(_ *house, b *tab) {
		b.click("#agent-sign-out")
		b.until(`document.getElementById('force').open`)
	}},
	{"signed-out", func(_ *house, b *tab) {
		b.click("#force-no")
		b.click("#agent-close")
		b.click("#sign-out")
		b.until(`document.body.dataset.state === 'signed-out' && document.getElementById('signed-out-reason').textContent !== ''`)
	}},
}

// everyAdminPart goes through all parts of the page.
func everyAdminPart(t *testing.T, visit func(b *tab, name string)) {
	t.Helper()
	h, b := administered(t, everybodysAdmin)
	agents := open(t, b.ctx)
	agents.do(chromedp.Navigate(h.admin("/v1/invites")))
	agents.state("#connection", "connected")
	b.do(chromedp.Reload())
	b.until(`document.querySelector('tr[data-extension="101"] .screens')?.textContent === '1'`)
	for _, p := range adminParts {
		p.reach(h, b)
		visit(b, p.name)
	}
}

// A link signs in, and is used up by that; the board shows everybody.
func TestBrowserAdminBoard(t *testing.T) {
	h := newHouse(t)
	b := browser(t)
	link := h.link(everybodysAdmin)
	b.do(chromedp.Navigate(link))
	b.until(`document.body.dataset.state === 'signed-in'`)
	b.count("#agents tbody tr", 7)
	for expression, want := range map[string]string{
		`location.pathname + location.hash + location.search`:                                                     "/admin",
		`document.getElementById('admin-email').textContent`:                                                      everybodysAdmin,
		`[...document.querySelectorAll('#tiles .tile-number')].map((e) => e.textContent).join()`:                  "7,4,1,2,1",
		`document.querySelector('tr[data-extension="103"] .chip-text').textContent`:                               "Ending soon",
		`document.querySelector('tr[data-extension="103"] .ends').textContent`:                                    "in 2 days",
		`document.querySelector('tr[data-extension="104"] .failed').textContent`:                                  "Smokeball does not let this sign-in look up contacts (403). (40 minutes ago)",
		`document.querySelector('tr[data-extension="102"] .used').textContent`:                                    "12 minutes ago",
		`document.querySelector('tr[data-extension="106"] .account').textContent.startsWith('reception@firm')`:    "true",
		`document.querySelector('tr[data-extension="901"] .about').textContent.includes('other.example.com')`:     "true",
		`document.documentElement.lang + document.querySelectorAll('#agents [role=columnheader]').length`:         "en8",
		`[...document.querySelectorAll('#agents .manage')].every((m) => m.getAttribute('aria-label').length > 8)`: "true",
	} {
		if got := b.js(expression); got != want {
			t.Errorf("%s = %q, want %q", expression, got, want)
		}
	}
	b.click(`#tiles [data-filter="attention"]`)
	b.count("#agents tbody tr", 2)
	b.click(`#tiles [data-filter="attention"]`)
	b.do(chromedp.SendKeys(chromedp.CSS("#agents-search"), "zoe"))
	b.count("#agents tbody tr", 1)

	// The link again: in this browser it has done its work, in another it is none.
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link))
	b.until(`document.body.dataset.state === 'signed-in'`)
	b.click("#sign-out")
	b.until(`document.getElementById('signed-out-reason').textContent === 'You are signed out.'`)
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link))
	b.until(`document.getElementById('sign-in-problem').textContent.includes('works once')`)
	b.do(chromedp.Navigate(h.origin + "/admin/calls"))
	b.until(`document.body.dataset.state === 'signed-out' && document.getElementById('signed-out').checkVisibility()`)
	if b.js(`document.getElementById('admin').checkVisibility()`) != "false" {
		t.Error("there is something to see")
	}
}

// What an admin forces is seen on the agent's page, with the reason in words.
func TestBrowserAdminForces(t *testing.T) {
	h, b := administered(t, firmsAdmin)
	agents := open(t, b.ctx)
	agents.do(chromedp.Navigate(h.admin("/v1/invites")))
	agents.state("#connection", "connected")
	h.set(screenpop.Pairing{State: screenpop.Paired, Account: "priya@firm.example"})
	agents.state("#pairing", "paired")

	force := func(button, reason string) {
		t.Helper()
		b.click(button)
		b.until(`document.getElementById('force').open && document.activeElement.id === 'force-reason'`)
		b.click("#force-yes") // not without a reason
		b.until(`document.getElementById('force').open`)
		b.do(chromedp.SendKeys(chromedp.CSS("#force-reason"), reason))
		b.click("#force-yes")
		b.until(`!document.getElementById('force').open && document.getElementById('agent-said').textContent !== ''`)
	}
	b.click(`tr[data-extension="101"] .manage`)
	b.until(`document.getElementById('agent').open`)
	b.until(`document.getElementById('agent').dataset.state === 'paired'`)
	force("#agent-unpair", "The account changes hands.")
	agents.state("#pairing", "unpaired")
	agents.until(`document.getElementById('pairing').innerText.includes('The account changes hands.')`)
	b.until(`document.getElementById('agent').dataset.state === 'unpaired'`)

	force("#agent-sign-out", "This laptop was lost")
	agents.until(`document.body.dataset.state === 'signed-out' && document.getElementById('signed-out').innerText.includes('This laptop was lost')`)
	b.until(`document.getElementById('agent-browsers').innerText === 'Not signed in anywhere.'`)

	b.click("#agent-invite")
	b.until(`document.getElementById('agent-link').value.includes('/join#')`)
	agents.do(chromedp.Navigate(b.js(`document.getElementById('agent-link').value`)))
	agents.state("#connection", "connected")
	b.click("#agent-close")
	b.until(`document.getElementById('agent-link').value === ''`) // it does not stay in the page
}

// The trace is followed while it is open.
func TestBrowserAdminFollowsCalls(t *testing.T) {
	h, b := administered(t, everybodysAdmin)
	b.goes("calls")
	b.count("#traced > li", 2)
	b.count("#live > li", 2)
	b.says(`#live [data-call="call-live"] .live-agents`, "101: pop on 2 screens 102: no pop")
	for _, e := range way(h.agents[1], "call-new", time.Now()) {
		h.next <- e
	}
	b.count("#traced > li", 3)
	b.click(`#traced > li[data-call="call-new"] button`)
	b.count("#steps > li", 3)
	b.until(`document.querySelector('#steps [data-step="lookup"]').dataset.verdict === 'matched' && document.activeElement.id === 'steps-title'`)
	b.says(`#steps [data-step="lookup"] .step-facts`, "Token had ended, and was refreshed first To be searched whole number, then tail of 4 digits Searched: whole number Smokeball does not take this search, after 61 ms Searched: tail of 4 digits 2 hits, 2 read, 1 with the number, in 48 ms")
	b.click(`#steps [data-step="event"] summary`)
	b.says(`#steps [data-step="event"] .step-came dl`, "event the word ringing caller (from) + and 11 digits, the last 02 to 3 digits")
	b.js(`document.getElementById('steps-title').focus()`)
	h.next <- screenpop.TraceEntry{Time: time.Now(), Tenant: agent.Tenant, Extension: "102", Call: "call-new", Step: screenpop.StepFlow, Verdict: "ended", Rule: "pops.inbound", Detail: "<b>terminated</b>"}
	b.count("#steps > li", 4)
	if got := b.js(`document.activeElement.id + document.querySelector('#steps > li:last-child .step-detail').textContent`); got != "steps-title<b>terminated</b>" {
		t.Errorf("%s", got)
	}
	b.click("#follow")
	b.until(`document.getElementById('follow').getAttribute('aria-pressed') === 'false'`)
	b.click("#follow")
	b.until(`document.getElementById('follow').dataset.state === 'following'`)
	b.do(chromedp.SendKeys(chromedp.CSS("#calls-search"), "ext901"))
	b.count("#traced > li", 1)
}

func TestBrowserAdminTriesAndLooksAtNumbers(t *testing.T) {
	_, b := administered(t, everybodysAdmin)
	b.goes("try")
	b.click("#try-sample")
	b.click("#try-yes")
	b.until(`document.getElementById('trial').dataset.verdict === 'accepted'`)
	b.says("#trial-title", "Accepted: 2 agents have the call")
	b.js(`document.getElementById('try-event').value = '?event=star'`)
	b.click("#try-yes")
	b.until(`document.getElementById('trial').dataset.verdict === 'star-code'`)
	b.says("#trial-reason", "a party is a feature code")
	b.count("#trial-agents > li", 0)

	b.goes("numbers")
	b.click("#numbers-start")
	b.count("#faults > li", 2)
	// Only web addresses are links.
	if got := b.js(`[...document.querySelectorAll('.records a')].map((a) => a.href + a.rel).join()`); got != "https://app.example/#/c1noopener noreferrer,https://app.example/#/c2noopener noreferrer" {
		t.Errorf("links %s", got)
	}
	b.goes("configuration")
	b.until(`document.getElementById('configuration-text').textContent.includes('[redacted]')`)
	b.js(`history.back()`)
	b.until(`document.body.dataset.view === 'numbers'`)
}

// A firm's admin sees that firm, as if there were no other.
func TestBrowserAdminOfAFirm(t *testing.T) {
	_, b := administered(t, firmsAdmin)
	b.count("#agents tbody tr", 6)
	for _, view := range []string{"calls", "browsers", "directory", "configuration", "agents"} {
		b.goes(view)
		switch view {
		case "calls":
			b.count("#traced > li", 1)
			b.count("#live > li", 1)
		case "directory":
			b.count("#directories > li", 1)
		case "configuration":
			b.until(`document.getElementById('configuration-text').textContent !== ''`)
		}
		if got := b.js(`document.body.textContent.replace(/@[a-z.]*/g, '').match(/other\.example|Olga|901/)`); got != "null" {
			t.Errorf("%s shows %s", view, got)
		}
	}
	b.until(`!document.getElementById('agents-tenant-row').checkVisibility()`) // there is one firm
}

// When the session has ended elsewhere the page says so and shows nothing more.
func TestBrowserAdminSessionEnds(t *testing.T) {
	h, b := administered(t, everybodysAdmin)
	b.count("#agents tbody tr", 7)
	b.click(`tr[data-extension="102"] .manage`)
	b.until(`document.getElementById('agent').open`)
	h.server.SetAdministration(web.Administration{Admins: []web.Admin{{Email: firmsAdmin}}})
	b.click("#agent-invite")
	b.until(`document.body.dataset.state === 'signed-out' && !document.getElementById('agent').open`)
	b.says("#signed-out-reason", "Your session as an admin has ended. Sign in again to go on.")
}

// Every part of the page, in both themes, is without a violation as far as axe can
// tell, and nothing has to be scrolled sideways.
func TestBrowserAdminIsAccessible(t *testing.T) {
	source := axe(t)
	everyAdminPart(t, func(b *tab, name string) {
		for _, theme := range []string{"light", "dark"} {
			b.looks(theme)
			b.accessible(source, name+" "+theme)
		}
		for _, width := range []int64{320, 640, 1280, 3840} {
			b.do(chromedp.EmulateViewport(width, 800))
			// The parts' names are a row that is swiped through where it does not fit.
			wide := b.js(`[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('.unseen, svg, #views, pre, thead') && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)).map((e) => e.id || e.className || e.tagName).join() + (document.documentElement.scrollWidth > innerWidth ? ' scrolls' : '')`)
			if wide != "" {
				t.Errorf("%s, %d pixels wide: beyond the window: %s", name, width, wide)
			}
		}
		b.do(chromedp.EmulateViewport(1280, 800))
		b.looks("light")
	})
}

func TestBrowserAdminScreens(t *testing.T) {
	folder := os.Getenv("SMOKEPOP_TEST_SCREENS")
	if folder == "" {
		t.Skip("pictures are taken by make screens")
	}
	everyAdminPart(t, func(b *tab, name string) { b.pictures(folder, "admin-"+name) })
}

// While the store does not answer the page says that it passes, keeps what it shows,
// and comes back by itself; a link that was opened meanwhile is good afterwards.
func TestBrowserAdminOutlastsTheStore(t *testing.T) {
	h, b := administered(t, everybodysAdmin)
	b.count("#agents tbody tr", 7)
	link := h.link(everybodysAdmin)
	web.SetAway(h.store, true)
	b.goes("directory")
	b.until(`document.getElementById('trouble-text').checkVisibility() && document.getElementById('trouble-text').textContent.includes('Nothing is lost')`)
	b.until(`document.body.dataset.state === 'signed-in'`)
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link))
	b.until(`document.getElementById('sign-in-problem').textContent.includes('Nothing is lost') && document.getElementById('sign-in-again').checkVisibility()`)
	web.SetAway(h.store, false)
	b.click("#sign-in-again")
	b.until(`document.body.dataset.state === 'signed-in' && document.getElementById('trouble').hidden`)
}
