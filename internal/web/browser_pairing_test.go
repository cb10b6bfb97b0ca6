package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// noon is noon of a day from today on: whole days are left whatever the time.
func noon(days int) *time.Time {
	y, m, d := time.Now().Date()
	at := time.Date(y, m, d+days, 12, 0, 0, 0, time.Local)
	return &at
}

func TestBrowserSaysHowThePairingStands(t *testing.T) {
	o, b := joined(t)
	no := false
	soon := time.Now().Add(time.Minute)
	until := func(days int) string { return noon(days).Format("January 2") }
	for _, c := range []struct {
		name                  string
		pairing               screenpop.Pairing
		warning, sign, button string
		unpair                bool
		says                  []string
	}{
		{"paired", screenpop.Pairing{State: screenpop.Paired, Since: noon(-1), Expires: noon(29), Account: "Priya Shah"},
			"", "tick", "", true, []string{"Paired as Priya Shah until " + until(29), "Since " + until(-1)}},
		{"nobody's name known", screenpop.Pairing{State: screenpop.Paired, Since: noon(-1), Expires: noon(29)},
			"", "tick", "", true, []string{"Paired with Smokeball until " + until(29)}},
		{"another year", screenpop.Pairing{State: screenpop.Paired, Since: noon(-1), Expires: noon(400)},
			"", "tick", "", true, []string{"until " + noon(400).Format("January 2, 2006")}},
		{"more than 5 days", screenpop.Pairing{State: screenpop.Paired, Since: noon(-24), Expires: noon(6)},
			"", "tick", "", true, []string{"until " + until(6)}},
		{"less than 5 days", screenpop.Pairing{State: screenpop.Paired, Since: noon(-26), Expires: noon(4), Account: "Priya Shah", Problem: "ends"},
			"expiring", "tick", "Pair again", true, []string{"Paired as Priya Shah", "Your pairing ends in 4 days."}},
		{"a day", screenpop.Pairing{State: screenpop.Paired, Since: noon(-29), Expires: noon(1)},
			"expiring", "tick", "Pair again", true, []string{"Your pairing ends tomorrow."}},
		{"never longer, and smokepop warns", screenpop.Pairing{State: screenpop.Paired, Since: noon(0), Expires: noon(3), Problem: "ends"},
			"expiring", "tick", "Pair again", true, []string{"Your pairing ends in 3 days."}},
		{"an access token alone", screenpop.Pairing{State: screenpop.Paired, Since: noon(0), Expires: &soon},
			"", "tick", "", true, []string{"Paired with Smokeball until"}},
		{"somebody else", screenpop.Pairing{State: screenpop.Paired, Since: noon(-1), Expires: noon(29), Account: "Daniel Okafor", EmailMatches: &no, Problem: "misfit"},
			"mismatch", "tick", "Pair again", true, []string{"Paired as Daniel Okafor until", "Daniel Okafor is paired here, but this extension is priya@firm.example.", "sign out of Smokeball first"}},
		{"somebody else, and ending", screenpop.Pairing{State: screenpop.Paired, Since: noon(-28), Expires: noon(2), Account: "Daniel Okafor", EmailMatches: &no, Problem: "misfit"},
			"expiring", "tick", "Pair again", true, []string{"ends in 2 days", "Daniel Okafor is paired here"}},
		{"ended", screenpop.Pairing{State: screenpop.Expired, Since: noon(-31), Expires: noon(-1), Account: "Priya Shah", Problem: "It has ended."},
			"", "cross", "Pair again", false, []string{"Your pairing has ended", "You were paired as Priya Shah until " + until(-1), "It has ended."}},
		{"attention", screenpop.Pairing{State: screenpop.Attention, Since: noon(-1), Expires: noon(29), Account: "Priya Shah", Problem: "No licence."},
			"", "cross", "Pair again", true, []string{"Your pairing needs attention", "No licence.", "Paired as Priya Shah until"}},
		{"attention of somebody else's", screenpop.Pairing{State: screenpop.Attention, Since: noon(-1), Expires: noon(29), Account: "Daniel Okafor", EmailMatches: &no, Problem: "No licence."},
			"mismatch", "cross", "Pair again", true, []string{"No licence.", "Daniel Okafor is paired here"}},
		{"unpaired", screenpop.Pairing{State: screenpop.Unpaired}, "", "cross", "Pair with Smokeball", false, []string{"Sign in to Smokeball once"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.set(c.pairing)
			for _, words := range c.says {
				b.until(fmt.Sprintf(`document.getElementById('pairing').innerText.includes(%q)`, words))
			}
			got := b.js(`[pairing.dataset.state, pairing.dataset.warning, document.getElementById('pairing-sign').dataset.sign, pair.checkVisibility() ? pair.textContent : '', unpair.checkVisibility()].join('|')`)
			want := strings.Join([]string{string(c.pairing.State), c.warning, c.sign, c.button, fmt.Sprint(c.unpair)}, "|")
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// A warning is on the first screenful of a narrow window, but below a call.
func TestBrowserShowsTheWarningOnANarrowWindow(t *testing.T) {
	o, b := joined(t)
	b.do(chromedp.EmulateViewport(320, 568))
	o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(-26), Expires: noon(4), Account: "Priya Shah"})
	b.until(`pairing.dataset.warning === 'expiring'`)
	if got := b.js(`document.getElementById('pairing-problem').getBoundingClientRect().bottom < innerHeight`); got != "true" {
		t.Error("the warning is below the window")
	}
	if got := b.js(`document.documentElement.scrollWidth <= innerWidth`); got != "true" {
		t.Error("the page is wider than its window")
	}
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	b.until(`document.querySelector('.pop').getBoundingClientRect().bottom < document.getElementById('pairing').getBoundingClientRect().top`)
}

// The answer of unpairing and the frame may come in any order; what is to be
// said of it stays.
func TestBrowserTellsThatSmokeballDidNotConfirm(t *testing.T) {
	for _, c := range []struct {
		name, answer, says string
	}{
		{"revoked", `{"revoked":true}`, ""},
		{"not confirmed", `{"revoked":false}`, "You are unpaired, and smokepop has deleted its access. Smokeball did not confirm that it has ended there too; it ends by itself."},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, b := joined(t)
			b.js(fmt.Sprintf(`(window.fetch = async (path, init) => init.method === 'DELETE'
				? new Response(%q, { headers: { 'Content-Type': 'application/json' } }) : new Promise(() => {}), 1)`, c.answer))
			b.click("#unpair")
			b.click("#confirm-yes")
			b.state("#pairing", "unpaired") // by the answer alone
			o.set(screenpop.Pairing{State: screenpop.Unpaired, Problem: "the frame"})
			b.until(`document.getElementById('pairing-problem').textContent === 'the frame'`)
			if got := b.js(`document.getElementById('pairing-progress').textContent`); got != c.says {
				t.Errorf("says %q", got)
			}
			o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(0)})
			b.until(`pairing.dataset.state === 'paired' && document.getElementById('pairing-progress').textContent === ''`)
		})
	}
}

