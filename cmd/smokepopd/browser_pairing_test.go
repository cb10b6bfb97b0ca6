package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// signsIn begins pairing in a tab and signs in as the user with this e-mail.
func (tb *tab) signsIn(email string) {
	tb.t.Helper()
	tb.click("#pair")
	tb.window("/oauth2/authorize").press(fmt.Sprintf("button[data-email=%q]", email))
}

// begins presses "Pair" and returns the window that opens.
func (tb *tab) begins() *tab {
	tb.t.Helper()
	tb.click("#pair")
	return tb.window("/oauth2/authorize")
}

// keepsPopup lets conditions in the page look into the pairing window, which is
// the page's own site again once it has come back.
func (tb *tab) keepsPopup() {
	tb.t.Helper()
	tb.eval(`(window.reallyOpen = window.open, window.open = (...a) => window.popup = reallyOpen(...a), 1)`)
}

func (tb *tab) says(words string) {
	tb.t.Helper()
	tb.holds(fmt.Sprintf(`document.body.innerText.includes(%q)`, words))
}

// An agent whose pairing is about to end is told, and pairs again with one
// click; whatever goes wrong with that, the pairing goes on.
func TestPairAgainBeforeTheEnd(t *testing.T) {
	b := newBrowser(t)
	s := startSystem(t, systemOptions{world: tenantSetting("smokeball", "refresh_token_lifetime", "96h")})
	me, caller := s.firm().Agents[0], s.known()[0]
	tb := b.profile()
	s.join(tb, me.Extension)
	s.pair(tb, me.Email)
	tb.sees(`#pairing[data-state="paired"][data-warning="expiring"] #pairing-sign[data-sign="tick"]`)
	tb.says("Your pairing ends in 4 days.")
	tb.holds(fmt.Sprintf(`document.getElementById("pairing-title").textContent.startsWith("Paired as %s until ")`, me.Name))
	tb.eval(`(fetch("/api/me").then(r => r.json()).then(m => window.since = m.pairing.since), 1)`)
	tb.holds(`window.since`)

	tb.screenshots("pairing-ending")

	tb.keepsPopup()
	tb.click("#pair")
	window := tb.window("/oauth2/authorize")
	tb.says("You stay paired meanwhile.")
	window.press("button.deny")
	tb.holds(fmt.Sprintf(`popup.document.getElementById("outcome-still").textContent === "Nothing has changed: you are still paired as %s."`, me.Name))
	tb.holds(fmt.Sprintf(`document.getElementById("pairing-progress").textContent === "Nothing has changed: you are still paired as %s."`, me.Name))
	s.fence(tb, me.Extension, caller, "after the refusal")
	if n := s.smokeball().RevokedCount(); n != 0 {
		t.Errorf("%d tokens revoked", n)
	}

	// By script, and in the same window: one behind another takes no mouse.
	tb.eval(`pair.click()`)
	tb.window("/oauth2/authorize").press(fmt.Sprintf("button[data-email=%q]", me.Email))
	tb.holds(`fetch("/api/me").then(r => r.json()).then(m => window.now = m.pairing.since) && window.now && window.now !== window.since`)
	tb.holds(`document.getElementById("pairing-progress").textContent === ""`)
	s.fence(tb, me.Extension, caller, "after pairing again")
}

// The right single button, and the sentence of what is wrong.
func TestPairingEndsAndIsRefused(t *testing.T) {
	b := newBrowser(t)
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	tb := b.profile()
	s.join(tb, me.Extension)
	s.pair(tb, me.Email)

	undo := s.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 403, Body: `{"message":"Forbidden"}`})
	s.mustAccept(event{"event": "ringing", "call_id": "refused", "from": s.known()[0].E164(), "to": me.Extension})
	tb.sees(`#pairing[data-state="attention"] #pairing-sign[data-sign="cross"]`)
	tb.sees("#pairing-problem")
	tb.holds(`pair.checkVisibility() && pair.textContent === "Pair again"`)
	tb.screenshots("pairing-attention")
	undo()

	s.smokeball().RevokeUser(me.Email)
	s.smokeball().ExpireAccess(me.Email)
	s.mustAccept(event{"event": "ringing", "call_id": "ended", "from": s.known()[0].E164(), "to": me.Extension})
	tb.sees(`#pairing[data-state="expired"] #pairing-sign[data-sign="cross"]`)
	tb.says("Your pairing has ended")
	tb.says("You were paired as " + me.Name)
	tb.holds(`pair.checkVisibility() && pair.textContent === "Pair again" && !unpair.checkVisibility()`)
	tb.screenshots("pairing-ended")
	tb.signsIn(me.Email)
	tb.sees(`#pairing[data-state="paired"]`)
}

