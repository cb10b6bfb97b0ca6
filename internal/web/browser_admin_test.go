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
			Traces: h, Pairings: h, Calls: h, DryRuns: h, Numbers: h, Configurations: h,
		}
	})
	return h
}

// way is what is on record of a call that was shown.
func way(a screenpop.Agent, call string, at time.Time) []screenpop.TraceEntry {
	var entries []screenpop.TraceEntry
	for i, e := range []screenpop.TraceEntry{
		{Step: screenpop.StepEvent, Verdict: "accepted", Detail: "ringing"},
		{Step: screenpop.StepLookup, Verdict: "matched", Detail: "1 contact of 2 that Smokeball found has the number"},
		{Step: screenpop.StepPush, Verdict: "shown", Detail: "on 2 screens"},
	} {
		e.Time, e.Tenant, e.Extension, e.Call, e.Number = at.Add(time.Duration(i*137)*time.Millisecond), a.Tenant, a.Extension, screenpop.CallID(call), "**********"+string(a.Extension[1:])
		entries = append(entries, e)
	}
	return entries
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
	}},
	{"browsers", func(_ *house, b *tab) {
		b.goes("browsers")
		b.count("#browsers tbody tr", 1)
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

func TestBrowserAdminScreens(t *testing.T) {
	folder := os.Getenv("SMOKEPOP_TEST_SCREENS")
	if folder == "" {
		t.Skip("pictures are taken by make screens")
	}
	everyAdminPart(t, func(b *tab, name string) { b.pictures(folder, "admin-"+name) })
}