// The page says why an admin has ended a pairing or a session.
func TestBrowserTellsAnAdminsReason(t *testing.T) {
	o, b := joined(t)
	b.state("#pairing", "paired")
	o.adminFor("/v1/unpair", "the account <b>changes</b>.")
	b.until(`pairing.dataset.state === 'unpaired' && document.getElementById('pairing-problem').textContent === 'Your administrator has ended your pairing with Smokeball: the account <b>changes</b>.'`)
	o.adminFor("/v1/sign-out", "left the firm")
	b.until(`document.getElementById('signed-out-reason').textContent === 'Your administrator has ended this session: left the firm'`)
}

// What a tab asks about is taken back when another tab has done it.
func TestBrowserTakesTheQuestionBack(t *testing.T) {
	o, b := joined(t)
	b.click("#unpair")
	b.until(`document.getElementById('confirm').open`)
	o.set(screenpop.Pairing{State: screenpop.Unpaired})
	b.until(`!document.getElementById('confirm').open && pairing.dataset.state === 'unpaired'`)
	// Another question is none of its business.
	o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(0)})
	b.state("#pairing", "paired")
	b.click("#sign-out")
	b.until(`document.getElementById('confirm').open`)
	o.set(screenpop.Pairing{State: screenpop.Unpaired})
	b.state("#pairing", "unpaired")
	if b.js(`document.getElementById('confirm').open`) != "true" {
		t.Error("the question about signing out is gone")
	}
}

// An answer that was on its way while a frame came does not undo the frame.
func TestBrowserPrefersTheFrameToAnOlderAnswer(t *testing.T) {
	o, b := joined(t)
	older, err := json.Marshal(map[string]any{"agent": agent, "pairing": screenpop.Pairing{State: screenpop.Paired, Since: noon(0)}})
	if err != nil {
		t.Fatal(err)
	}
	b.js(fmt.Sprintf(`(window.fetch = () => new Promise(done => {
		window.answer = () => done(new Response(%q, { headers: { 'Content-Type': 'application/json' } }));
	}), new BroadcastChannel('smokepop').postMessage('pairing-done'), 1)`, older))
	b.until(`window.answer`)
	o.set(screenpop.Pairing{State: screenpop.Unpaired})
	b.state("#pairing", "unpaired")
	b.js(`(answer(), new Promise(done => setTimeout(done)))`)
	// The hub's next frame comes after whatever the answer did.
	o.hub.Past(agent.AgentID, screenpop.EndedPop{Pop: ring("p1", "Mary"), Ended: time.Now(), Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeMatched})
	b.count("#recent > li", 1)
	if got := b.js(`pairing.dataset.state`); got != "unpaired" {
		t.Errorf("the page says %s", got)
	}
}