// On a shared computer Smokeball offers whoever was there before.
func TestSharedComputerPairsThePersonBefore(t *testing.T) {
	b := newBrowser(t)
	s := startSystem(t, systemOptions{})
	before, me := s.firm().Agents[1], s.firm().Agents[0]
	tb := b.profile()
	s.join(tb, before.Extension)
	s.pair(tb, before.Email)
	tb.click("#sign-out")
	tb.click("#confirm-yes")
	tb.sees("#signed-out")

	tb.open("about:blank")
	s.join(tb, me.Extension)
	tb.keepsPopup()
	tb.click("#pair")
	tb.window("/oauth2/authorize").press("button.last")
	tb.holds(fmt.Sprintf(`popup.document.body.dataset.warning === "mismatch" && popup.document.getElementById("outcome-text").textContent.startsWith(%q)`,
		before.Name+" is paired here, but this extension is "+me.Email))
	tb.sees(`#pairing[data-state="paired"][data-warning="mismatch"] #pairing-sign[data-sign="tick"]`)
	tb.holds(fmt.Sprintf(`document.getElementById("pairing-title").textContent.startsWith("Paired as %s until ")`, before.Name))
	tb.says("sign out of Smokeball first")
	tb.eval(`(popup.document.getElementById("close").click(), 1)`)
	tb.holds(`popup.closed`)
	tb.screenshots("pairing-mismatch")
	tb.holds(`pair.checkVisibility() && pair.textContent === "Pair again"`)
}

// Unpairing in one tab shows in all, also in another browser, and does not
// wait for Smokeball.
func TestUnpairShowsEverywhere(t *testing.T) {
	b := newBrowser(t)
	shown := make(chan struct{}) // closed once every tab has shown it
	s := startSystem(t, systemOptions{as: func(o *simulator.Options) {
		o.Sleep = func(ctx context.Context, _ time.Duration) error {
			select {
			case <-shown:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}})
	me := s.firm().Agents[0]
	tb := b.profile()
	s.join(tb, me.Extension)
	s.pair(tb, me.Email)
	second := tb.another()
	second.open(s.world.public + "/")
	elsewhere := b.profile()
	s.join(elsewhere, me.Extension)
	all := []*tab{tb, second, elsewhere}
	s.mustAccept(event{"event": "ringing", "call_id": "live", "from": s.known()[0].E164(), "to": me.Extension})
	for _, each := range all {
		each.sees(`#pops > [data-state="ringing"]`)
		// The page notes when it heard, by a clock that all of them share.
		each.eval(`(new MutationObserver(() => { window.heardAt ??= Date.now() }).observe(document.getElementById("pairing"), { attributes: true, attributeFilter: ["data-state"] }), 1)`)
	}
	s.smokeball().Inject(simulator.Fault{Endpoint: simulator.RevokeEndpoint, Latency: 1, Status: http.StatusBadGateway})
	tb.click("#unpair")
	tb.sees("#confirm-yes")
	tb.eval(`(document.getElementById("confirm-yes").addEventListener("click", () => { window.pressedAt = Date.now() }), 1)`)
	tb.click("#confirm-yes")
	for _, each := range all {
		each.sees(`#pairing[data-state="unpaired"] #pairing-sign[data-sign="cross"]`)
		each.holds(`document.querySelectorAll("#pops > *, #recent > *").length === 0`)
	}
	close(shown)
	tb.says("Smokeball did not confirm that it has ended there too")
	tb.screenshots("pairing-not-confirmed")
	pressed := tb.eval(`pressedAt`)
	for i, each := range all {
		t.Logf("tab %d showed it after %s ms", i, each.eval(`heardAt - `+pressed))
	}
}

// Two pairings at once end in one, and every tab shows the same.
func TestTwoTabsPairAtOnce(t *testing.T) {
	for _, c := range []struct {
		name        string
		firstBegins bool // the one that began first also finishes first
	}{{"in order", true}, {"crossed", false}} {
		t.Run(c.name, func(t *testing.T) {
			b, other := newBrowser(t), newBrowser(t)
			s := startSystem(t, systemOptions{})
			me := s.firm().Agents[0]
			one, two := b.profile(), other.profile()
			s.join(one, me.Extension)
			s.join(two, me.Extension)
			windows := []*tab{one.begins(), two.begins()}
			if !c.firstBegins {
				windows[0], windows[1] = windows[1], windows[0]
			}
			for i, w := range windows {
				w.press(fmt.Sprintf("button[data-email=%q]", me.Email))
				if err := s.smokeball().Await(t.Context(), simulator.TokenEndpoint, i+1); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.smokeball().Await(t.Context(), simulator.RevokeEndpoint, 1); err != nil {
				t.Fatal(err)
			}
			for _, each := range []*tab{one, two} {
				each.sees(`#pairing[data-state="paired"] #pairing-sign[data-sign="tick"]`)
				each.holds(fmt.Sprintf(`document.getElementById("pairing-title").textContent.startsWith("Paired as %s until ") && document.getElementById("pairing-progress").textContent === ""`, me.Name))
			}
			if a, b := one.text("#pairing"), two.text("#pairing"); a != b {
				t.Errorf("one shows %q, the other %q", strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
			}
			if n := len(s.smokeball().Tokens(me.Email).Refresh); n != 1 {
				t.Errorf("%d refresh tokens are good, want 1", n)
			}
		})
	}
}