// at returns the window that comes to an address that has path in it.
func at(t *testing.T, b *tab, path string) *tab {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		targets, err := chromedp.Targets(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range targets {
			if info.Type == "page" && strings.Contains(info.URL, path) {
				ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(info.TargetID))
				t.Cleanup(cancel)
				b := &tab{t: t, ctx: ctx}
				b.js(`'here'`) // the browser is attached to for as long as the context of the first step
				return b
			}
		}
		b.js(`'a turn of the page'`)
	}
	t.Fatalf("no window came to %s", path)
	return nil
}

// Pairing again that comes to nothing leaves the agent paired, and the page
// says so.
func TestBrowserStaysPairedWhenPairingAgainFails(t *testing.T) {
	o, b := joined(t)
	o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(-28), Expires: noon(2), Account: "Priya Shah"})
	// A Smokeball where first nobody signs in, and then somebody refuses.
	var asked atomic.Int32
	o.smokeball.Close()
	o.smokeball = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<title>Smokeball</title>`)
		// The second click asks for no second sign-in.
		if r.URL.Path == "/authorize" && asked.Add(1) == 2 {
			fmt.Fprintf(w, `<meta http-equiv="refresh" content="0;url=%s?error=access_denied&amp;state=s">`, r.URL.Query().Get("back"))
		}
	}))
	const still = "Nothing has changed: you are still paired as Priya Shah."
	says := func(words string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.getElementById('pairing-progress').textContent === %q`, words))
		b.state("#pairing", "paired")
		b.until(`!pair.disabled && pair.textContent === 'Pair again'`)
	}
	// By script: a window that is not in front takes no mouse.
	pair := func() { t.Helper(); b.js(`pair.click()`) }

	pair()
	says("Sign in to Smokeball in the window that has opened. You stay paired meanwhile.")
	window := at(t, b, "/authorize")
	pair() // brings that window forward and does nothing else
	says("Sign in to Smokeball in the window that has opened. You stay paired meanwhile.")
	window.js(`setTimeout(close, 50)`) // once the debugger has its answer
	says(still)

	pair()
	window = at(t, b, "/pair/callback")
	window.until(fmt.Sprintf(`document.getElementById('outcome-still').textContent === %q`, still))
	says(still)

	b.js(`(window.fetch = async () => new Response('{"detail":"No."}', { status: 502, headers: { 'Content-Type': 'application/problem+json' } }), 1)`)
	pair()
	says("No. " + still)
}

// A sign-in that waits has nothing to wait for once another browser has paired
// again.
func TestBrowserStopsWaitingWhenAnotherHasPaired(t *testing.T) {
	o, b := joined(t)
	o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(-28), Expires: noon(2)})
	o.smokeball.Config.Handler = http.NotFoundHandler() // nobody signs in here
	b.click("#pair")
	b.until(`document.getElementById('pairing-progress').textContent.includes('You stay paired meanwhile.')`)
	o.set(screenpop.Pairing{State: screenpop.Paired, Since: noon(0), Expires: noon(30)})
	b.until(`document.getElementById('pairing-progress').textContent === '' && pairing.dataset.warning === ''`)
}

// The pairing window says who is paired, and stays to warn of somebody else.
func TestBrowserPairingWindowWarnsOfSomebodyElse(t *testing.T) {
	o, b := unpaired(t)
	no := false
	o.mu.Lock()
	o.as = screenpop.Pairing{Account: "Daniel Okafor", EmailMatches: &no}
	o.mu.Unlock()
	b.js(`(window.opener0 = window.open, window.open = (...a) => window.popup = opener0(...a), 1)`)
	b.click("#pair")
	b.until(`popup.document.body.dataset.warning === 'mismatch'`)
	for id, want := range map[string]string{
		"outcome-title": "Paired as Daniel Okafor",
		"outcome-text":  "Daniel Okafor is paired here, but this extension is priya@firm.example. If that is not you, sign out of Smokeball first, in this browser, then pair again: on a shared computer Smokeball signs in whoever was here before.",
	} {
		if got := b.js(fmt.Sprintf(`popup.document.getElementById(%q).textContent`, id)); got != want {
			t.Errorf("%s says %q", id, got)
		}
	}
	b.until(`pairing.dataset.warning === 'mismatch' && document.getElementById('pairing-title').textContent.startsWith('Paired as Daniel Okafor until')`)
	b.js(`(popup.document.getElementById('close').click(), 1)`)
	b.until(`popup.closed`)
}
